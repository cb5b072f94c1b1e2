"""Holds every answer of the API that a test gets to what its route declares."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import httpx
from django.core.handlers.asgi import ASGIHandler
from django.test import Client
from django.urls import Resolver404, resolve
from rest_framework import serializers

from common.answers import Declared, ErrorObject, declared
from common.typed_serializers import Either, field_of
from console.middleware import is_api
from console.shell import Shell

FOUND: list[str] = []
"""What was wrong with answers since a test last looked."""
PLAIN: dict[Any, Any] = {
    serializers.CharField: str,
    serializers.BooleanField: bool,
    serializers.IntegerField: int,
    serializers.FloatField: (int, float),
}


def faults_of(value: Any, field: Any, at: str = "") -> Iterator[str]:
    """Yield what of `value`, as it came as JSON, is not what `field` describes."""
    if isinstance(field, serializers.JSONField) or (value is None and field.allow_null):
        return
    if isinstance(field, Either):
        yield from min((list(faults_of(value, kind, at)) for kind in field.kinds), key=len)
    elif isinstance(field, serializers.Serializer) and isinstance(value, dict):
        yield from (f"{at}.{name} is not declared" for name in value if name not in field.fields)
        for name, part in field.fields.items():
            if name in value:
                yield from faults_of(value[name], part, f"{at}.{name}")
            elif part.required:
                yield f"{at}.{name} is missing"
    elif isinstance(field, serializers.ListField) and isinstance(value, list):
        for number, part in enumerate(value):
            yield from faults_of(part, field.child, f"{at}[{number}]")
    elif isinstance(field, serializers.DictField) and isinstance(value, dict):
        for name, part in value.items():
            yield from faults_of(part, field.child, f"{at}.{name}")
    elif not _is_plain(value, field):
        yield f"{at} is {json.dumps(value, ensure_ascii=False)[:60]}, not of {type(field).__name__}"


def _is_plain(value: Any, field: Any) -> bool:
    if isinstance(field, serializers.ChoiceField):
        return any(value == choice and type(value) is type(choice) for choice in field.choices)
    wanted = PLAIN.get(type(field), ())
    return isinstance(value, wanted) and isinstance(value, bool) == (wanted is bool)


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
    from datasets_app.web.receiving import ASGI_ROUTES  # needs Django's apps, which tests without a database do not

    for streamed, pattern, application in ASGI_ROUTES:
        if method == streamed and pattern.fullmatch(path):
            return declared(application, method)
    try:
        return declared(resolve(path).func, method)
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


def look_at(reply: httpx.Response) -> None:
    """Look at what a client of a started platform gets, as a hook of that client; streams are left to their reader."""
    kind = reply.headers.get("content-type", "")
    content = reply.read() if kind.startswith("application/json") else None
    look(reply.request.method, reply.request.url.path, reply.status_code, kind, content)


@contextmanager
def watched() -> Iterator[list[str]]:
    """Look at every answer that Django's test client gets or that comes through ASGI."""
    ask, call = Client.request, Shell.__call__

    def asking(self: Client, **request: Any) -> Any:
        reply = ask(self, **request)
        content = None if reply.streaming else reply.content
        asked = reply.wsgi_request
        look(asked.method, asked.path, reply.status_code, reply.headers.get("Content-Type", ""), content)
        return reply

    async def calling(self: Shell, scope: Any, receive: Any, send: Any) -> None:
        start: dict[str, Any] = {}
        content = bytearray()

        async def sending(message: Any) -> None:
            start.update(message if message["type"] == "http.response.start" else {})
            content.extend(message.get("body", b""))
            await send(message)

        sending.__self__ = getattr(send, "__self__", None)  # type: ignore[attr-defined] # where the shell finds uvicorn
        try:
            await call(self, scope, receive, sending)
        finally:
            if start and isinstance(self.django, ASGIHandler):  # and not what a test puts into a shell of its own
                headers = {name.lower(): value.decode("latin-1") for name, value in start["headers"]}
                kind = headers.get(b"content-type", "")
                look(scope["method"], scope["path"], start["status"], kind, bytes(content))

    with mock.patch.object(Client, "request", asking), mock.patch.object(Shell, "__call__", calling):
        yield FOUND
