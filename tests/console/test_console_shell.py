"""What is refused before Django reads a body."""

import json
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from common.asgi import Scope
from console.proxies import NEAR, behind_proxies, trusted_proxies
from console.shell import MAX_CONTROL_BYTES, MAX_QUESTION_BYTES, Shell

pytestmark = pytest.mark.usefixtures("plain_static")
MOST = 10 * 2**20


async def asked(
    path: str = "/v1/models",
    *,
    body: bytes = b"",
    headers: list[tuple[bytes, bytes]] | None = None,
    announce: bool = True,
) -> tuple[int, dict[str, Any]]:
    """Send one request through the shell to an application that reads all of the body."""

    async def django(scope: Scope, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    sent: list[Any] = []
    parts = [body[start : start + 65536] for start in range(0, len(body), 65536)] or [b""]
    messages = [{"type": "http.request", "body": part, "more_body": part is not parts[-1]} for part in parts]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    given = headers or [(b"content-type", b"application/json")]
    length = [(b"content-length", str(len(body)).encode())] if announce else []
    scope = {"type": "http", "method": "POST", "path": path, "headers": [*given, *length]}
    await Shell(django, uploads=(), max_body_bytes=MOST)(scope, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"])


class TestCharset:
    @pytest.mark.parametrize(
        "value",
        [
            b"application/json; charset=bz2_codec",
            b"application/json; charset=utf-8; charset=bz2_codec",
            b"application/json; charset*=utf-8''bz2_codec",
            b"application/json; charset*0=bz2_; charset*1=codec",
            b'text/plain; CHARSET="zlib"',
            b"application/json; charset='hex'",
        ],
    )
    async def test_codecs_are_refused_however_they_are_written(self, value: bytes) -> None:
        status, found = await asked(headers=[(b"content-type", value)])
        assert (status, found["error"]["code"]) == (415, "unsupported_charset")

    async def test_a_second_header_is_looked_at(self) -> None:
        kinds = [(b"content-type", b"application/json"), (b"content-type", b"text/plain; charset=bz2_codec")]
        assert (await asked(headers=kinds))[0] == 415

    @pytest.mark.parametrize(
        "value", [b"application/json", b"application/json; charset=utf-8", b'text/plain; charset="UTF-8"']
    )
    async def test_text_passes(self, value: bytes) -> None:
        assert (await asked(headers=[(b"content-type", value)]))[0] == 200


class TestSizes:
    async def test_a_form_with_a_file_has_the_largest(self) -> None:
        kind = [(b"content-type", b"multipart/form-data; boundary=x")]
        assert (await asked("/datasets/upload", body=b" " * MOST, headers=kind))[0] == 200
        assert (await asked("/datasets/upload", body=b" " * (MOST + 1), headers=kind))[0] == 413

    @pytest.mark.parametrize("announce", [True, False])
    @pytest.mark.parametrize(
        ("path", "most", "words"),
        [
            ("/v1/fine_tuning/jobs", MAX_CONTROL_BYTES, "256 KB"),
            ("/api/v1/files/file-1/repairs", MAX_CONTROL_BYTES, "256 KB"),
            ("/v1/chat/completions", MAX_QUESTION_BYTES, "2 MB"),
            ("/deployments/deploy-1/chat", MAX_QUESTION_BYTES, "2 MB"),
            ("/sign-in", MAX_CONTROL_BYTES, "256 KB"),
        ],
    )
    async def test_each_path_has_its_cap(self, path: str, most: int, words: str, announce: bool) -> None:
        assert (await asked(path, body=b" " * most, announce=announce))[0] == 200
        status, found = await asked(path, body=b" " * (most + 1), announce=announce)
        assert (status, found["error"]["code"]) == (413, "request_too_large")
        assert words in found["error"]["message"]


async def client_of(proxies: list[str], client: str, forwarded: str) -> tuple[str, str]:
    """Return the address and scheme that an application sees."""
    seen: list[Scope] = []

    async def application(scope: Scope, receive: Any, send: Any) -> None:
        seen.append(scope)

    headers = [(b"x-forwarded-for", forwarded.encode()), (b"x-forwarded-proto", b"https")]
    scope = {"type": "http", "client": (client, 1), "scheme": "http", "headers": headers}
    await behind_proxies(application, proxies)(scope, None, None)  # type: ignore[arg-type]
    return seen[0]["client"][0], seen[0]["scheme"]


class TestProxies:
    async def test_nobody_is_believed_without_the_setting(self) -> None:
        assert await client_of(trusted_proxies("0"), "127.0.0.1", "203.0.113.9") == ("127.0.0.1", "http")

    async def test_people_behind_a_proxy_are_told_apart(self) -> None:
        near = trusted_proxies("1")
        assert near == list(NEAR)
        assert await client_of(near, "10.1.2.3", "203.0.113.9") == ("203.0.113.9", "https")
        assert await client_of(near, "10.1.2.3", "198.51.100.7") == ("198.51.100.7", "https")

    async def test_an_address_that_a_client_wrote_itself_does_not_count(self) -> None:
        assert (await client_of(trusted_proxies("1"), "10.1.2.3", "1.1.1.1, 203.0.113.9"))[0] == "203.0.113.9"

    async def test_others_than_the_named_proxies_are_not_believed(self) -> None:
        named = trusted_proxies("192.0.2.1, 198.51.100.0/24")
        assert (await client_of(named, "198.51.100.20", "203.0.113.9"))[0] == "203.0.113.9"
        assert (await client_of(named, "10.1.2.3", "203.0.113.9"))[0] == "10.1.2.3"

    def test_a_bad_value_stops_the_start_with_what_is_accepted(self) -> None:
        with pytest.raises(ImproperlyConfigured, match=r"LUTHIER_BEHIND_PROXY is 'maybe'\. It must be 0, 1"):
            trusted_proxies("maybe")


class TestAnswers:
    async def test_carry_the_requests_id(self) -> None:
        sent: list[Any] = []

        async def application(scope: Scope, receive: Any, send: Any) -> None:
            sent.append(dict(scope["headers"])[b"x-request-id"])
            await send({"type": "http.response.start", "status": 200, "headers": [(b"x-request-id", b"another")]})

        async def send(message: Any) -> None:
            sent.append(dict(message.get("headers", ())).get(b"x-request-id"))

        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        await Shell(application, uploads=(), max_body_bytes=1)(scope, None, send)  # type: ignore[arg-type]
        assert sent[0] == sent[1] != b"another"

    async def test_say_how_long_they_took_under_openais_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now, sent = [100.0], []
        monkeypatch.setattr("console.shell.time.monotonic", lambda: now[0])

        async def application(scope: Scope, receive: Any, send: Any) -> None:
            now[0] += 0.25
            await send({"type": "http.response.start", "status": 200, "headers": []})
            now[0] += 5.0
            await send({"type": "http.response.body", "body": b""})

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        await Shell(application, uploads=(), max_body_bytes=1)(scope, None, send)  # type: ignore[arg-type]
        assert dict(sent[0]["headers"])[b"openai-processing-ms"] == b"250"

    async def test_a_browser_gets_a_page(self) -> None:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"accept", b"text/html,*/*"), (b"accept-language", b"zh-hans"), (b"content-length", b"99")]
        scope = {"type": "http", "method": "POST", "path": "/datasets/upload", "headers": headers}
        await Shell(lambda *_: None, uploads=(), max_body_bytes=10)(scope, None, send)  # type: ignore[arg-type, return-value]
        assert sent[0]["status"] == 413
        assert "failure-card" in sent[1]["body"].decode()
        assert 'lang="zh-hans"' in sent[1]["body"].decode()
