"""luthier mcp: the tools for agents, over stdio"""

from __future__ import annotations

import importlib
from typing import Any

import click

from luthier.agents.skill import skill_text
from luthier.cli.base import Run, pass_run
from luthier.errors import LuthierError
from luthier.keeping import find_login
from luthier.speaking import _


@click.command(help=_("Serve tools to an agent over stdio, by the Model Context Protocol."))
@click.option("--skill", is_flag=True, help=_("Print the skill file instead: how an agent goes about it."))
@pass_run
def mcp(run: Run, skill: bool) -> None:
    if skill:
        click.echo(skill_text())
    else:
        _stdio().serve(find_login(url=run.url))


def _stdio() -> Any:
    """Return the module that needs the SDK, which not every installation has."""
    try:
        return importlib.import_module("luthier.agents.stdio")
    except ImportError as error:
        said = _("This needs the MCP SDK: pip install “luthier-client[mcp]” ({reason}).")
        raise LuthierError(said.format(reason=error), code="no_mcp") from error


COMMANDS = (mcp,)
