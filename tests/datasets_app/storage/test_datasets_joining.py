"""A large upload is completed at once, and a worker puts its parts together: the file follows."""

import hashlib
import io
import threading
from pathlib import Path
from typing import Any

import openai
import pytest
from asgiref.sync import sync_to_async
from django.core.files.base import ContentFile
from django.test import Client

from datasets_app import services, tasks, uploads
from datasets_app.models import TrainingFile, Upload, UploadPart
from datasets_app.storage import new_files, removal, store
from datasets_app.storage.removal import sweep
from datasets_app.storage.spool import Spool
from tests.datasets_app.conftest import Member, stored_files
from tests.datasets_app.dataset_makers import lines_of, rows
from tests.datasets_app.web.test_datasets_receiving import (
    closed_connections,  # noqa: F401 - a fixture
    sdk,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("plain_static")]
CONTENT = lines_of(*rows(40))
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_files, "AT_ONCE_BYTES", 0)


async def completed(member: Member, content: bytes = CONTENT, **asked: Any) -> openai.types.Upload:
    """Send the parts, the last one first and one that is not wanted, and complete the upload by OpenAI's SDK."""
    client = sdk(member)
    upload = await client.uploads.create(
        bytes=len(content), filename="big.jsonl", mime_type="text/jsonl", purpose="fine-tune"
    )
    cuts = (content[200:], content[:200], b"sent in vain")
    last, first, _ = [(await client.uploads.parts.create(upload.id, data=io.BytesIO(cut))).id for cut in cuts]
    return await client.uploads.complete(upload.id, part_ids=[first, last], **asked)


def the_file() -> TrainingFile:
    return TrainingFile.objects.get()


class TestBySdk:
    async def test_the_file_is_uploaded_and_then_processed(
        self, alice: Member, home: Path, woken: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        joins = []
        join = uploads._join
        monkeypatch.setattr(uploads, "_join", lambda *asked: (joins.append(asked), join(*asked)))
        done = await completed(alice, md5=MD5.upper())
        assert done.file is not None
        assert (done.status, done.file.status, done.file.bytes) == ("completed", "uploaded", len(CONTENT))
        assert joins == [], "the request joins nothing"
        assert woken == [done.file.id]
        with pytest.raises(openai.BadRequestError, match="still being made"):
            await sdk(alice).files.content(done.file.id)
        await sync_to_async(tasks.make_file)(done.file.id)
        file = await sdk(alice).files.retrieve(done.file.id)
        assert (file.status, file.bytes) == ("processed", len(CONTENT))
        assert (await sdk(alice).files.content(file.id)).content == CONTENT
        stored = await sync_to_async(the_file)()
        assert (stored.sha256, stored.num_rows) == (hashlib.sha256(CONTENT).hexdigest(), 40)
        assert (stored.made, stored.family) == ({"how": "upload"}, stored.pk)
        assert not await UploadPart.objects.aexists()
        assert len(stored_files(home)) == 1

    async def test_asked_again_it_is_the_same(self, alice: Member) -> None:
        first = await completed(alice)
        part_ids = [pk async for pk in UploadPart.objects.order_by("place").values_list("pk", flat=True)][:2]
        again = await sdk(alice).uploads.complete(first.id, part_ids=part_ids)
        assert again == first
        assert await TrainingFile.objects.acount() == 1
        with pytest.raises(openai.BadRequestError, match="is completed"):
            await sdk(alice).uploads.cancel(first.id)
        shown = await sync_to_async(lambda: Client().get(f"/v1/uploads/{first.id}", headers=alice.headers).json())()
        assert (shown["status"], shown["parts"]) == ("completed", [])

    async def test_what_its_first_bytes_tell_is_refused_at_once(self, alice: Member, home: Path) -> None:
        with pytest.raises(openai.BadRequestError, match="PDF"):
            await completed(alice, b"%PDF-1.7" + b"0" * 400)
        assert not await TrainingFile.objects.aexists()
        assert (await Upload.objects.aget()).status == "pending"

    async def test_bytes_that_arrived_damaged_are_told_at_the_file(self, alice: Member, home: Path) -> None:
        done = await completed(alice, md5="0" * 32)
        assert done.file is not None
        await sync_to_async(tasks.make_file)(done.file.id)
        file = await sdk(alice).files.retrieve(done.file.id)
        assert file.status == "error"
        assert (
            str(file.status_details) == f"The joined parts have the MD5 {MD5}, not '{'0' * 32}'. Upload the file again."
        )
        assert not stored_files(home)
        page = Client()
        await sync_to_async(page.force_login)(alice.user)
        shown = await sync_to_async(page.get)(f"/datasets/{file.id}", headers={"accept-language": "zh-CN"})
        assert shown.status_code == 200
        assert f"拼合后的内容 MD5 为 {MD5}" in shown.content.decode()


class TestWorker:
    @pytest.fixture
    def file(self, alice: Member) -> TrainingFile:
        upload = uploads.create_upload(
            team=alice.team, by=alice.user, filename="big.jsonl", purpose="fine-tune", num_bytes=len(CONTENT)
        )
        parts = []
        for cut in (CONTENT[:300], CONTENT[300:]):
            with Spool.of(io.BytesIO(cut), limit=len(cut)) as spool:
                parts.append(uploads.add_part(upload=upload, spool=spool).pk)
        made = uploads.complete_upload(upload=upload, part_ids=parts).file
        assert made is not None
        return made

    def test_that_died_after_the_last_byte_leaves_no_parts(self, file: TrainingFile, home: Path) -> None:
        sweep()
        assert UploadPart.objects.count() == 2, "they are still needed"
        new_files.make_file(file.pk)
        assert UploadPart.objects.count() == 2
        sweep()
        assert UploadPart.objects.count() == 0
        assert len(stored_files(home)) == 1

    def test_of_a_deleted_file_finds_nothing_and_leaves_nothing(
        self, file: TrainingFile, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        open_part, deleted = store.storage().open, []

        def deleting(*asked: Any) -> Any:
            if not deleted:
                deleted.append(services.delete_file(file=file, by=None))
            return open_part(*asked)

        monkeypatch.setattr(store.storage(), "open", deleting)
        tasks.make_file(file.pk)
        assert (TrainingFile.objects.count(), UploadPart.objects.count()) == (0, 0)
        assert not stored_files(home)

    def test_says_so_when_storage_has_lost_a_part(self, file: TrainingFile) -> None:
        store.storage().delete(UploadPart.objects.earliest("created_at").storage_name)
        tasks.make_file(file.pk)
        file.refresh_from_db()
        assert file.status == "error"
        assert "is missing from storage. Upload the file again." in str(file.status_details)

    def test_says_that_it_lives_while_storage_takes_the_bytes(
        self, file: TrainingFile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(new_files, "BEAT_SECONDS", 0.02)
        put, beaten = store.store, threading.Event()
        beat = TrainingFile.beat_making
        monkeypatch.setattr(TrainingFile, "beat_making", lambda self: (beat(self), beaten.set()))

        def slow(*asked: Any) -> Any:
            assert beaten.wait(10), "another worker would take the file for left alone"
            return put(*asked)

        monkeypatch.setattr(store, "store", slow)
        tasks.make_file(file.pk)
        file.refresh_from_db()
        assert file.is_processed

    def test_does_not_hold_up_the_check_by_a_late_sign_of_life(self, file: TrainingFile) -> None:
        new_files.make_file(file.pk)
        file.beat_making()
        assert file in TrainingFile.objects.unchecked()

    @pytest.mark.parametrize("moment", ["open", "before"])
    def test_that_comes_too_late_does_not_spoil_what_another_has_made(
        self, file: TrainingFile, monkeypatch: pytest.MonkeyPatch, moment: str
    ) -> None:
        open_part, stored = store.storage().open, []

        def first_one() -> None:
            if not stored:
                stored.append(store.storage().save("first", ContentFile(CONTENT)))
                file.record_content(storage_name="first", num_bytes=len(CONTENT), sha256="", made=file.made)
                removal.remove_joined(file.pk)

        def opening(*asked: Any) -> Any:
            first_one()
            return open_part(*asked)

        claim = TrainingFile.claim_making
        if moment == "open":
            monkeypatch.setattr(store.storage(), "open", opening)
        else:
            monkeypatch.setattr(TrainingFile, "claim_making", lambda self: (claim(self), first_one())[0])
        new_files.make_file(file.pk)
        file.refresh_from_db()
        assert (file.status, file.status_details, file.storage_name) == ("uploaded", None, "first")

    def test_tells_its_page_how_far_it_is(self, file: TrainingFile, page: Client) -> None:
        file.save_progress({"rows": 1, "bytes": 300})
        percent = round(100 * 300 / len(CONTENT))
        assert f"Storing the file: {percent} % so far." in page.get(f"/datasets/{file.pk}").content.decode()
        shown = page.get(f"/datasets/{file.pk}", headers={"accept-language": "zh-CN"}).content.decode()
        assert f"正在保存其内容：已完成 {percent}%" in shown

    def test_is_woken_by_the_reconciler_too(self, file: TrainingFile, monkeypatch: pytest.MonkeyPatch) -> None:
        woken: list[Any] = []
        monkeypatch.setattr(tasks, "wake", lambda task, file_id: woken.append((task.name, file_id)))
        tasks.wake_unchecked()
        assert woken == [("datasets_app.make_file", file.pk)]
