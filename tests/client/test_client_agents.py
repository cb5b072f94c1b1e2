"""Tools for agents: which a key sees, that each asks what the API has, and a whole conversation by the SDK's client."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from console.schema.generating import schema
from luthier.agents import server as agents
from luthier.agents.requests import Requests
from luthier.agents.server import Caller, make_server
from luthier.agents.skill import skill_text
from luthier.agents.tools import TOOLS, open_to
from tests.client.fake_server import FakeServer

FOLDER = Path(agents.__file__).parent
ADDRESS = re.compile(r'"(/(?:api/)?v1/[^"]+)"')


def caller_of(server: FakeServer, scopes: list[str] | None = None) -> Any:
    http = httpx.AsyncClient(transport=httpx.MockTransport(server), base_url="http://luthier.test")

    async def found(context: Any) -> Caller:
        return Caller(Requests.by(http), scopes)

    return found


def client(server: FakeServer, scopes: list[str] | None = None) -> Client:
    return Client(make_server(caller_of(server, scopes), version="1"))


def test_every_tool_asks_what_the_api_has() -> None:
    asked = {found for path in FOLDER.glob("*_tools.py") for found in ADDRESS.findall(path.read_text())}
    assert len(asked) > 15
    assert asked - set(schema()["paths"]) == set()


def test_every_tool_that_makes_something_has_a_dry_run_and_says_what_it_does() -> None:
    for name, one in TOOLS.items():
        assert one.about.endswith((".", "!")), name
        assert ("dry_run" in one.takes) is not one.is_reading, name
        assert one.schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("scopes", "has", "lacks"),
    [
        (None, "deploy", None), (["read"], "watch_job", "start_job"), (["data"], "upload_data", "list_jobs"),
        (["train"], "start_job", "deploy"), (["serve"], "ask", "upload_data"), (["admin"], None, "whoami"),
    ],
)  # fmt: skip
def test_a_key_sees_what_its_scopes_open(scopes: list[str] | None, has: str | None, lacks: str | None) -> None:
    names = {one.name for one in open_to(scopes)}
    assert has is None or has in names
    assert lacks is None or lacks not in names


async def test_a_client_lists_and_calls() -> None:
    server = FakeServer({"GET /v1/files": {"data": [{"id": "file-1"}]}})
    async with client(server, ["data"]) as session:
        names = {one.name for one in (await session.list_tools()).tools}
        assert names == {one.name for one in open_to(["data"])}
        found = await session.call_tool("list_data", {})
        assert found.structured_content == {"data": [{"id": "file-1"}]}
        assert json.loads(found.content[0].text) == found.structured_content  # type: ignore[union-attr]
        assert "luthier rescue" in skill_text()
        read = await session.read_resource("luthier://skill")
        assert read.contents[0].text == skill_text()  # type: ignore[union-attr]


async def test_a_refusal_is_a_result_that_an_agent_can_act_on() -> None:
    async with client(FakeServer({})) as session:
        found = await session.call_tool("watch_job", {"job": "ftjob-none", "seconds": 0})
        assert found.is_error
        assert found.structured_content["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    "given", [{}, {"job": ""}, {"job": "ftjob-1", "seconds": 500}, {"job": 3}, {"job": "ftjob-1", "novelty": 1}]
)
async def test_wrong_arguments_send_nothing(given: dict[str, Any]) -> None:
    server = FakeServer({})
    async with client(server) as session:
        found = await session.call_tool("watch_job", given)
    assert found.is_error
    assert found.structured_content["error"]["code"] == "invalid_arguments"
    assert server.asked == []


@pytest.mark.parametrize("name", ["start_job", "nothing"])
async def test_a_tool_that_a_key_does_not_see_cannot_be_called(name: str) -> None:
    server = FakeServer({})
    async with client(server, ["read"]) as session:
        with pytest.raises(MCPError, match="no tool"):
            await session.call_tool(name, {"model": "tiny", "training_file": "file-1"})
    assert server.asked == []


MAKING = {
    "upload_data": {"filename": "a.jsonl", "content": "{}"}, "start_job": {"model": "m", "training_file": "file-1"},
    "cancel_job": {"job": "j"}, "evaluate": {"models": ["m"]}, "deploy": {"model": "m", "name": "n"},
    "undeploy": {"deployment": "d"}, "repair_data": {"file": "file-1", "repairs": ["drop_faulty"]},
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(MAKING))
async def test_a_dry_run_makes_nothing(name: str) -> None:
    """It reads, or it asks the API for an estimate or a preview."""
    assert set(MAKING) == {one.name for one in TOOLS.values() if not one.is_reading}
    answers = {
        "POST /api/v1/jobs/estimate": {}, "POST /api/v1/files/file-1/repairs": {}, "GET /v1/fine_tuning/jobs/j": {},
        "GET /api/v1/deployments/d": {},
    }  # fmt: skip
    server = FakeServer(answers)
    async with client(server) as session:
        assert not (await session.call_tool(name, {**MAKING[name], "dry_run": True})).is_error
    assert set(server.paths()) <= set(answers)
    assert all(server.body(number)["preview"] for number, path in enumerate(server.paths()) if "repairs" in path)


async def test_effort_is_one_of_the_hyperparameters() -> None:
    server = FakeServer({"POST /v1/fine_tuning/jobs": {"id": "ftjob-1"}})
    async with client(server) as session:
        given = {"model": "m", "training_file": "f", "effort": "fast", "hyperparameters": {"n_epochs": 2}}
        await session.call_tool("start_job", given)
    assert server.body(0)["hyperparameters"] == {"n_epochs": 2, "effort": "fast"}
    assert server.asked[0].headers["idempotency-key"]
