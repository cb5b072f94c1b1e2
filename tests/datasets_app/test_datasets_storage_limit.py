"""What a team may store: refused where it is sent, with what to do; a training's result never is."""

import io
import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from accounts.models import Team
from common.errors import UserError
from datasets_app import services, uploads
from datasets_app.models import TrainingFile, Upload
from datasets_app.storage.new_files import make_file
from datasets_app.storage.spool import Spool
from ledger.storage import stored

pytestmark = pytest.mark.django_db

ROWS = b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n' * 20


@pytest.fixture
def team(db: None) -> Team:
    return Team.create(name="Violins")


def allow(team: Team, num_bytes: int | None) -> None:
    Team.objects.filter(pk=team.pk).update(storage_bytes=num_bytes)


def create(team: Team, content: bytes = ROWS) -> TrainingFile:
    stream = io.BytesIO(content)
    return services.create_file(team=team, by=None, filename="a.jsonl", purpose="fine-tune", stream=stream)


def test_a_file_beyond_it_is_refused_with_what_to_do(team: Team) -> None:
    allow(team, 2 * len(ROWS) - 1)
    create(team)
    with pytest.raises(UserError) as refused:
        create(team)
    assert (refused.value.status, refused.value.code) == (413, "storage_full")
    assert str(refused.value.message) == (
        "The team stores 1.8 kB and may store 3.5 kB, which leaves no room for 1.8 kB more. Delete data sets, or "
        "versions of them, that are no longer needed. Or ask an administrator for more."
    )
    assert TrainingFile.objects.count() == 1
    services.delete_file(file=TrainingFile.objects.get(), by=None)
    create(team)


def test_an_upload_is_refused_before_it_is_sent_and_counts_as_announced(team: Team) -> None:
    allow(team, 2 * len(ROWS))
    asked: dict[str, Any] = {"team": team, "by": None, "filename": "a.jsonl", "purpose": "fine-tune"}
    with pytest.raises(UserError, match="leaves no room"):
        uploads.create_upload(**asked, num_bytes=2 * len(ROWS) + 1)
    uploads.create_upload(**asked, num_bytes=len(ROWS))
    with pytest.raises(UserError, match="leaves no room"):
        create(team, ROWS * 2)
    assert stored(team)["data"] == len(ROWS)


@pytest.mark.parametrize("is_large", [False, True])
def test_an_upload_that_fills_it_exactly_completes(team: Team, monkeypatch: pytest.MonkeyPatch, is_large: bool) -> None:
    monkeypatch.setattr("datasets_app.storage.new_files.AT_ONCE_BYTES", 0 if is_large else 2**20)
    allow(team, len(ROWS))
    upload = uploads.create_upload(
        team=team, by=None, filename="a.jsonl", purpose="fine-tune", num_bytes=len(ROWS), expires_after=None
    )
    with Spool.of(io.BytesIO(ROWS), limit=len(ROWS)) as spool:
        part = uploads.add_part(upload=upload, spool=spool)
    uploads.complete_upload(upload=upload, part_ids=[part.pk])
    if is_large:
        make_file(Upload.objects.get().file_id)
    assert stored(team)["data"] == len(ROWS)
    assert TrainingFile.objects.get().status_details is None


def test_a_result_is_stored_all_the_same(team: Team, tmp_path: Path) -> None:
    allow(team, 1)
    path = tmp_path / "metrics.csv"
    path.write_bytes(b"step\n1\n")
    services.create_result_file(team=team, filename="metrics.csv", path=path)
    assert stored(team)["results"] == 7


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_that_fit_alone_one_is_stored(team: Team) -> None:
    allow(team, len(ROWS) + 1)
    barrier = threading.Barrier(2)
    refused: list[str] = []

    def work() -> None:
        barrier.wait()
        try:
            create(team)
        except UserError as error:
            refused.append(error.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == ["storage_full"]
    assert TrainingFile.objects.count() == 1
