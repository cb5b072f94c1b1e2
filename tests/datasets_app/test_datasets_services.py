"""Use cases of files: store, check, read, delete, expire."""

import io
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from common.errors import NotFound, UserError
from datasets_app import hooks, services, tasks, uploads
from datasets_app.checking import recording
from datasets_app.messages import message
from datasets_app.models import HEARTBEAT_SECONDS, TrainingFile, Upload
from datasets_app.storage import new_files, removal, store
from tests.datasets_app.conftest import Member, stored_files
from tests.datasets_app.dataset_makers import lines_of, row, rows

pytestmark = pytest.mark.django_db
Committing = Callable[..., Any]


@pytest.fixture
def committing(django_capture_on_commit_callbacks: Any) -> Committing:
    return lambda: django_capture_on_commit_callbacks(execute=True)


def create(member: Member, content: bytes = lines_of(row()), **changed: Any) -> TrainingFile:
    asked = {"filename": "chats.jsonl", "purpose": "fine-tune", "stream": io.BytesIO(content), **changed}
    return services.create_file(team=member.team, by=member.user, **asked)


def check(file: TrainingFile) -> TrainingFile:
    recording.check_file(file.pk)
    file.refresh_from_db()
    return file


class TestCreateFile:
    def test_stores_the_bytes_and_wakes_the_check(self, alice: Member, home: Path, woken: list[str]) -> None:
        content = lines_of(*rows(3))
        file = create(alice, content)
        assert (file.status, file.bytes, woken) == ("uploaded", len(content), [file.pk])
        assert services.open_file(file).read() == content
        assert len(stored_files(home)) == 1

    @pytest.mark.parametrize(
        ("content", "changed", "code"),
        [
            (b"", {}, "empty_file"),
            (b"%PDF-1.7", {}, "unsupported_pdf"),
            (lines_of(row()), {"purpose": "assistants"}, "unsupported_purpose"),
            (lines_of(row()), {"purpose": "fine-tune-results"}, "unsupported_purpose"),
            (lines_of(row()), {"expires_after": {"anchor": "created_at", "seconds": 3599}}, "invalid_value"),
            (lines_of(row()), {"expires_after": {"anchor": "now", "seconds": 3600}}, "invalid_value"),
        ],
    )
    def test_a_refused_file_leaves_nothing(
        self, alice: Member, home: Path, content: bytes, changed: dict[str, Any], code: str
    ) -> None:
        with pytest.raises(UserError) as refused:
            create(alice, content, **changed)
        assert refused.value.code == code
        assert not TrainingFile.objects.exists()
        assert not stored_files(home)

    def test_a_file_over_the_limit_leaves_nothing(
        self, alice: Member, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(settings, "MAX_UPLOAD_BYTES", 1000)
        assert create(alice, b"x" * 1000).bytes == 1000
        with pytest.raises(UserError, match="larger than the limit of 1000 bytes") as refused:
            create(alice, b"x" * 1001)
        assert refused.value.status == 413
        assert len(stored_files(home)) == 1

    def test_a_stream_that_breaks_leaves_nothing(self, alice: Member, home: Path) -> None:
        class Broken:
            def read(self, size: int, /) -> bytes:
                raise ConnectionError

        with pytest.raises(ConnectionError):
            create(alice, stream=Broken())
        assert not stored_files(home)

    def test_a_row_that_cannot_be_written_leaves_no_bytes(
        self, alice: Member, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(new_files, "wake", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            create(alice)
        assert not stored_files(home)
        assert not TrainingFile.objects.exists()

    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ("../../etc/passwd", "passwd"),
            ("C:\\data\\chats.jsonl", "chats.jsonl"),
            ("心理大模型-职场焦虑语料.jsonl", "心理大模型-职场焦虑语料.jsonl"),
            ("a\r\nSet-Cookie: x\0.jsonl", "aSet-Cookie: x.jsonl"),
            ("\u202elnosj.exe", "lnosj.exe"),
            ("..", "data.jsonl"),
            ("a" * 500 + ".jsonl", "a" * 189 + ".jsonl"),
        ],
    )
    def test_names_are_made_safe(self, given: str, kept: str) -> None:
        assert services.safe_filename(given) == kept


class TestCheck:
    def test_a_good_file_is_processed(self, alice: Member) -> None:
        file = check(create(alice, lines_of(*rows(12))))
        assert (file.status, file.num_rows, file.num_faults, file.format) == ("processed", 12, 0, "jsonl")
        assert [line for line, _ in services.read_conversations(file)] == list(range(1, 13))

    def test_a_file_with_one_faulty_row_is_an_error(self, alice: Member) -> None:
        file = check(create(alice, lines_of(*rows(3)) + b"nonsense\n"))
        assert (file.status, file.num_rows, file.num_faults) == ("error", 3, 1)
        assert str(file.status_details).startswith("Line 4: The row is not JSON")
        assert [(fault.number, fault.line, fault.kind) for fault in file.faults.all()] == [(1, 4, "not_json")]
        with pytest.raises(UserError, match="Line 4"):
            list(services.read_conversations(file))

    def test_what_a_database_cannot_hold_is_told_all_the_same(self, alice: Member) -> None:
        file = check(create(alice, b'{"messages": 1, "\\u0000\\ud800": 2}\n{"\\u0000\\ud800": 1}\n\x00\n'))
        assert file.faults.count() == 3

    def test_is_done_once(self, alice: Member) -> None:
        file = check(create(alice, b"nonsense"))
        checked_at = file.checked_at
        assert check(file).checked_at == checked_at
        assert file.faults.count() == 1

    def test_two_workers_do_not_check_one_file(self, alice: Member) -> None:
        file = create(alice)
        assert file.claim()
        assert not file.claim()
        recording.check_file(file.pk)
        file.refresh_from_db()
        assert file.status == "uploaded"

    def test_a_check_whose_worker_died_is_begun_anew(self, alice: Member, monkeypatch: pytest.MonkeyPatch) -> None:
        file = create(alice)
        silent = timezone.now() - timedelta(seconds=HEARTBEAT_SECONDS + 1)
        woken: list[str] = []
        monkeypatch.setattr(tasks, "wake", lambda task, file_id: woken.append(file_id))
        TrainingFile.objects.update(heartbeat_at=timezone.now())
        tasks.wake_unchecked()
        assert not woken
        TrainingFile.objects.update(heartbeat_at=silent)
        tasks.wake_unchecked()
        assert woken == [file.pk]
        assert check(file).status == "processed"

    def test_listeners_hear_of_it_after_the_commit(self, alice: Member, committing: Committing) -> None:
        heard: list[tuple[str, str]] = []
        hooks.on_processed(lambda file: 1 / 0)  # type: ignore[arg-type, return-value]
        hooks.on_processed(lambda file: heard.append((file.pk, file.status)))
        file = create(alice)
        with committing():
            recording.check_file(file.pk)
            assert not heard
        assert heard == [(file.pk, "processed")]

    def test_a_file_that_was_deleted_is_left_alone(self) -> None:
        recording.check_file("file-none")


class TestDelete:
    def test_takes_row_faults_and_bytes(self, alice: Member, home: Path, committing: Committing) -> None:
        file = check(create(alice, b"nonsense"))
        with committing():
            services.delete_file(file=file, by=alice.user)
        assert not TrainingFile.objects.exists()
        assert not stored_files(home)

    def test_is_refused_with_the_guards_sentence(self, alice: Member, home: Path, committing: Committing) -> None:
        file = create(alice)
        hooks.needs_files(lambda needed: f"The job ftjob-1 needs {needed.filename}.")
        with committing(), pytest.raises(UserError, match="ftjob-1 needs chats") as refused:
            services.delete_file(file=file, by=alice.user)
        assert refused.value.status == 409
        assert services.open_file(file).read()


class TestExpiry:
    def expired(self, member: Member) -> TrainingFile:
        file = create(member, expires_after={"anchor": "created_at", "seconds": 3600})
        assert timedelta(minutes=59) < file.expires_at - timezone.now() <= timedelta(hours=1)
        TrainingFile.objects.update(expires_at=timezone.now())
        return file

    def test_an_expired_file_is_gone_at_once_and_swept_up(
        self, alice: Member, home: Path, committing: Committing
    ) -> None:
        file = self.expired(alice)
        with pytest.raises(NotFound):
            services.get_file(team=alice.team, file_id=file.pk)
        with committing():
            removal.sweep()
        assert not TrainingFile.objects.exists()
        assert not stored_files(home)

    def test_an_expired_file_stays_while_a_job_needs_it(self, alice: Member) -> None:
        self.expired(alice)
        hooks.needs_files(lambda file: "A job needs it.")
        removal.sweep()
        assert TrainingFile.objects.exists()

    def test_what_a_dead_process_left_is_swept_up(self, home: Path) -> None:
        (home / "tmp").mkdir(parents=True)
        old, new = home / "tmp" / "upload-old", home / "tmp" / "upload-new"
        for path in (old, new):
            path.touch()
        os.utime(old, (0, 0))
        removal.sweep()
        assert (old.exists(), new.exists()) == (False, True)


class TestResultFiles:
    def test_are_processed_at_once_and_downloaded_as_they_are(self, alice: Member, tmp_path: Path) -> None:
        path = tmp_path / "adapter.zip"
        path.write_bytes(b"PK\x03\x04...")
        file = services.create_result_file(team=alice.team, filename="adapter.zip", path=path)
        assert (file.status, file.purpose) == ("processed", "fine-tune-results")
        assert services.open_file(file).read() == path.read_bytes()
        assert path.exists()

    def test_bytes_that_storage_lost_are_told(self, alice: Member) -> None:
        file = create(alice)
        store.remove(file.storage_name)
        with pytest.raises(UserError, match="missing from storage"):
            services.open_file(file)


class TestOldCopies:
    """What a worker has read a moment ago decides nothing."""

    def test_the_first_check_decides(self, alice: Member) -> None:
        file = create(alice)
        old = services.get_file(team=alice.team, file_id=file.pk)
        assert file.record_check(is_good=True, details=None, num_rows=1)
        assert not old.record_check(is_good=False, details=message("no_rows"), num_rows=0)
        assert (old.status, old.status_details, old.num_rows) == ("processed", None, 1)

    def test_a_completed_upload_cannot_be_cancelled(self, alice: Member) -> None:
        upload = uploads.create_upload(
            team=alice.team, by=alice.user, filename="chats.jsonl", purpose="fine-tune", num_bytes=4
        )
        old = uploads.get_upload(team=alice.team, upload_id=upload.pk)
        assert upload.move(Upload.Status.COMPLETED)
        with pytest.raises(UserError, match="completed"):
            uploads.cancel_upload(upload=old, by=None)
        upload.refresh_from_db()
        assert upload.status == "completed"

    def test_an_expired_upload_cannot_be_completed(self, alice: Member) -> None:
        upload = uploads.create_upload(
            team=alice.team, by=alice.user, filename="chats.jsonl", purpose="fine-tune", num_bytes=4
        )
        old = uploads.get_upload(team=alice.team, upload_id=upload.pk)
        assert upload.move(Upload.Status.EXPIRED)
        assert not old.move(Upload.Status.COMPLETED)
        assert old.status == "expired"
