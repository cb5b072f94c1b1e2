"""Uploads through the edge, by OpenAI's own SDK and by clients that break every rule."""

import asyncio
import hashlib
import io
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connections
from django.test import Client
from django.utils import timezone

from accounts.models import Membership
from common.idempotency import forget_outdated
from common.models import IdempotentReply
from console.asgi import application
from datasets_app import uploads
from datasets_app.models import TrainingFile, Upload, UploadPart
from datasets_app.storage.removal import sweep
from datasets_app.web import receiving
from tests.datasets_app.conftest import Member, stored_files
from tests.datasets_app.dataset_makers import lines_of, rows

pytestmark = pytest.mark.django_db(transaction=True)

CONTENT = lines_of(*rows(5))
BOUNDARY = "x-boundary"


@pytest.fixture(autouse=True)
async def closed_connections() -> AsyncIterator[None]:
    """Close what the tests' own queries have opened, or the test database could not be dropped."""
    yield
    await sync_to_async(connections.close_all)()


def http() -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://testserver")


def sdk(member: Member) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(
        api_key=member.secret,
        base_url="http://testserver/v1",
        http_client=http(),
        _strict_response_validation=True,
        max_retries=0,
    )


async def post(member: Member, *, files: Any = None, data: Any = None, **headers: str) -> httpx.Response:
    files = files if files is not None else {"file": ("chats.jsonl", CONTENT)}
    data = data if data is not None else {"purpose": "fine-tune"}
    async with http() as client:
        return await client.post("/v1/files", files=files, data=data, headers={**member.headers, **headers})


def form(*parts: tuple[str, bytes]) -> bytes:
    written = [
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; {names}\r\n\r\n".encode() + content + b"\r\n"
        for names, content in parts
    ]
    return b"".join(written) + f"--{BOUNDARY}--\r\n".encode()


async def send_raw(
    member: Member, body: bytes, *, cut: bool = False, path: str = "/v1/files", midway: Any = None
) -> list[Any]:
    """Send `body` as ASGI messages of few bytes; with `cut` the client leaves before the end.

    `midway` is called before the last one.
    """
    headers = [
        (b"authorization", f"Bearer {member.secret}".encode()),
        (b"content-type", f"multipart/form-data; boundary={BOUNDARY}".encode()),
        (b"host", b"test"),
    ]
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": headers,
        "http_version": "1.1",
    }
    pieces = [body[at : at + 100] for at in range(0, len(body), 100)]
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages.append({"type": "http.disconnect"} if cut else {"type": "http.request", "body": b"", "more_body": False})
    sent: list[Any] = []

    async def receive() -> Any:
        if midway is not None and len(messages) == 1:
            await sync_to_async(midway)()
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await application(scope, receive, send)
    return sent


class TestFilesEndpoint:
    async def test_the_sdk_uploads_a_file(self, alice: Member, home: Path) -> None:
        file = await sdk(alice).files.create(
            file=("心理.jsonl", CONTENT),
            purpose="fine-tune",
            expires_after={"anchor": "created_at", "seconds": 3600},
        )
        assert (file.filename, file.bytes, file.status) == ("心理.jsonl", len(CONTENT), "uploaded")
        assert file.expires_at == file.created_at + 3600
        row = await TrainingFile.objects.aget(pk=file.id)
        assert row.sha256 == hashlib.sha256(CONTENT).hexdigest()
        assert [path.read_bytes() for path in stored_files(home)] == [CONTENT]
        content = await sdk(alice).files.content(file.id)
        assert content.content == CONTENT
        assert [found.id async for found in sdk(alice).files.list()] == [file.id]
        assert (await sdk(alice).files.delete(file.id)).deleted
        assert not stored_files(home)

    @pytest.mark.parametrize(
        ("files", "data", "code"),
        [
            (None, {}, "missing_purpose"),
            (None, {"purpose": "vision"}, "unsupported_purpose"),
            (None, {"purpose": "fine-tune", "colour": "red"}, "unknown_parameter"),
            (None, {"purpose": "fine-tune", "expires_after[anchor]": "created_at"}, "invalid_value"),
            ({"file": ("a.jsonl", b"")}, None, "empty_file"),
            ({"file": ("a.jsonl.gz", b"version https://git-lfs.github.com/spec/v1\n")}, None, "git_lfs_pointer"),
            ({"data": ("a.jsonl", CONTENT)}, None, "missing_file"),
            ([("file", ("a", CONTENT)), ("file", ("b", CONTENT))], None, "two_files"),
            ({"file": ("a", CONTENT)}, {"purpose": ["fine-tune", "fine-tune"]}, "repeated_field"),
            ({"file": ("a", CONTENT)}, {"purpose": "x" * 70_000}, "field_too_long"),
            ({"file": ("a", CONTENT)}, {str(n): "x" for n in range(30)}, "too_many_parts"),
        ],
    )
    async def test_a_refused_form_leaves_nothing(
        self, alice: Member, home: Path, files: Any, data: Any, code: str
    ) -> None:
        reply = await post(alice, files=files, data=data)
        assert (reply.status_code, reply.json()["error"]["code"]) == (400, code)
        assert reply.headers["x-request-id"]
        assert not stored_files(home)

    async def test_a_file_over_the_limit_is_refused_whether_announced_or_not(
        self, alice: Member, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(settings, "MAX_UPLOAD_BYTES", 10_000)
        huge = await post(alice, files={"file": ("a", b"x" * 2_000_000)})
        assert (huge.status_code, huge.json()["error"]["code"]) == (413, "file_too_large")

        async def unannounced() -> AsyncIterator[bytes]:
            yield form(('name="file"; filename="a"', b"x" * 20_000), ('name="purpose"', b"fine-tune"))

        async with http() as client:
            headers = {**alice.headers, "content-type": f"multipart/form-data; boundary={BOUNDARY}"}
            reply = await client.post("/v1/files", content=unannounced(), headers=headers)
        assert reply.status_code == 413
        assert not stored_files(home)

    async def test_a_client_that_leaves_leaves_nothing(self, alice: Member, home: Path) -> None:
        whole = form(('name="purpose"', b"fine-tune"), ('name="file"; filename="a.jsonl"', CONTENT))
        assert not await send_raw(alice, whole[:-200], cut=True)
        assert not stored_files(home)
        assert not await TrainingFile.objects.aexists()

    async def test_who_leaves_the_team_meanwhile_stores_nothing(self, alice: Member, home: Path) -> None:
        whole = form(('name="purpose"', b"fine-tune"), ('name="file"; filename="a.jsonl"', CONTENT))
        leave = Membership.objects.filter(user=alice.user).delete
        start, content = await send_raw(alice, whole, midway=leave)
        assert (start["status"], json.loads(content["body"])["error"]["code"]) == (401, "invalid_api_key")
        assert not stored_files(home)

    @pytest.mark.parametrize("body", [b"", b"nonsense", form(('name="file"; filename="a"', CONTENT))[:-30]])
    async def test_a_broken_form_is_refused(self, alice: Member, home: Path, body: bytes) -> None:
        start, content = await send_raw(alice, body)
        assert (start["status"], json.loads(content["body"])["error"]["code"]) == (400, "malformed_form")
        assert not stored_files(home)

    async def test_an_extended_file_name_is_understood(self, alice: Member) -> None:
        names = "name=\"file\"; filename*=UTF-8''%E4%BD%A0%E5%A5%BD.jsonl"
        _, content = await send_raw(alice, form((names, CONTENT), ('name="purpose"', b"fine-tune")))
        assert json.loads(content["body"])["filename"] == "你好.jsonl"

    async def test_another_content_type_is_refused(self, alice: Member) -> None:
        async with http() as client:
            reply = await client.post("/v1/files", json={"file": "x"}, headers=alice.headers)
        assert (reply.status_code, reply.json()["error"]["code"]) == (415, "unsupported_media_type")

    @pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer sk-luthier-wrong"}])
    async def test_a_stranger_is_refused(self, alice: Member, home: Path, headers: dict[str, str]) -> None:
        async with http() as client:
            reply = await client.post("/v1/files", files={"file": ("a", CONTENT)}, headers=headers)
        assert reply.status_code == 401
        assert reply.headers["www-authenticate"]
        assert reply.json()["error"]["type"] == "authentication_error"
        assert not stored_files(home)

    @pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer sk-luthier-wrong"}])
    async def test_a_stranger_is_refused_in_their_language(self, alice: Member, headers: dict[str, str]) -> None:
        headers = {**headers, "accept-language": "zh-CN"}
        async with http() as client:
            reply = await client.post("/v1/files", files={"file": ("a", CONTENT)}, headers=headers)
        assert "发送" in reply.json()["error"]["message"]

    async def test_an_unforeseen_error_is_a_plain_500(
        self, alice: Member, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(receiving.services, "store_file", lambda **asked: 1 / 0)
        reply = await post(alice)
        assert (reply.status_code, reply.json()["error"]["code"]) == (500, "internal_error")
        assert not stored_files(home)


class TestIdempotency:
    async def test_a_repeated_upload_gets_the_first_reply(self, alice: Member, charlie: Member, home: Path) -> None:
        first = await post(alice, **{"Idempotency-Key": "k"})
        again = await post(alice, **{"Idempotency-Key": "k"})
        assert (again.status_code, again.json()) == (200, first.json())
        assert (await post(charlie, **{"Idempotency-Key": "k"})).json()["id"] != first.json()["id"]
        assert len(stored_files(home)) == 2

    async def test_another_file_under_the_same_key_is_a_conflict(self, alice: Member) -> None:
        await post(alice, **{"Idempotency-Key": "k"})
        reply = await post(alice, files={"file": ("b", CONTENT + CONTENT)}, **{"Idempotency-Key": "k"})
        assert (reply.status_code, reply.json()["error"]["code"]) == (409, "idempotency_key_reused")

    async def test_a_refused_upload_may_be_mended(self, alice: Member) -> None:
        refused = await post(alice, files={"file": ("b", b"")}, **{"Idempotency-Key": "k"})
        assert refused.status_code == 400
        assert (await post(alice, **{"Idempotency-Key": "k"})).status_code == 200

    async def test_two_at_once_make_one_file(self, alice: Member) -> None:
        replies = await asyncio.gather(*(post(alice, **{"Idempotency-Key": "k"}) for _ in range(4)))
        assert len({reply.json()["id"] for reply in replies}) == 1
        assert await TrainingFile.objects.acount() == 1

    async def test_json_creates_are_repeated_too(self, alice: Member) -> None:
        asked = {"bytes": 5, "filename": "a.jsonl", "mime_type": "text/jsonl", "purpose": "fine-tune"}
        headers = {**alice.headers, "Idempotency-Key": "k"}
        async with http() as client:
            replies = [await client.post("/v1/uploads", json=asked, headers=headers) for _ in range(2)]
            other = await client.post("/v1/uploads", json={**asked, "bytes": 6}, headers=headers)
            long = await client.post("/v1/uploads", json=asked, headers={**headers, "Idempotency-Key": "k" * 256})
        assert replies[0].json() == replies[1].json()
        assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_key_reused")
        assert (long.status_code, long.json()["error"]["code"]) == (400, "invalid_idempotency_key")
        assert await Upload.objects.acount() == 1

    async def test_a_reply_is_forgotten_after_a_day(self, alice: Member) -> None:
        first = await post(alice, **{"Idempotency-Key": "k"})
        await IdempotentReply.objects.aupdate(created_at=timezone.now() - timedelta(hours=25))
        await asyncio.to_thread(forget_outdated)
        assert (await post(alice, **{"Idempotency-Key": "k"})).json()["id"] != first.json()["id"]


class TestAnswersBeforehand:
    async def test_what_a_file_asks_can_be_left_out_as_it_is_sent(self, alice: Member) -> None:
        file = ("chats.jsonl", CONTENT)
        sent = await sdk(alice).files.create(file=file, purpose="fine-tune", extra_body={"unused": "leave_out"})
        stored = await TrainingFile.objects.aget(pk=sent.id)
        assert stored.left_out == ["*"]
        async with http() as client:
            address, answer = f"/api/v1/files/{sent.id}/versions", {"unused": "leave_out"}
            reply = await client.post(address, files={"file": file}, data=answer, headers=alice.headers)
        assert (await TrainingFile.objects.aget(pk=reply.json()["id"])).left_out == ["*"]

    async def test_another_answer_is_refused_in_a_sentence(self, alice: Member) -> None:
        reply = await post(alice, data={"purpose": "fine-tune", "unused": "system"})
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, "unused")
        assert reply.json()["error"]["message"].startswith("unused is 'system'; before a file is read")


class TestConsoleSession:
    async def test_a_signed_in_person_uploads_with_the_csrf_header(self, alice: Member) -> None:
        client = Client()
        await asyncio.to_thread(client.force_login, alice.user)
        token = "a" * 32
        cookies = {
            settings.SESSION_COOKIE_NAME: client.cookies[settings.SESSION_COOKIE_NAME].value,
            settings.CSRF_COOKIE_NAME: token,
        }
        cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
        async with http() as browser:
            files = {"file": ("a.jsonl", CONTENT)}
            asked: dict[str, Any] = {"files": files, "data": {"purpose": "fine-tune"}}
            bare = await browser.post("/v1/files", headers={"cookie": cookie}, **asked)
            assert bare.status_code == 403
            reply = await browser.post("/v1/files", headers={"cookie": cookie, "x-csrftoken": token}, **asked)
            empty = await browser.post(
                "/v1/files", headers={"cookie": cookie, "x-csrftoken": token, "accept-language": "zh-CN"},
                files={"file": ("a.jsonl", b"")}, data={"purpose": "fine-tune"},
            )  # fmt: skip
        assert reply.status_code == 200
        assert (await TrainingFile.objects.aget()).team_id == alice.team.pk
        assert empty.status_code == 400
        assert "文件" in empty.json()["error"]["message"], "a Chinese page is refused in English"


class TestUploads:
    async def open(self, member: Member, num_bytes: int = len(CONTENT)) -> Any:
        return await sdk(member).uploads.create(
            bytes=num_bytes, filename="big.jsonl", mime_type="text/jsonl", purpose="fine-tune"
        )

    async def part(self, member: Member, upload: Any, data: bytes) -> str:
        return (await sdk(member).uploads.parts.create(upload.id, data=io.BytesIO(data))).id

    async def test_parts_are_joined_in_the_named_order(self, alice: Member, home: Path) -> None:
        upload = await self.open(alice)
        assert (upload.status, upload.expires_at - upload.created_at) == ("pending", 3600)
        second = await self.part(alice, upload, CONTENT[100:])
        first = await self.part(alice, upload, CONTENT[:100])
        md5 = hashlib.md5(CONTENT).hexdigest()
        done = await sdk(alice).uploads.complete(upload.id, part_ids=[first, second], md5=md5)
        assert done.status == "completed"
        assert done.file is not None
        assert (await sdk(alice).files.content(done.file.id)).content == CONTENT
        assert len(stored_files(home)) == 1
        again = await sdk(alice).uploads.complete(upload.id, part_ids=[first, second])
        assert again.file is not None
        assert again.file.id == done.file.id

    async def test_what_does_not_fit_is_refused_and_may_be_mended(self, alice: Member) -> None:
        upload = await self.open(alice)
        first, second = await self.part(alice, upload, CONTENT[:100]), await self.part(alice, upload, CONTENT[100:])
        for part_ids, md5, code in (
            ([first], None, "wrong_size"),
            ([first, first], None, "invalid_value"),
            ([first, "part-none"], None, "part_not_found"),
            ([second, first], hashlib.md5(CONTENT).hexdigest(), "wrong_checksum"),
        ):
            with pytest.raises(openai.BadRequestError) as refused:
                await sdk(alice).uploads.complete(upload.id, part_ids=part_ids, **({"md5": md5} if md5 else {}))
            assert refused.value.code == code
        done = await sdk(alice).uploads.complete(upload.id, part_ids=[first, second])
        assert done.status == "completed"

    async def test_a_cancelled_upload_keeps_nothing(self, alice: Member, home: Path) -> None:
        upload = await self.open(alice)
        await self.part(alice, upload, CONTENT)
        assert (await sdk(alice).uploads.cancel(upload.id)).status == "cancelled"
        assert not stored_files(home)
        with pytest.raises(openai.BadRequestError, match="cancelled"):
            await self.part(alice, upload, CONTENT)
        assert not stored_files(home)

    async def test_an_hour_later_it_has_expired(self, alice: Member, home: Path) -> None:
        upload = await self.open(alice)
        await self.part(alice, upload, CONTENT)
        row = await Upload.objects.aget()
        await Upload.objects.aupdate(expires_at=row.created_at)
        await asyncio.to_thread(sweep)
        assert (await Upload.objects.aget()).status == "expired"
        assert not stored_files(home)
        with pytest.raises(openai.BadRequestError, match="expired"):
            await self.part(alice, upload, CONTENT)

    async def test_too_many_bytes_are_refused(self, alice: Member, monkeypatch: pytest.MonkeyPatch) -> None:
        upload = await self.open(alice, 10)
        with pytest.raises(openai.BadRequestError, match="exceed"):
            await self.part(alice, upload, b"x" * 21)
        monkeypatch.setattr(uploads, "MOST_PART_BYTES", 100)
        with pytest.raises(openai.APIStatusError) as refused:
            await self.part(alice, upload, b"x" * 101)
        assert refused.value.status_code == 413
        with pytest.raises(openai.BadRequestError, match="bytes is"):
            await self.open(alice, settings.MAX_UPLOAD_BYTES + 1)
        with pytest.raises(openai.BadRequestError, match="bytes is"):
            await self.open(alice, 0)

    async def test_another_teams_upload_does_not_exist(self, alice: Member, charlie: Member, home: Path) -> None:
        upload = await self.open(alice)
        for attempt in (
            self.part(charlie, upload, CONTENT),
            sdk(charlie).uploads.complete(upload.id, part_ids=[]),
            sdk(charlie).uploads.cancel(upload.id),
        ):
            with pytest.raises(openai.NotFoundError):
                await attempt
        assert not await UploadPart.objects.aexists()
        assert not stored_files(home)

    async def test_an_empty_file_is_refused_when_completed(self, alice: Member, home: Path) -> None:
        upload = await self.open(alice, 4)
        part = await self.part(alice, upload, b"%PDF")
        with pytest.raises(openai.BadRequestError, match="PDF"):
            await sdk(alice).uploads.complete(upload.id, part_ids=[part])
        assert len(stored_files(home)) == 1
        assert (await Upload.objects.aget()).status == "pending"
