"""A deleted file is gone: its bytes, what a check wrote beside them, indexes and tokens on every node. So are parts."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.utils import timezone

from chat import ChatFormat
from compute import wakes
from compute.models import Node
from datasets_app import services, tasks, uploads
from datasets_app.models import Leftover, TrainingFile, Upload
from datasets_app.storage import leftovers, removal, store
from datasets_app.storage.node_files import rows_folder
from datasets_app.storage.spool import Spool
from tests.datasets_app.conftest import Member, stored_files
from tests.datasets_app.dataset_makers import lines_of, rows
from tests.datasets_app.tokens.test_datasets_tokens import processed, tokens

pytestmark = pytest.mark.django_db
Committing = Callable[..., Any]
AWAY = EndpointConnectionError(endpoint_url="http://s3")
REFUSED = ClientError({"Error": {"Code": "AccessDenied"}}, "DeleteObject")


@pytest.fixture
def committing(django_capture_on_commit_callbacks: Any) -> Committing:
    return lambda: django_capture_on_commit_callbacks(execute=True)


@pytest.fixture
def file(alice: Member) -> TrainingFile:
    return processed(alice, *rows(20))


@pytest.fixture
def broken() -> Callable[[Exception], Any]:
    """Have storage delete nothing within a `with`."""

    @contextmanager
    def breaking(error: Exception) -> Iterator[None]:
        def fail(*asked: Any) -> Any:
            raise error

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(FileSystemStorage, "delete", fail)
            yield

    return breaking


@pytest.fixture
def upload(alice: Member) -> Upload:
    """An upload of more parts than are deleted at once."""
    number = store.AT_ONCE + 5
    upload = uploads.create_upload(
        team=alice.team, by=alice.user, filename="a.jsonl", purpose="fine-tune", num_bytes=number
    )
    for _ in range(number):
        with Spool.of(io.BytesIO(b"x"), limit=1) as spool:
            uploads.add_part(upload=upload, spool=spool)
    return upload


class TestBytes:
    @pytest.mark.parametrize("error", [AWAY, REFUSED], ids=["away", "refused"])
    def test_that_storage_does_not_let_go_are_asked_for_again(
        self, home: Path, file: TrainingFile, committing: Committing, broken: Any, error: Exception
    ) -> None:
        with broken(error):
            with committing():
                services.delete_file(file=file, by=None)
            tasks.erase_deleted()
            assert len(stored_files(home)) == 1
        tasks.erase_deleted()
        assert stored_files(home) == []
        assert not Leftover.objects.exists()

    def test_go_though_the_process_died_behind_the_commit(self, home: Path, file: TrainingFile) -> None:
        services.delete_file(file=file, by=None)  # whose callbacks are never called
        tasks.erase_deleted()
        assert stored_files(home) == []

    def test_that_were_received_in_vain_go_as_well(self, home: Path, alice: Member, broken: Any) -> None:
        store.storage().save("1/file-lost", ContentFile(b"x"))
        with broken(AWAY):
            store.remove("1/file-lost")
        tasks.erase_deleted()
        assert stored_files(home) == []

    def test_one_that_storage_keeps_does_not_keep_the_others(
        self, home: Path, alice: Member, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(3):
            store.storage().save(f"1/file-{number}", ContentFile(b"x"))
            Leftover.note([f"1/file-{number}"])
        real = FileSystemStorage.delete

        def delete(self: FileSystemStorage, name: str) -> None:
            if name == "1/file-1":
                raise REFUSED
            real(self, name)

        monkeypatch.setattr(FileSystemStorage, "delete", delete)
        tasks.erase_deleted()
        assert [path.name for path in stored_files(home)] == ["file-1"]

    def test_what_broken_off_work_left_beside_them_goes(
        self, home: Path, file: TrainingFile, committing: Committing
    ) -> None:
        store.storage().save(store.fault_list_name(file), ContentFile(b"{}\n"))
        TrainingFile.objects.filter(pk=file.pk).update(storage_name=f"{file.storage_name}_anew")
        store.storage().save(f"{file.storage_name}_anew", ContentFile(b"x"))
        with committing():
            services.delete_file(file=TrainingFile.objects.get(pk=file.pk), by=None)
        assert stored_files(home) == []

    def test_that_a_row_names_again_stay(self, home: Path, file: TrainingFile) -> None:
        Leftover.note([file.storage_name])
        tasks.erase_deleted()
        assert len(stored_files(home)) == 1
        assert not Leftover.objects.exists()


class TestParts:
    def test_of_a_cancelled_upload_go_some_at_once_and_all_soon(
        self, home: Path, upload: Upload, committing: Committing
    ) -> None:
        with committing():
            uploads.cancel_upload(upload=upload, by=upload.created_by)
        assert len(stored_files(home)) == 5
        tasks.erase_deleted()
        assert stored_files(home) == []

    def test_of_an_expired_upload_go_though_storage_was_away(
        self, home: Path, upload: Upload, committing: Committing, broken: Any
    ) -> None:
        Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        with broken(AWAY), committing():
            removal.sweep()
        upload.refresh_from_db()
        assert (upload.status, upload.parts.count()) == ("expired", 0)
        tasks.erase_deleted()
        assert stored_files(home) == []


class TestNodes:
    def test_an_index_of_rows_goes(self, home: Path, alice: Member, file: TrainingFile) -> None:
        other = processed(alice, *rows(3))
        services.delete_file(file=file, by=None)  # on another machine
        assert rows_folder(file.pk).exists()
        tasks.erase_here()
        assert [path.name for path in (home / "rows").iterdir()] == [other.pk]

    def test_tokens_go_with_the_last_file_of_their_content(
        self, home: Path, alice: Member, charlie: Member, chat: ChatFormat, file: TrainingFile
    ) -> None:
        same = processed(charlie, *rows(20))
        cache = tokens(file, chat).train.parent
        services.delete_file(file=file, by=None)
        leftovers.erase_here(home)
        assert cache.exists()
        services.delete_file(file=same, by=None)
        leftovers.erase_here(home)
        assert list((home / "tokens").iterdir()) == []

    def test_tokens_go_with_their_validation_file(
        self, home: Path, alice: Member, chat: ChatFormat, file: TrainingFile
    ) -> None:
        aside = processed(alice, *rows(5))
        cache = tokens(file, chat, validation_file=aside).train.parent
        leftovers.erase_here(home)
        assert cache.exists()
        services.delete_file(file=aside, by=None)
        leftovers.erase_here(home)
        assert not cache.exists()

    def test_tokens_of_earlier_versions_go_and_half_made_ones_stay(self, home: Path, alice: Member) -> None:
        old, half = home / "tokens" / "old", home / "tokens" / ".building-new"
        for folder in (old, half):
            folder.mkdir(parents=True)
        (old / "summary.json").write_text(json.dumps({"train": {}}))
        leftovers.erase_here(home)
        assert list((home / "tokens").iterdir()) == [half]

    def test_each_node_is_told(self, alice: Member, monkeypatch: pytest.MonkeyPatch) -> None:
        Node.objects.create(name="gpu-2", queue="node-gpu-2", last_seen_at=timezone.now())
        asked: list[Any] = []
        monkeypatch.setattr(wakes, "wake", lambda task, queue: asked.append((task.name, queue)))
        tasks.erase_deleted()
        assert asked == [("datasets_app.erase_here", "node-gpu-2")]


def test_versions_made_from_it_stay(home: Path, alice: Member, file: TrainingFile, committing: Committing) -> None:
    newer = services.create_version(
        parent=file, by=None, filename="b.jsonl", stream=io.BytesIO(lines_of(*rows(4))), reason="More."
    )
    with committing():
        services.delete_file(file=file, by=None)
    tasks.erase_deleted()
    newer.refresh_from_db()
    assert (newer.parent, newer.version) == (None, 2)
    assert services.open_file(newer).read()
