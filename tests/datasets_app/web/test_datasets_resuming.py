"""An upload whose line broke goes on where it was: what is here can be asked for, waits, and is not stored twice."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.utils import timezone

from datasets_app import uploads
from datasets_app.models import Upload, UploadPart
from datasets_app.storage.removal import close_upload, sweep
from datasets_app.web import receiving
from tests.datasets_app.conftest import Member, stored_files
from tests.datasets_app.web.test_datasets_receiving import (
    CONTENT,
    closed_connections,  # noqa: F401 - a fixture
    http,
    sdk,
)

pytestmark = pytest.mark.django_db(transaction=True)


async def begun(member: Member, num_bytes: int = len(CONTENT)) -> str:
    asked: dict[str, Any] = {"bytes": num_bytes, "filename": "大.jsonl", "mime_type": "", "purpose": "fine-tune"}
    return (await sdk(member).uploads.create(**asked)).id


async def send(member: Member, upload_id: str, data: bytes, **headers: str) -> httpx.Response:
    async with http() as client:
        return await client.post(
            f"/v1/uploads/{upload_id}/parts", files={"data": ("part", data)}, headers={**member.headers, **headers}
        )


async def seen(member: Member, upload_id: str) -> httpx.Response:
    async with http() as client:
        return await client.get(f"/v1/uploads/{upload_id}", headers=member.headers)


async def set_expiry(moment: Any) -> None:
    await Upload.objects.aupdate(expires_at=moment)


class TestAnUploadIsSeen:
    async def test_with_its_parts_in_the_order_of_arrival(self, alice: Member) -> None:
        upload_id = await begun(alice)
        sent = [(await send(alice, upload_id, CONTENT[at : at + 100])).json() for at in (200, 0, 100)]
        upload = (await seen(alice, upload_id)).json()
        assert (upload["object"], upload["status"], upload["filename"]) == ("upload", "pending", "大.jsonl")
        assert upload["parts"] == [{"id": p["id"], "bytes": 100, "created_at": p["created_at"]} for p in sent]
        assert openai.types.Upload.model_validate(upload).bytes == len(CONTENT)

    async def test_closed_it_has_no_parts_and_says_so(self, alice: Member) -> None:
        upload_id = await begun(alice)
        part = (await send(alice, upload_id, CONTENT)).json()["id"]
        await sdk(alice).uploads.complete(upload_id, part_ids=[part])
        upload = (await seen(alice, upload_id)).json()
        assert (upload["status"], upload["parts"], upload["file"]["bytes"]) == ("completed", [], len(CONTENT))

    async def test_overdue_it_has_expired_though_nobody_swept_yet(self, alice: Member, home: Path) -> None:
        upload_id = await begun(alice)
        await send(alice, upload_id, CONTENT)
        await set_expiry(timezone.now())
        upload = (await seen(alice, upload_id)).json()
        assert (upload["status"], upload["parts"]) == ("expired", [])
        assert not stored_files(home)

    async def test_another_teams_does_not_exist(self, alice: Member, charlie: Member) -> None:
        upload_id = await begun(alice)
        for stranger, path in ((charlie, upload_id), (alice, "upload-none"), (alice, "x" * 300)):
            reply = await seen(stranger, path)
            assert (reply.status_code, reply.json()["error"]["code"]) == (404, "upload_not_found")

    async def test_a_stranger_is_refused(self, alice: Member) -> None:
        upload_id = await begun(alice)
        async with http() as client:
            assert (await client.get(f"/v1/uploads/{upload_id}")).status_code == 401


class TestAnUploadWaits:
    async def test_an_hour_from_its_newest_part(self, alice: Member) -> None:
        upload_id = await begun(alice)
        await set_expiry(timezone.now() + timedelta(seconds=30))
        before = timezone.now()
        await send(alice, upload_id, CONTENT[:100])
        assert (await Upload.objects.aget()).expires_at >= before + uploads.OPEN_FOR

    async def test_a_refused_part_gives_no_time(self, alice: Member) -> None:
        upload_id, soon = await begun(alice, 10), timezone.now() + timedelta(seconds=30)
        await set_expiry(soon)
        assert (await send(alice, upload_id, b"x" * 21)).status_code == 400
        assert (await Upload.objects.aget()).expires_at == soon

    async def test_while_it_is_put_together(self, alice: Member, monkeypatch: pytest.MonkeyPatch) -> None:
        upload_id = await begun(alice)
        part = (await send(alice, upload_id, CONTENT)).json()["id"]
        await set_expiry(timezone.now() + timedelta(seconds=30))
        joined = uploads._joined

        def long(*asked: Any) -> Any:
            """Join for so long that the hour of the last part is over, and be swept over meanwhile."""
            assert Upload.objects.get().expires_at > timezone.now() + timedelta(minutes=59)
            sweep()
            return joined(*asked)

        monkeypatch.setattr(uploads, "_joined", long)
        assert (await sdk(alice).uploads.complete(upload_id, part_ids=[part])).status == "completed"

    def test_a_part_that_comes_at_the_last_moment_saves_it(self, alice: Member) -> None:
        """Whoever has found it overdue must look again before closing it."""
        upload = uploads.create_upload(
            team=alice.team, by=alice.user, filename="a.jsonl", purpose="fine-tune", num_bytes=10
        )
        Upload.objects.update(expires_at=timezone.now())
        upload.refresh_from_db()
        uploads._keep_open(upload)
        close_upload(upload, Upload.Status.EXPIRED)
        upload.refresh_from_db()
        assert upload.status == "pending"


class TestAPartSentAgain:
    async def test_is_stored_once(self, alice: Member, home: Path) -> None:
        upload_id = await begun(alice)
        replies = [await send(alice, upload_id, CONTENT, **{"Idempotency-Key": "at-0"}) for _ in range(2)]
        assert replies[0].json() == replies[1].json()
        assert len((await seen(alice, upload_id)).json()["parts"]) == 1
        assert len(stored_files(home)) == 1

    async def test_at_the_same_time_is_stored_once(self, alice: Member, home: Path) -> None:
        upload_id = await begun(alice)
        replies = await asyncio.gather(*(send(alice, upload_id, CONTENT, **{"Idempotency-Key": "k"}) for _ in range(3)))
        assert len({reply.json()["id"] for reply in replies}) == 1
        assert len(stored_files(home)) == 1

    async def test_with_other_bytes_is_a_conflict(self, alice: Member, home: Path) -> None:
        upload_id = await begun(alice)
        await send(alice, upload_id, CONTENT, **{"Idempotency-Key": "at-0"})
        reply = await send(alice, upload_id, CONTENT[::-1], **{"Idempotency-Key": "at-0"})
        assert (reply.status_code, reply.json()["error"]["code"]) == (409, "idempotency_key_reused")
        assert len(stored_files(home)) == 1

    async def test_refused_leaves_nothing(self, alice: Member, home: Path) -> None:
        upload_id = await begun(alice, 10)
        reply = await send(alice, upload_id, b"x" * 21, **{"Idempotency-Key": "at-0"})
        assert reply.status_code == 400
        assert not stored_files(home)
        assert (await send(alice, upload_id, b"x" * 10, **{"Idempotency-Key": "at-0"})).status_code == 200

    async def test_whose_transaction_fails_late_leaves_nothing(
        self, alice: Member, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fails_late(**asked: Any) -> Any:
            with transaction.atomic():
                asked["handler"]()
                raise ZeroDivisionError

        upload_id = await begun(alice)
        monkeypatch.setattr(receiving, "run_once", fails_late)
        assert (await send(alice, upload_id, CONTENT, **{"Idempotency-Key": "k"})).status_code == 500
        assert not await UploadPart.objects.aexists()
        assert not stored_files(home)


class TestTheConsolesSession:
    """The page sends its session's cookie, and the CSRF token as a header, to every route of an upload."""

    async def test_serves_every_route_and_is_checked_at_each_that_changes_something(self, alice: Member) -> None:
        client, token = Client(), "a" * 32
        await asyncio.to_thread(client.force_login, alice.user)
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        cookie = f"{settings.SESSION_COOKIE_NAME}={session}; {settings.CSRF_COOKIE_NAME}={token}"
        asked = {"bytes": len(CONTENT), "filename": "a.jsonl", "mime_type": "", "purpose": "fine-tune"}
        async with http() as bare, http() as page:
            for browser in (bare, page):
                browser.headers["cookie"] = cookie
            page.headers["x-csrftoken"] = token
            assert (await bare.post("/v1/uploads", json=asked)).status_code == 403
            first, second = [(await page.post("/v1/uploads", json=asked)).json()["id"] for _ in range(2)]
            data = {"files": {"data": ("part", CONTENT)}}
            assert (await bare.post(f"/v1/uploads/{first}/parts", **data)).status_code == 403
            part = (await page.post(f"/v1/uploads/{first}/parts", **data)).json()["id"]
            assert [p["id"] for p in (await bare.get(f"/v1/uploads/{first}")).json()["parts"]] == [part]
            for path, body in ((f"{first}/complete", {"part_ids": [part]}), (f"{second}/cancel", {})):
                assert (await bare.post(f"/v1/uploads/{path}", json=body)).status_code == 403
                assert (await page.post(f"/v1/uploads/{path}", json=body)).status_code == 200
            file_id = (await page.get(f"/v1/uploads/{first}")).json()["file"]["id"]
            version = {"files": {"file": ("b.jsonl", CONTENT)}}
            assert (await bare.post(f"/api/v1/files/{file_id}/versions", **version)).status_code == 403
            assert (await page.post(f"/api/v1/files/{file_id}/versions", **version)).json()["version"] == 2

    async def test_is_refused_in_the_pages_language(self, alice: Member) -> None:
        client, token = Client(), "a" * 32
        await asyncio.to_thread(client.force_login, alice.user)
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        cookie = f"{settings.SESSION_COOKIE_NAME}={session}; {settings.CSRF_COOKIE_NAME}={token}"
        upload_id = await begun(alice, 4)
        part = (await send(alice, upload_id, b"%PDF")).json()["id"]
        path, body = f"/v1/uploads/{upload_id}/complete", {"part_ids": [part]}
        chinese = {"accept-language": "zh-CN"}
        async with http() as browser:
            page = await browser.post(path, json=body, headers={"cookie": cookie, "x-csrftoken": token, **chinese})
            program = await browser.post(path, json=body, headers=alice.headers)
        assert (page.status_code, program.status_code) == (400, 400)
        assert "文件" in page.json()["error"]["message"]
        assert "PDF" in program.json()["error"]["message"]
        assert "文件" not in program.json()["error"]["message"], (
            "a program that asks for no language is answered in English"
        )


def test_a_console_part_is_no_larger_than_a_part_may_be() -> None:
    assert uploads.PART_BYTES <= uploads.MOST_PART_BYTES
    assert settings.MAX_UPLOAD_BYTES / uploads.PART_BYTES < uploads.MOST_PARTS
