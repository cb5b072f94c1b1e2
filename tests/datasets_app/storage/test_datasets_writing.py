"""Large files that a worker makes out of others."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from common.errors import UserError
from datasets_app import services
from datasets_app.models import HEARTBEAT_SECONDS, TrainingFile
from datasets_app.recipes.identity import IDENTITY
from datasets_app.storage import new_files
from datasets_app.versions import repairing
from tests.datasets_app.conftest import Member, stored_files
from tests.datasets_app.dataset_makers import lines_of, recheck, rows, stored

pytestmark = pytest.mark.django_db
SEED_ANSWERS = {"name": "Nova", "maker": "Acme"}


@pytest.fixture(autouse=True)
def everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_files, "AT_ONCE_BYTES", 0)


@pytest.fixture
def source(alice: Member) -> TrainingFile:
    return uploaded(alice, lines_of(*rows(60)))


def uploaded(alice: Member, content: bytes) -> TrainingFile:
    return stored(alice.team, content, by=alice.user)


def finished(file: TrainingFile) -> TrainingFile:
    """Return the file after the worker's task."""
    assert file.is_being_made
    new_files.make_file(file.pk)
    return recheck(file)


def content_of(file: TrainingFile) -> bytes:
    with services.open_file(file) as stream:
        return stream.read()


Make = Callable[[TrainingFile], TrainingFile]
MAKERS: dict[str, Make] = {
    "repair": lambda file: services.repair_file(file=file, names=["drop_repeated"], by=None)[0],
    "reading": lambda file: services.read_again(file=file, reading={"shape": "messages"}, by=None),
    "split": lambda file: services.split_file(file=file, shares={"train": 3, "test": 1}, seed=0, by=None)["train"],
    "mix": lambda file: services.mix_files(parts=[(file, 1.5)], filename="m.jsonl", seed=0, by=None),
    "recipe": lambda file: services.recipe_file(
        team=file.team, by=None, recipe=IDENTITY, answers=SEED_ANSWERS, file=file
    ),
}


@pytest.mark.parametrize("how", MAKERS)
def test_a_worker_makes_what_would_have_been_made_at_once(
    alice: Member, monkeypatch: pytest.MonkeyPatch, how: str, woken: list[str]
) -> None:
    content = lines_of(*rows(60), *rows(5))
    later = MAKERS[how](uploaded(alice, content))
    assert later.pk in woken
    later = finished(later)
    monkeypatch.setattr(new_files, "AT_ONCE_BYTES", 2**20)
    at_once = MAKERS[how](uploaded(alice, content))
    assert content_of(later) == content_of(at_once)
    assert (later.sha256, later.bytes) == (at_once.sha256, at_once.bytes)
    assert later.is_processed
    left_out = ("of", "parts")
    assert {k: v for k, v in later.made.items() if k not in left_out} == {
        k: v for k, v in at_once.made.items() if k not in left_out
    }


@pytest.mark.usefixtures("plain_static")
def test_what_would_be_useless_says_so_on_its_own_page(alice: Member, source: TrainingFile, page: Client) -> None:
    made, outcome = services.repair_file(file=source, names=["fix_roles"], by=None)
    assert outcome is None
    made = finished(made)
    assert (made.status, str(made.status_details)) == ("error", "These repairs change nothing in this file.")
    assert made.storage_name == ""
    shown = page.get(f"/datasets/{made.pk}")
    assert (shown.status_code, str(made.status_details) in shown.content.decode()) == (200, True)


def test_a_source_stays_until_the_file_is_there(alice: Member, source: TrainingFile) -> None:
    for how in ("repair", "mix"):
        made = MAKERS[how](source)
        with pytest.raises(UserError, match="is being made from chats") as error:
            services.delete_file(file=source, by=None)
        assert error.value.status == 409
        services.delete_file(file=made, by=None)
    services.delete_file(file=source, by=None)


def test_a_file_that_is_deleted_while_it_is_made_leaves_nothing(
    alice: Member, source: TrainingFile, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = MAKERS["mix"](source)
    before = stored_files(home)
    monkeypatch.setitem(new_files._writers, "mix", deleting(made, new_files._writers["mix"]))
    new_files.make_file(made.pk)
    assert stored_files(home) == before


def deleting(file: TrainingFile, writer: new_files.Writer) -> new_files.Writer:
    def write(made: TrainingFile, to: new_files.Write) -> dict[str, Any]:
        added = writer(made, to)
        services.delete_file(file=file, by=None)
        return added

    return write


def test_another_worker_begins_anew_once_the_first_is_silent(alice: Member, source: TrainingFile) -> None:
    made = MAKERS["mix"](source)
    assert made.claim_making()
    new_files.make_file(made.pk)
    made.refresh_from_db()
    assert made.is_being_made, "the first worker is at it"
    silent = timezone.now() - timedelta(seconds=HEARTBEAT_SECONDS + 1)
    TrainingFile.objects.filter(pk=made.pk).update(heartbeat_at=silent)
    assert finished(made).is_processed


def test_nothing_reads_a_file_that_is_still_made(alice: Member, source: TrainingFile, client: Client) -> None:
    made = MAKERS["mix"](source)
    assert made not in TrainingFile.objects.unchecked()
    reply = client.get(f"/v1/files/{made.pk}/content", headers=alice.headers)
    assert reply.status_code == 400
    assert reply.json()["error"]["code"] == "file_not_ready"
    with pytest.raises(UserError, match="being checked"):
        services.recipe_file(team=alice.team, by=None, recipe=IDENTITY, answers=SEED_ANSWERS, file=made)


@pytest.mark.usefixtures("plain_static")
def test_its_page_says_how_far_it_is(alice: Member, source: TrainingFile, client: Client) -> None:
    made = MAKERS["mix"](source)
    made.save_progress({"rows": 1234, "bytes": 5})
    client.force_login(alice.user)
    assert "Building it: 1,234 rows so far." in client.get(f"/datasets/{made.pk}").content.decode()


def test_a_large_file_is_read_anew_in_the_background(alice: Member, source: TrainingFile, client: Client) -> None:
    body = {"encoding": "utf-8", "reason": "It is UTF-8."}
    path = f"/api/v1/files/{source.pk}/reading"
    asked = client.post(path, json.dumps(body), content_type="application/json", headers=alice.headers).json()
    assert (asked["status"], asked["bytes"], asked["version"], asked["num_rows"]) == ("uploaded", source.bytes, 2, None)
    made = finished(TrainingFile.objects.get(pk=asked["id"]))
    assert (made.is_processed, made.sha256, made.num_rows) == (True, source.sha256, 60)
    assert made.made == {"how": "reading", "of": source.pk, "reading": {"encoding": "utf-8"}}


def test_a_preview_of_a_large_file_looks_at_its_beginning(
    alice: Member, source: TrainingFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repairing, "PREVIEWED_BYTES", 1000)
    broken = lines_of({"messages": [{"role": "bot", "content": "x"}]})
    preview = services.preview_repairs(file=uploaded(alice, broken + lines_of(*rows(60))), names=["drop_faulty"])
    assert preview.is_partial
    assert preview.outcome.num_dropped == 1
    assert preview.outcome.num_rows_after < 60
