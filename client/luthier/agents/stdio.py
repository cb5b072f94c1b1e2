"""The MCP server over standard input and output, for agents that start it themselves."""

from __future__ import annotations

from typing import Any

import anyio
from mcp.server.stdio import stdio_server

import luthier
from luthier.agents.requests import Requests
from luthier.agents.server import Caller, make_server
from luthier.keeping import Login
from luthier.speaking import language


def serve(login: Login) -> None:
    """Answer until standard input ends; the key is looked at once, so that a wrong one is said before anything else."""
    anyio.run(_serve, login)


async def _serve(login: Login) -> None:
    requests = Requests(login.url, login.key, headers={"Accept-Language": language()})
    async with requests.http:
        key = await requests.get("/api/v1/keys/current")
        caller = Caller(requests, key["scopes"])

        async def caller_of(context: Any) -> Caller:
            return caller

        server = make_server(caller_of, version=luthier.__version__)
        async with stdio_server() as (read, write):
            await server.run(read, write, server.create_initialization_options())
