"""The MCP server: lists the tools that a key may use, and answers their calls; by the protocol's own SDK."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import mcp_types as types
from jsonschema import Draft202012Validator
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from luthier.agents import data_tools, model_tools
from luthier.agents.requests import Requests
from luthier.agents.skill import skill_text
from luthier.agents.tools import TOOLS, Tool, open_to
from luthier.errors import LuthierError

SKILL = "luthier://skill"
INSTRUCTIONS = (
    "Luthier fine-tunes language models. The way: upload_data, inspect_data until it is processed, start_job (dry_run "
    "first), watch_job until has_ended, verdict, deploy, ask. Every id is the platform's own; do not make ids up."
)
MODULES = (data_tools, model_tools)
"""Imported for the tools that they register."""


@dataclass(frozen=True)
class Caller:
    """Who calls: their requests, and the scopes of their key."""

    requests: Requests
    scopes: list[str] | None


CallerOf = Callable[[Any], Awaitable[Caller]]


def make_server(caller_of: CallerOf, *, version: str) -> Server[Any]:
    """Return a server whose tools act for whoever `caller_of` says that a request comes from."""

    async def list_tools(context: Any, params: Any) -> types.ListToolsResult:
        caller = await caller_of(context)
        return types.ListToolsResult(tools=[_described(one) for one in open_to(caller.scopes)])

    async def call_tool(context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        return await _called(await caller_of(context), params.name, dict(params.arguments or {}))

    async def list_resources(context: Any, params: Any) -> types.ListResourcesResult:
        skill = types.Resource(
            name="luthier-skill", title="How to fine-tune with Luthier", uri=SKILL, mime_type="text/markdown"
        )
        return types.ListResourcesResult(resources=[skill])

    async def read_resource(context: Any, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        if str(params.uri) != SKILL:
            raise MCPError(types.INVALID_PARAMS, f"There is no resource {str(params.uri)[:100]}.")
        found = types.TextResourceContents(uri=SKILL, mime_type="text/markdown", text=skill_text())
        return types.ReadResourceResult(contents=[found])

    return Server(
        "luthier", version=version, title="Luthier", instructions=INSTRUCTIONS, on_list_tools=list_tools,
        on_call_tool=call_tool, on_list_resources=list_resources, on_read_resource=read_resource,
    )  # fmt: skip


def _described(one: Tool) -> types.Tool:
    hints = types.ToolAnnotations(
        title=one.title, read_only_hint=one.is_reading, destructive_hint=one.is_destructive, open_world_hint=False
    )
    return types.Tool(
        name=one.name, title=one.title, description=one.about, input_schema=one.schema, annotations=hints
    )  # fmt: skip


async def _called(caller: Caller, name: str, given: dict[str, Any]) -> types.CallToolResult:
    """Return what a tool answers; a refusal is a result that says so, for the agent to act on."""
    found = TOOLS.get(name)
    if found is None or not found.is_open_to(caller.scopes):
        raise MCPError(types.INVALID_PARAMS, f"There is no tool {name[:60]!r} for this key.")
    faults = [f"{one.json_path}: {one.message}" for one in Draft202012Validator(found.schema).iter_errors(given)]
    if faults:
        return _result({"error": {"message": " ".join(faults), "code": "invalid_arguments"}}, is_error=True)
    try:
        answered = await found.work(caller.requests, given)
    except LuthierError as error:
        return _result(error.as_json(), is_error=True)
    return _result(answered if isinstance(answered, dict) else {"data": answered})


def _result(found: dict[str, Any], *, is_error: bool = False) -> types.CallToolResult:
    text = types.TextContent(text=json.dumps(found, ensure_ascii=False))
    return types.CallToolResult(content=[text], structured_content=found, is_error=is_error)
