"""/mcp: the API's keys, scopes, roles and limits hold for agents, request by request."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.db import connections

from accounts.models import ApiKey
from accounts.services import create_api_key
from console.asgi import application
from console.shell import MAX_QUESTION_BYTES

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("plain_static")]
VERSIONS = {"2025": "2025-06-18"}
ACCEPT = "application/json, text/event-stream"


@sync_to_async
def key_of(email: str = "alice@example.com", team: str = "A", **fields: Any) -> str:
    limits = fields.pop("limits", None)
    secret = create_api_key(email=email, team_name=team, **fields)
    if limits:
        ApiKey.objects.filter(digest=ApiKey.digest_of(secret)).update(limits=limits)
    connections.close_all()
    return secret


async def post(secret: str | None, method: str, params: Any = None, **headers: str) -> httpx.Response:
    """Send one message of the protocol, as an agent that keeps no session does."""
    given = {"accept": ACCEPT, "mcp-protocol-version": VERSIONS["2025"], **headers}
    if secret:
        given["authorization"] = f"Bearer {secret}"
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        return await client.post("/mcp", json=body, headers=given)


async def call(secret: str, tool: str, **arguments: Any) -> Any:
    reply = await post(secret, "tools/call", {"name": tool, "arguments": arguments})
    assert reply.status_code == 200, reply.text
    return reply.json()["result"]


@pytest.fixture(autouse=True)
async def closed() -> Any:
    yield
    await sync_to_async(connections.close_all)()


async def test_a_key_is_asked_for_before_anything_is_read() -> None:
    for secret in (None, "sk-luthier-wrong"):
        reply = await post(secret, "tools/list")
        assert reply.status_code == 401
        assert reply.json()["error"]["message"]
        assert reply.headers["x-request-id"]


async def test_only_posts_are_answered() -> None:
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        for method in ("GET", "DELETE"):
            reply = await client.request(method, "/mcp")
            assert (reply.status_code, reply.headers["allow"]) == (405, "POST")


async def test_greets_and_lists_what_the_keys_scopes_open() -> None:
    greeting = {"protocolVersion": VERSIONS["2025"], "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    secret = await key_of(scopes=["data"])
    hello = (await post(secret, "initialize", greeting)).json()["result"]
    assert hello["serverInfo"]["name"] == "luthier"
    assert "start_job" in hello["instructions"]
    names = {one["name"] for one in (await post(secret, "tools/list")).json()["result"]["tools"]}
    assert {"upload_data", "inspect_data", "whoami"} <= names
    assert not names & {"start_job", "deploy", "ask", "quota"}


async def test_a_tool_acts_for_the_keys_team_and_no_other() -> None:
    alice, bob = await key_of(), await key_of("bob@example.com", "B")
    made = await call(alice, "upload_data", filename="chats.jsonl", content='{"messages": []}')
    file = made["structuredContent"]["id"]
    assert (await call(alice, "whoami"))["structuredContent"]["team"] == "a"
    assert [one["id"] for one in (await call(alice, "list_data"))["structuredContent"]["data"]] == [file]
    assert (await call(bob, "list_data"))["structuredContent"]["data"] == []
    foreign = await call(bob, "inspect_data", file=file)
    assert foreign["isError"]
    assert foreign["structuredContent"]["error"]["status"] == 404


async def test_a_viewer_changes_nothing() -> None:
    await key_of()
    viewer = await key_of("viewer@example.com", role="viewer")
    made = await call(viewer, "upload_data", filename="chats.jsonl", content="{}")
    assert (made["isError"], made["structuredContent"]["error"]["status"]) == (True, 403)


async def test_limits_hold_and_are_told() -> None:
    secret = await key_of(limits={"requests_per_minute": 3})
    first = await post(secret, "tools/list")
    assert first.headers["x-ratelimit-limit-requests"] == "3"
    replies = [first, *[await post(secret, "tools/list") for _ in range(3)]]
    assert [reply.status_code for reply in replies] == [200, 200, 200, 429]
    assert int(replies[-1].headers["retry-after"]) > 0


async def test_a_dry_run_leaves_nothing_behind() -> None:
    secret = await key_of()
    found = await call(secret, "upload_data", filename="../chats.jsonl", content="{}\n{}", dry_run=True)
    assert found["structuredContent"] == {"dry_run": True, "filename": "chats.jsonl", "bytes": 5, "lines": 2}
    assert (await call(secret, "list_data"))["structuredContent"]["data"] == []


@pytest.mark.parametrize(
    ("body", "status"),
    [(lambda: b"{", 400), (lambda: b"[" * 500_000, 400), (lambda: b" " * (MAX_QUESTION_BYTES + 1), 413)],
    ids=["broken", "deep", "large"],
)
async def test_what_is_no_message_is_refused(body: Callable[[], bytes], status: int) -> None:
    secret = await key_of()
    headers = {"authorization": f"Bearer {secret}", "accept": ACCEPT, "content-type": "application/json"}
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        reply = await client.post("/mcp", content=body(), headers=headers)
    assert reply.status_code == status
    assert json.loads(reply.text)["error"]["message"]
