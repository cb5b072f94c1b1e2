"""What jobs stored as English text before messages had codes is put into words like everything else."""

from collections.abc import Iterator
from importlib import import_module

import pytest
from django.db import connection
from django.db.migrations.state import StateApps

from accounts.models import Team
from catalogue.models import BaseModel
from common.messages import message as common_message
from jobs.migrations import _said_before as before
from jobs.models import FineTuningJob
from tests.migrating import migrate
from wording import Message, as_written
from wording.message import _KNOWN

TEXTS = {
    "The job was created. Its data is being read.": "job_created",
    "The data is ready: 72 conversations to learn from. The job is queued.": "conversations_ready",
    "Training 4,884,480 of 139,400,000 parameters in 60 steps on 2 x NVIDIA H100 80GB HBM3, in bfloat16.": (
        "training_started"
    ),
    "Step 3 of 60: loss 2.1875.": "step_done",
    "Validation loss 0.1234 after step 10.": "validation_loss",
    "The trainer was gone without a word. The job is queued again and goes on from its newest checkpoint.": (
        "trainer_gone"
    ),
    "Left out, since their answers lie beyond max_seq_len (128 tokens): 2 conversations, on lines 5, 12.": (
        "rows_left_out"
    ),
    "The acceptance test could not be held: Memory ran out.": "acceptance_not_held",
    "The disk ran out of room after step 3. The checkpoint after step 2 is kept. Free some space on it, then start "
    "the training again.": "no_room_after_step",
    "The chat template ran longer than 2 seconds and was stopped. Use another template.": "template_too_slow",
    "Something new. The job is queued again.": "as_written",
    "Nobody knows 100% of it": "as_written",
    "x" * 3000: "as_written",
}
REWORDED = {
    "The trainer was gone without a word. The job is queued again and goes on from its newest checkpoint.": (
        "The trainer ended without saying why. The job is queued again and continues from its newest checkpoint."
    ),
    "The acceptance test could not be held: Memory ran out.": "The acceptance test could not be run: Memory ran out.",
}
OLD = ("jobs", "0009_reasons_as_messages")
NEW = ("jobs", "0012_messages_alone")


def today(text: str) -> str:
    """Return how what `text` says is worded now."""
    return REWORDED.get(text, text)


@pytest.mark.parametrize(("text", "code"), TEXTS.items(), ids=range(len(TEXTS)))
def test_a_text_becomes_the_message_that_says_the_same(text: str, code: str) -> None:
    found = Message.restored(before.message_of(text))
    assert (str(found), found.code) == (today(text), code)


def test_a_sentence_that_reads_differently_today_is_known_by_what_it_was() -> None:
    was = "A stored secret cannot be read with today's LUTHIER_ENCRYPTION_KEY. "
    was += "Restore the key, or enter the secret again."
    found = Message.restored(before.message_of(was))
    assert (found.code, str(found)) == ("encryption_key_changed", str(common_message("encryption_key_changed")))


def test_what_follows_is_a_message_too() -> None:
    found = Message.restored(before.message_of("Something new. The job is queued again."))
    assert (found, found.then[0].code) == (as_written("Something new.").followed_by(*found.then), "queued_again")


def test_every_code_is_still_known_with_its_parameters() -> None:
    for code, text in before.SENTENCES + before.OF_DATA:
        assert set(_KNOWN[code].placeholders) >= {found[1] for found in before._PLACEHOLDER.finditer(text)}, code  # type: ignore[attr-defined]


@pytest.mark.django_db(transaction=True)
def test_the_codes_of_an_early_finish_are_its_words() -> None:
    team = Team.create(name="Violins")
    base = BaseModel.objects.create(
        id="tiny", display_name="Tiny", parameters=1, context_length=8, hidden_size=8, num_layers=1, vocab_size=8
    )
    job = FineTuningJob.objects.create(team=team, base_model=base)
    for code in ("early_finish_requested", "early_finish_queued", "job_created"):
        job.record_event(Message(code))
    migrate(("jobs", "0017_name"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT message->>'code' FROM jobs_jobevent ORDER BY number")
        assert [code for (code,) in cursor.fetchall()] == ["finishing_requested", "finishing_queued", "job_created"]
    migrate()
    said = [event.message.code for event in job.events.order_by("number")]
    assert said == ["early_finish_requested", "early_finish_queued", "job_created"]


@pytest.fixture
def old_apps(transactional_db: None) -> Iterator[StateApps]:
    """The models as they were; what was built on later ones is not there."""
    yield migrate(OLD).apps
    migrate()


@pytest.mark.django_db(transaction=True)
def test_old_rows_are_carried_over_and_back(old_apps: StateApps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("jobs.migrations.0011_texts_into_messages"), "AT_ONCE", 2)
    team = old_apps.get_model("accounts", "Team").objects.create(name="Violins", slug="violins")
    base = old_apps.get_model("catalogue", "BaseModel").objects.create(
        id="tiny", display_name="Tiny", parameters=1, context_length=8, hidden_size=8, num_layers=1, vocab_size=8
    )
    job = old_apps.get_model("jobs", "FineTuningJob").objects.create(
        team=team, base_model=base, status="failed", error_message="The job was cancelled."
    )
    quiet = old_apps.get_model("jobs", "FineTuningJob").objects.create(team=team, base_model=base)
    old = old_apps.get_model("jobs", "JobEvent").objects
    for number, text in enumerate(TEXTS, 1):
        old.create(job=job, number=number, message=text)
    apps = migrate(NEW).apps
    jobs, events = (apps.get_model("jobs", name).objects for name in ("FineTuningJob", "JobEvent"))
    said = [event.message for event in events.filter(job=job.pk).order_by("number")]
    assert [(str(message), message.code) for message in said] == [(today(text), code) for text, code in TEXTS.items()]
    assert jobs.get(pk=job.pk).error_message == Message("job_was_cancelled")
    assert jobs.get(pk=quiet.pk).error_message is None
    migrate(OLD)
    assert list(old.order_by("number").values_list("message", flat=True)) == [today(text) for text in TEXTS]
