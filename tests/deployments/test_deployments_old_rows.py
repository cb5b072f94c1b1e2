"""Reasons that were stored as English sentences become messages, and sentences again on the way back."""

from collections.abc import Iterator

import pytest

from deployments.messages import message
from deployments.migrations._old_sentences import OLD, _known, message_of
from deployments.models import Deployment
from serving import messages as engine
from tests.migrating import migrate
from wording import Message, as_written

BEFORE = ("deployments", "0001_initial")


@pytest.mark.parametrize(
    "said",
    [
        engine.message("base_differs", difference=0.123, tolerance=0.01),
        engine.message("template_differs", number=1, here=12, there=1300, at=3),
        engine.message("probes_not_run", reason=engine.message("answer_out_of_memory")),
        engine.message("adapter_not_served", name="adapter-1").followed_by(
            engine.message("adapter_changes_nothing", difference=0, tolerance=0.01)
        ),
        engine.message("served_model_needs_code", folder="qwen", type="'odd'"),
        message("replica_false_starts", times=3, reason=engine.message("replica_out_of_memory")),
        message("replica_false_starts", times=3, reason=as_written("The process was killed. Odd.")),
        message("replica_run_stopped"),
    ],
    ids=lambda said: said.code,
)
def test_a_sentence_becomes_what_it_was_made_of(said: Message) -> None:
    assert Message.restored(message_of(str(said))) == said


def test_every_sentence_is_read_by_its_own_pattern() -> None:
    for code, english in OLD:
        text = english % {name: 3 if kind != "s" else "x" for name, kind in _parts(english)}
        assert _known(text + (" More." if code == "adapter_not_served" else ""))["code"] == code


def _parts(english: str) -> Iterator[tuple[str, str]]:
    from deployments.migrations._old_sentences import PLACEHOLDER

    return ((found[1], found[2]) for found in PLACEHOLDER.finditer(english))


def test_nothing_and_foreign_words_stay_what_they_are() -> None:
    assert message_of("") is None
    assert Message.restored(message_of("No route.")) == as_written("No route.")


@pytest.mark.django_db(transaction=True)
def test_rows_come_along_and_back(alice: object, adapter: object) -> None:
    said = message("replica_false_starts", times=3, reason=as_written("It was killed."))
    deployments = Deployment.objects.bulk_create(
        Deployment(team=alice.team, name=name, model=adapter.name, base_model=adapter.base_model, reason=reason)  # type: ignore[attr-defined]
        for name, reason in (("a", said), ("b", None))
    )
    try:
        old = migrate(BEFORE).apps.get_model(*Deployment._meta.label.split("."))
        assert list(old.objects.order_by("name").values_list("reason", flat=True)) == [str(said), ""]
    finally:
        migrate()
    assert [one.reason for one in Deployment.objects.filter(pk__in=[d.pk for d in deployments]).order_by("name")] == [
        said,
        None,
    ]


@pytest.mark.django_db(transaction=True)
def test_those_that_exist_keep_their_accelerators(alice: object, adapter: object) -> None:
    for number in (None, 2):
        Deployment.objects.create(
            team=alice.team,
            name=f"bot-{number}",
            model="tiny",
            base_model=adapter.base_model,
            accelerators=number,  # type: ignore[attr-defined]
        )
    try:
        migrate(("deployments", "0004_charges_of_earlier_runs"))
    finally:
        migrate()
    found = Deployment.objects.order_by("name").values_list("shared", "accelerators", "min_replicas")
    assert list(found) == [(False, 2, 1), (False, None, 1)]
