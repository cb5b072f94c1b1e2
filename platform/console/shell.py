"""The ASGI shell in front of Django.

Django's ASGI handler spools a whole body before any view runs, so what must be refused early is refused here: bodies
over the cap, charsets that are codecs, paths with NUL or dot segments. Uploads are routed past Django, since they are
streamed to storage and may be larger than any body; questions to models are, since they may wait for long.
"""

import asyncio
import json
import re
import time
from collections.abc import Sequence

from django.http import HttpRequest
from django.utils import translation

import wording
from accounts import origins
from common import answer_headers, request_ids, tracing, unsent
from common.asgi import Application, Message, Receive, Scope, Send
from common.errors import error_body
from common.measures import EVENT_LOOP_LAG, HTTP_OPEN, HTTP_REQUESTS, HTTP_SECONDS
from console.messages import message
from console.middleware import ROUTE
from console.refusals import page

Route = tuple[str, "re.Pattern[str]", Application]

MAX_CONTROL_BYTES = 256 * 2**10
"""Of a body that asks for something: all but questions to a model, whose conversations may be long, and files."""
MAX_QUESTION_BYTES = 2 * 2**20
QUESTIONS = re.compile(r"/v1/(chat/)?completions/?|/deployments/[^/]+/chat/?|(/api/v1)?/playground/[a-z]+/?|/mcp/?")
CHARSETS = frozenset({"", "utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1"})
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
OTHER = "other"
"""An address that no route has, or a method that a client has made up: one label for all of them."""
DOT_SEGMENT = re.compile(r"(^|/)\.\.?(;[^/]*)?(/|$)")


class Refused(Exception):
    """A request that goes no further."""

    def __init__(self, status: int, said: wording.Message) -> None:
        super().__init__(said)
        self.status, self.said = status, said


class Shell:
    """Check each HTTP request, then hand it to an upload route, to a question's, or to Django."""

    def __init__(
        self, django: Application, *, uploads: Sequence[Route], questions: Sequence[Route] = (), max_body_bytes: int
    ) -> None:
        self.django = django
        self.uploads = uploads
        self.questions = questions
        self.max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        transport = getattr(getattr(send, "__self__", None), "transport", None)  # as uvicorn keeps it
        unsent.connection.set(transport)
        request_id = request_ids.begin(_header(scope, b"x-request-id"))
        origins.begin((scope.get("client") or ("",))[0])
        others = [(name, value) for name, value in scope["headers"] if name != b"x-request-id"]
        scope = {**scope, "headers": [*others, (b"x-request-id", request_id.encode())]}
        began = time.monotonic()
        send = _with_headers(_counted(scope, send), request_id.encode(), answer_headers.begin(), began)
        HTTP_OPEN.inc()
        with tracing.span(_method(scope), parent=_header(scope, b"traceparent"), is_answer=True):
            try:
                await self._answer(scope, receive, send, transport)
            finally:
                HTTP_OPEN.dec()
                HTTP_SECONDS.labels(scope.get(ROUTE, OTHER)).observe(time.monotonic() - began)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, transport: asyncio.WriteTransport | None
    ) -> None:
        try:
            _check_path(scope)
            _check_charset(scope)
            if (upload := _route(scope, self.uploads)) is not None:
                await upload(scope, receive, send)
            else:
                answering = _route(scope, self.questions) or self.django
                await self._limited(answering, scope, receive, send, transport)
        except Refused as refused:
            await _reply(scope, send, refused)

    async def _limited(
        self,
        application: Application,
        scope: Scope,
        receive: Receive,
        send: Send,
        transport: asyncio.WriteTransport | None,
    ) -> None:
        """Pass on at most what the path may bring; a longer body is a 413 whether or not it announced its length."""
        limit = self._limit(scope)
        announced = _header(scope, b"content-length")
        if announced.isdigit() and int(announced) > limit:
            raise _too_large(limit)
        received = 0

        async def limited() -> Message:
            nonlocal received
            part = await receive()
            received += len(part.get("body", b""))
            if received > limit:
                raise _too_large(limit)
            return part

        is_whole = False

        async def sending(message: Message) -> None:
            nonlocal is_whole
            await send(message)
            is_whole = message["type"] == "http.response.body" and not message.get("more_body")

        await application(scope, limited, sending)
        if not is_whole and transport is not None:
            await _hang_up(transport)

    def _limit(self, scope: Scope) -> int:
        """Return how many bytes of a body are read: parsing JSON holds the process, so little of it is taken."""
        if _header(scope, b"content-type").lower().startswith("multipart/"):
            return self.max_body_bytes  # a page's form with a file
        is_question = QUESTIONS.fullmatch(scope["path"])
        return min(MAX_QUESTION_BYTES if is_question else MAX_CONTROL_BYTES, self.max_body_bytes)


def _route(scope: Scope, routes: Sequence[Route]) -> Application | None:
    for method, pattern, application in routes:
        if scope["method"] == method and pattern.fullmatch(scope["path"]):
            scope[ROUTE] = pattern.pattern
            return application
    return None


async def _hang_up(transport: asyncio.WriteTransport) -> None:
    """Cut the connection of an answer that ended before its end, as where its reader takes nothing.

    Closed by uvicorn it would stay for as long as the reader does not take what was sent already.
    """
    transport.abort()
    await asyncio.sleep(0)  # uvicorn hears of it


def _too_large(limit: int) -> Refused:
    size = f"{limit // 2**20} MB" if limit >= 2**20 else f"{limit // 2**10} KB"
    return Refused(413, message("request_too_large", size=size))


def _check_path(scope: Scope) -> None:
    path = scope["path"]
    if "\0" in path or DOT_SEGMENT.search(path) or re.search(r"%2e|%00|%2f", path, re.IGNORECASE):
        raise Refused(400, message("invalid_path"))
    query = scope.get("query_string", b"")
    if b"%00" in query or b"\0" in query:
        raise Refused(400, message("invalid_query"))


def _check_charset(scope: Scope) -> None:
    """Refuse charsets that are Python codecs (bz2_codec, zlib, idna …): decoding a body by them is an attack."""
    kinds = "; ".join(value.decode("latin-1") for key, value in scope["headers"] if key == b"content-type")
    # Each that is there, also in RFC 2231's spelling (charset*=, charset*0=): parsers differ in which one they take.
    for extended, charset in re.findall(r"charset([*\d]*)\s*=\s*[\"']?([^\"';\s]*)", kinds, re.IGNORECASE):
        if extended or charset.lower() not in CHARSETS:
            raise Refused(415, message("unsupported_charset", charset=charset[:40]))


def _header(scope: Scope, name: bytes) -> str:
    for key, value in scope["headers"]:
        if key == name:
            return value.decode("latin-1")
    return ""


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in METHODS else OTHER


def _counted(scope: Scope, send: Send) -> Send:
    """Return `send` that counts each answer as it begins."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            method, route = _method(scope), scope.get(ROUTE, OTHER)
            HTTP_REQUESTS.labels(method, route, message["status"]).inc()
            tracing.note(
                f"{method} {route}", http__request__method=method, http__route=route,
                http__response__status_code=message["status"],
            )  # fmt: skip
        await send(message)

    return sending


async def _measure_lag() -> None:
    """Measure for ever how late the event loop goes on: who blocks it keeps everybody waiting."""
    while True:
        before = time.monotonic()
        await asyncio.sleep(1)
        EVENT_LOOP_LAG.observe(max(0.0, time.monotonic() - before - 1))


def _with_headers(send: Send, request_id: bytes, noted: dict[str, str], began: float) -> Send:
    """Return a `send` that puts the id, what was noted meanwhile, and the milliseconds since `began` on every answer.

    Those are until its first byte, under OpenAI's name for them.
    """

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            others = [(name, value) for name, value in message.get("headers", ()) if name.lower() != b"x-request-id"]
            added = [(name.encode(), value.encode()) for name, value in noted.items()]
            taken = str(round(1000 * (time.monotonic() - began))).encode()
            told = [(b"x-request-id", request_id), (b"openai-processing-ms", taken)]
            message = {**message, "headers": [*others, *added, *told]}
        await send(message)

    return sending


async def _reply(scope: Scope, send: Send, refused: Refused) -> None:
    """Answer a program in JSON, and a browser with a page in its language."""
    languages = HttpRequest()
    languages.META["HTTP_ACCEPT_LANGUAGE"] = _header(scope, b"accept-language")
    with translation.override(translation.get_language_from_request(languages)):
        if "text/html" in _header(scope, b"accept") and not scope["path"].startswith(("/v1/", "/api/")):
            kind, body = b"text/html; charset=utf-8", page(refused.status, refused.said).encode()
        else:
            kind = b"application/json"
            answer = error_body(message=refused.said, status=refused.status, code=refused.said.code)
            body = json.dumps(answer).encode()
    headers = [(b"content-type", kind), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            lag = asyncio.create_task(_measure_lag())
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            lag.cancel()
            await send({"type": "lifespan.shutdown.complete"})
            return
