"""Holds every answer of the API that a test gets to what its route declares."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import httpx
from django.core.handlers.asgi import ASGIHandler
from django.test import Client
from django.test.client import FakePayload
from django.urls import Resolver404, resolve
from rest_framework import serializers

from common.answers import Declared, ErrorObject, declared
from common.fields import Checked, Either, OpenFloatField
from common.reads import Reads, reads_of
from common.typed_serializers import field_of
from console.middleware import is_api
from console.shell import Shell

FOUND: list[str] = []
"""What was wrong with answers since a test last looked."""
PLAIN: dict[Any, Any] = {
    serializers.CharField: str,
    serializers.BooleanField: bool,
    serializers.IntegerField: int,
    serializers.FloatField: (int, float),
    OpenFloatField: (int, float),
    serializers.FileField: str,
}


def faults_of(value: Any, field: Any, at: str = "") -> Iterator[str]:
    """Yield what of `value`, as it came as JSON, is not what `field` describes."""
    if isinstance(field, serializers.JSONField) or (value is None and field.allow_null):
        return
    if isinstance(field, Checked):
        yield from faults_of(value, field.kind, at)
    elif isinstance(field, Either):
        yield from min((list(faults_of(value, kind, at)) for kind in field.kinds), key=len)
    elif isinstance(field, serializers.Serializer) and isinstance(value, dict):
        yield from (f"{at}.{name} is not declared" for name in value if name not in field.fields)
        for name, part in field.fields.items():
            if name in value:
                yield from faults_of(value[name], part, f"{at}.{name}")
            elif part.required:
                yield f"{at}.{name} is missing"
    elif isinstance(field, serializers.ListField | serializers.ListSerializer) and isinstance(value, list):
        yield from _beyond_length(value, field, at)
        for number, part in enumerate(value):
            yield from faults_of(part, field.child, f"{at}[{number}]")
    elif isinstance(field, serializers.DictField) and isinstance(value, dict):
        longest = getattr(field, "longest_key", None)
        if len(value) > (getattr(field, "most", None) or len(value)):
            yield f"{at} has {len(value)} pairs"
        yield from (f"{at} has a long key" for key in value if longest is not None and not 0 < len(key) <= longest)
        for name, part in value.items():
            yield from faults_of(part, field.child, f"{at}.{name}")
    elif not _is_plain(value, field):
        yield f"{at} is {json.dumps(value, ensure_ascii=False)[:60]}, not of {type(field).__name__}"
    elif isinstance(value, str) and not isinstance(field, serializers.ChoiceField | serializers.FileField):
        yield from _beyond_length(value, field, at)
        if not value and not field.allow_blank:
            yield f"{at} is empty"
    elif not isinstance(field, serializers.ChoiceField):
        yield from _out_of_range(value, field, at)


def _beyond_length(value: Any, field: Any, at: str) -> Iterator[str]:
    least, most = getattr(field, "min_length", None) or 0, getattr(field, "max_length", None)
    if len(value) < least or (most is not None and len(value) > most):
        yield f"{at} has a length of {len(value)}"


def _out_of_range(value: Any, field: Any, at: str) -> Iterator[str]:
    limits = {name: getattr(field, name, None) for name in ("min_value", "max_value", "above", "below")}
    least, most, above, below = limits.values()
    if (
        (least is not None and value < least)
        or (most is not None and value > most)
        or (above is not None and value <= above)
        or (below is not None and value >= below)
    ):
        yield f"{at} is {value}, out of range"


def _is_plain(value: Any, field: Any) -> bool:
    if isinstance(field, serializers.ChoiceField):
        is_choice = any(value == choice and type(value) is type(choice) for choice in field.choices)
        return is_choice or (value == "" and field.allow_blank)
    wanted = PLAIN.get(type(field), ())
    return isinstance(value, wanted) and isinstance(value, bool) == (wanted is bool)


def faults_of_request(method: str, path: str, kind: str, content: bytes) -> Iterator[str]:
    """Yield what of an accepted body its route does not declare."""
    if method in ("GET", "HEAD") or kind.partition(";")[0] != "application/json" or not content:
        return
    body, route = json.loads(content), _reads(method, path)
    if route is not None and route.body is not None:
        yield from faults_of(body, route.body())
    elif body:
        yield "is read, and none is declared"


def faults_of_answer(*, method: str, path: str, status: int, kind: str, content: bytes | None) -> Iterator[str]:
    """Yield what of an answer its route does not declare; `content` None is of a stream that nobody read."""
    kind = kind.partition(";")[0]
    route = _declared(method, path)
    body: Any = ErrorObject
    if status < 400:
        if route is None:
            yield "nothing is declared"
            return
        if status != route.status:
            yield f"status {status}, declared is {route.status}"
        if kind in route.streams:
            for line in _lines(content or b"") if route.streams[kind] is not None else ():
                yield from faults_of(line, field_of(route.streams[kind] | ErrorObject))
            return
        body = route.body
    if body is None:
        if content:
            yield "a body, and none is declared"
    elif kind != "application/json":
        yield f"content type {kind or 'left out'}"
    elif method != "HEAD":
        yield from faults_of(json.loads(content or b"null"), field_of(body))


def _declared(method: str, path: str) -> Declared | None:
    return declared(_view(method, path), method)


def _reads(method: str, path: str) -> Reads | None:
    return reads_of(_view(method, path), method)


def _view(method: str, path: str) -> Any:
    from datasets_app.web.receiving import ASGI_ROUTES  # needs Django's apps, which tests without a database do not

    for streamed, pattern, application in ASGI_ROUTES:
        if method == streamed and pattern.fullmatch(path):
            return application
    try:
        return resolve(path).func
    except Resolver404:
        return None


def _lines(content: bytes) -> list[Any]:
    """Return what the whole lines or events of a stream hold."""
    texts = [line.removeprefix(b"data: ") for line in content.splitlines(keepends=True) if line.endswith(b"\n")]
    return [json.loads(text) for text in texts if text.startswith(b"{")]


def look(method: str, path: str, status: int, kind: str, content: bytes | None) -> None:
    """Note what is wrong with an answer, if it is one of the API."""
    if is_api(path) and method != "OPTIONS":
        faults = faults_of_answer(method=method, path=path, status=status, kind=kind, content=content)
        FOUND.extend(f"{method} {path}: {fault}" for fault in faults)


def look_at_request(method: str, path: str, status: int, kind: str, content: bytes) -> None:
    """Note what of a body that was accepted is not described."""
    if is_api(path) and status < 400:
        FOUND.extend(f"{method} {path}: body{fault}" for fault in faults_of_request(method, path, kind, content))


def look_at(reply: httpx.Response) -> None:
    """Look at what a client of a started platform gets, as a hook of that client; streams are left to their reader."""
    kind = reply.headers.get("content-type", "")
    content = reply.read() if kind.startswith("application/json") else None
    asked = reply.request
    look(asked.method, asked.url.path, reply.status_code, kind, content)
    sent = asked.headers.get("content-type", "")
    if sent.startswith("application/json"):
        look_at_request(asked.method, asked.url.path, reply.status_code, sent, asked.content)


def _content_type(headers: Any) -> str:
    return next((value.decode("latin-1") for name, value in headers if name.lower() == b"content-type"), "")


@contextmanager
def watched() -> Iterator[list[str]]:
    """Look at every answer that Django's test client gets or that comes through ASGI."""
    ask, call = Client.request, Shell.__call__

    def asking(self: Client, **request: Any) -> Any:
        sent = request["wsgi.input"].read() if "wsgi.input" in request else b""
        reply = ask(self, **{**request, "wsgi.input": FakePayload(sent)})
        content = None if reply.streaming else reply.content
        asked = reply.wsgi_request
        look(asked.method, asked.path, reply.status_code, reply.headers.get("Content-Type", ""), content)
        look_at_request(asked.method, asked.path, reply.status_code, request.get("CONTENT_TYPE", ""), sent)
        return reply

    async def calling(self: Shell, scope: Any, receive: Any, send: Any) -> None:
        start: dict[str, Any] = {}
        content, sent = bytearray(), bytearray()

        async def receiving() -> Any:
            message = await receive()
            sent.extend(message.get("body", b""))
            return message

        async def sending(message: Any) -> None:
            start.update(message if message["type"] == "http.response.start" else {})
            content.extend(message.get("body", b""))
            await send(message)

        sending.__self__ = getattr(send, "__self__", None)  # type: ignore[attr-defined] # where the shell finds uvicorn
        try:
            await call(self, scope, receiving, sending)
        finally:
            if start and isinstance(self.django, ASGIHandler):  # and not what a test puts into a shell of its own
                method, path, status = scope["method"], scope["path"], start["status"]
                look(method, path, status, _content_type(start["headers"]), bytes(content))
                look_at_request(method, path, status, _content_type(scope["headers"]), bytes(sent))

    with mock.patch.object(Client, "request", asking), mock.patch.object(Shell, "__call__", calling):
        yield FOUND
