"""An agent goes from a file to an answering model: a scripted client of the protocol's own SDK, by both ways in."""

import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from luthier import Luthier
from tests.journeys.data import conversations, jsonl
from tests.journeys.harness import ROOT, RunningPlatform

pytestmark = [pytest.mark.system, pytest.mark.slow]
Call = Callable[..., Any]


@asynccontextmanager
async def by_http(platform: RunningPlatform, key: str, home: Path) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {key}"}
    http = httpx2.AsyncClient(headers=headers, timeout=120)
    async with http, Client(streamable_http_client(f"{platform.url}/mcp", http_client=http)) as client:
        yield client


@asynccontextmanager
async def by_stdio(platform: RunningPlatform, key: str, home: Path) -> AsyncIterator[Client]:
    environment = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "client"), "XDG_CONFIG_HOME": str(home),
        "LUTHIER_URL": platform.url, "LUTHIER_API_KEY": key, "LC_ALL": "C.UTF-8",
    }  # fmt: skip
    program = StdioServerParameters(command=sys.executable, args=["-m", "luthier", "mcp"], env=environment)
    async with Client(program) as client:
        yield client


async def answer(client: Client, tool: str, **arguments: Any) -> Any:
    found = await client.call_tool(tool, arguments)
    assert not found.is_error, found.content
    assert json.loads(found.content[0].text) == found.structured_content  # type: ignore[union-attr]
    return found.structured_content


async def until(client: Client, tool: str, is_done: Callable[[Any], bool], **arguments: Any) -> Any:
    """Call a tool again until it says what is waited for."""
    for _ in range(200):
        found = await answer(client, tool, **arguments)
        if is_done(found):
            return found
    raise AssertionError(f"{tool} never said it: {found}")


async def test_goes_from_a_file_to_an_answering_model(shared_platform: RunningPlatform, tmp_path: Path) -> None:
    key = shared_platform.api_key("agent@example.com", "Agents")
    async with by_http(shared_platform, key, tmp_path) as client:
        names = {one.name for one in (await client.list_tools()).tools}
        assert {"upload_data", "start_job", "watch_job", "deploy", "ask"} <= names
        content = jsonl(conversations(32)).getvalue().decode()
        file = (await answer(client, "upload_data", filename="chats.jsonl", content=content))["id"]
        seen = await until(client, "inspect_data", lambda found: found["file"]["status"] != "uploaded", file=file)
        assert (seen["file"]["num_rows"], len(seen["rows"])) == (32, 3)
        settings = {"num_train_epochs": 2, "per_device_train_batch_size": 8, "validation_split": 0, "lora_dim": 4}
        asked = {"model": "tiny", "training_file": file, "hyperparameters": settings, "accelerators": 1}
        assert (await answer(client, "start_job", **asked, dry_run=True))["estimate"]["steps"] == 8
        assert (await answer(client, "list_jobs"))["data"] == []
        job = (await answer(client, "start_job", **asked))["id"]
        ended = await until(client, "watch_job", lambda found: found["has_ended"], job=job, seconds=10)
        assert ended["job"]["status"] == "succeeded"
        model = ended["job"]["fine_tuned_model"]
        online = await answer(client, "deploy", model=model, name="agents-own")
        said = await answer(client, "ask", model="agents-own", message="Who are you?", max_tokens=4)
        assert said["usage"]["completion_tokens"] <= 4
        assert (await answer(client, "undeploy", deployment=online["id"]))["deleted"]
        _is_in_the_audit(shared_platform, key, (await answer(client, "whoami"))["id"], job)


def _is_in_the_audit(platform: RunningPlatform, key: str, key_id: str, job: str) -> None:
    """Who did it, by which key and from where, as for every other client."""
    with Luthier(platform.url, key) as client:
        [event] = client.api.get_audit(action="job.created")["data"]
    told = (event["target"], event["actor"], event["key"], event["address"])
    assert told == (job, "agent@example.com", key_id, "127.0.0.1")


async def test_serves_the_same_tools_over_stdio(shared_platform: RunningPlatform, tmp_path: Path) -> None:
    key = shared_platform.api_key("reader@example.com", "Agents")
    async with by_http(shared_platform, key, tmp_path) as one, by_stdio(shared_platform, key, tmp_path) as other:
        assert (await one.list_tools()).tools == (await other.list_tools()).tools
        assert await answer(one, "whoami") == await answer(other, "whoami")
