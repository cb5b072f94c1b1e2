"""Requests and answers: addresses, the key, repeats, and refusals as exceptions."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx

from luthier.errors import ApiError, Unreachable
from luthier.keeping import server_of
from luthier.speaking import _, language

TRIES = 3
"""How often a request is sent whose answer was lost, or was that of a server that is busy."""
BUSY = (429, 502, 503, 504)
LONGEST_PAUSE_SECONDS = 60.0
TIMEOUT = httpx.Timeout(120.0, connect=10.0)


class Transport:
    """Sends requests to one server with one key; http and https alike."""

    def __init__(self, url: str, key: str, *, transport: httpx.BaseTransport | None = None, tries: int = TRIES) -> None:
        self.url, self.tries = server_of(url), tries
        headers = {"Accept-Language": language(), "User-Agent": "luthier-client"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        self.http = httpx.Client(base_url=self.url, headers=headers, timeout=TIMEOUT, transport=transport)

    def call(
        self, method: str, path: str, *, inside: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None, body: Any = None, kind: str = "", answers: str = "application/json",
    ) -> Any:  # fmt: skip
        """Return what an operation of the schema answers: JSON as Python has it, anything else as bytes."""
        options: dict[str, Any] = {"params": query_of(query or {}), "headers": {"Accept": answers or "*/*"}}
        if body is not None:
            options.update(multipart(body) if kind == "multipart/form-data" else {"json": body})
        if method == "POST":
            options["headers"]["Idempotency-Key"] = str(uuid.uuid4())
        reply = self.send(method, filled(path, inside or {}), **options)
        return reply.json() if answers == "application/json" else reply.content

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Return the answer to a request, sent again where that is safe and helps; raise what was refused."""
        for number in range(self.tries):
            is_last = number + 1 == self.tries
            try:
                reply = self.http.request(method, path, **options)
            except httpx.HTTPError as error:
                if is_last or not _may_repeat(method, error):
                    raise unreachable(self.url, error) from error
                time.sleep(0.5 * 2**number)
                continue
            if reply.status_code not in BUSY or is_last or _pause(reply) > LONGEST_PAUSE_SECONDS:
                return checked(reply)
            time.sleep(_pause(reply))
        raise AssertionError("unreachable")

    @contextmanager
    def stream(self, method: str, path: str, **options: Any) -> Iterator[httpx.Response]:
        """Give the answer of a request while it comes."""
        try:
            with self.http.stream(method, path, **options) as reply:
                if reply.status_code >= 400:
                    reply.read()
                yield checked(reply)
        except httpx.HTTPError as error:
            raise unreachable(self.url, error) from error


def filled(path: str, inside: Mapping[str, str]) -> str:
    """Return an address with its variables; a model's name keeps its colons and slashes."""
    for name, value in inside.items():
        path = path.replace(f"{{{name}}}", quote(value, safe=":/" if name == "name" else ":"))
    return path


def checked(reply: httpx.Response) -> httpx.Response:
    """Return an answer, or raise what it refuses."""
    if reply.status_code < 400:
        return reply
    try:
        error = reply.json()["error"]
        message, code, param = str(error["message"]), error.get("code"), error.get("param")
    except (ValueError, KeyError, TypeError, AttributeError):
        said = _("The server answered with status {status}. Is {url} the address of Luthier?")
        message, code, param = said.format(status=reply.status_code, url=reply.request.url), None, None
    found = reply.headers.get("x-request-id", "")
    raise ApiError(message, status=reply.status_code, code=code, param=param, request_id=found)


def unreachable(url: str, error: Exception) -> Unreachable:
    said = _("{url} does not answer ({reason}). Check the address and your network.")
    return Unreachable(said.format(url=url, reason=str(error) or type(error).__name__), code="unreachable")


def events_of(reply: httpx.Response) -> Iterator[dict[str, Any]]:
    """Yield what a stream of server-sent events says, up to its [DONE]; raise an error that it ends with."""
    for line in reply.iter_lines():
        if not line.startswith("data:"):
            continue
        data = line[5:].strip()
        if data == "[DONE]":
            return
        event = json.loads(data)
        if "error" in event:
            error = event["error"]
            raise ApiError(str(error.get("message")), status=500, code=error.get("code"))
        yield event


def _may_repeat(method: str, error: httpx.HTTPError) -> bool:
    """A create bears an Idempotency-Key, so that it happens once however often it is sent; slow answers are awaited."""
    return not isinstance(error, httpx.ReadTimeout) or method == "GET"


def _pause(reply: httpx.Response) -> float:
    try:
        return float(reply.headers.get("retry-after", 1))
    except ValueError:
        return 1.0


def query_of(asked: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what follows the question mark; an object as name[key]=value."""
    found: list[tuple[str, str]] = []
    for name, value in asked.items():
        if isinstance(value, dict):
            found += [(f"{name}[{key}]", str(one)) for key, one in value.items()]
        elif value is not None:
            found.append((name, str(value).lower() if isinstance(value, bool) else str(value)))
    return found


def multipart(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a form's files and its other fields."""
    files = {name: value for name, value in body.items() if not isinstance(value, (str, int, dict))}
    others: dict[str, str] = {}
    for name, value in body.items():
        if isinstance(value, dict):
            others.update({f"{name}[{key}]": str(one) for key, one in value.items()})
        elif name not in files and value is not None:
            others[name] = str(value)
    return {"files": {name: value for name, value in files.items() if value is not None}, "data": others}
