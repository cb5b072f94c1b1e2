"""/mcp: tools for agents by the Model Context Protocol's streamable HTTP, past Django, in no session.

A tool is requests to the API: they go through the shell once more, in this process, with the caller's own key and
address, so that scopes, roles, rate limits and the audit are those of the API. Every request is answered by itself;
nothing is kept between two, and no stream is held open, so that any web process may answer any of them.
"""

import re
from typing import Any, cast

import httpx
from django.conf import settings
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.types import ASGIApp

from common.asgi import Application, Message, Receive, Scope, Send
from console.shell import Route
from luthier.agents.requests import Requests
from luthier.agents.server import Caller, make_server

CALLER = "luthier.caller"
KEPT = ("authorization", "accept-language", "host", "traceparent")
"""What a tool's requests have of the caller's."""
REFUSED = ("content-type", "retry-after", "www-authenticate")
WHO = "/api/v1/keys/current"
LONGEST = 300.0
"""Seconds that a tool waits for one answer of the API, such as a model's."""


class Agents:
    """Answers POST by the tools of `api`, which is this platform's own shell."""

    def __init__(self) -> None:
        self.api: Application | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await _reply(send, 405, [(b"allow", b"POST")], b"")
            return
        async with self._client(scope) as client:
            who = await client.get(WHO)
            if who.status_code != 200:
                await _reply(send, who.status_code, _refusal(who), who.content)
                return
            requests = Requests.by(client)
            scope = {**scope, CALLER: Caller(requests, who.json()["scopes"])}
            manager = StreamableHTTPSessionManager(
                make_server(_caller_of, version=settings.VERSION), json_response=True, stateless=True
            )
            async with manager.run():
                await manager.handle_request(cast(Any, scope), cast(Any, receive), cast(Any, _telling(send, who)))

    def _client(self, scope: Scope) -> httpx.AsyncClient:
        """Return a client of this platform that stands where the caller stands."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        inside = httpx.ASGITransport(cast(ASGIApp, self.api), client=tuple(scope.get("client") or ("", 0)))
        given = {name: headers[name] for name in KEPT if name in headers}
        return httpx.AsyncClient(
            transport=inside, base_url=f"{scope['scheme']}://inside", headers=given, timeout=LONGEST
        )


async def _caller_of(context: Any) -> Caller:
    found: Caller = context.request.scope[CALLER]
    return found


def _telling(send: Send, who: httpx.Response) -> Send:
    """Return a `send` that says on an answer what is left of the key's limits, as those of the API do."""
    left = [(name.encode(), value.encode()) for name, value in who.headers.items() if name.startswith("x-ratelimit-")]

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *left]}
        await send(message)

    return sending


def _refusal(reply: httpx.Response) -> list[tuple[bytes, bytes]]:
    """Return the headers of a refusal that its reader needs."""
    return [(name.encode(), reply.headers[name].encode()) for name in REFUSED if name in reply.headers]


async def _reply(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


agents = Agents()
ASGI_ROUTES: list[Route] = [(method, re.compile(r"/mcp/?"), agents) for method in ("POST", "GET", "DELETE")]
