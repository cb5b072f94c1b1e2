"""`luthier`: the command line."""

from __future__ import annotations

import sys

import click

import luthier
from luthier.cli import account, agents, data, rescue, serving, training
from luthier.cli.base import Run, pass_run, run_command
from luthier.cli.clicks_words import translate_click
from luthier.speaking import _


@click.group(
    help=_("Fine-tune language models on a Luthier server: upload, train, compare, deploy, ask."),
    epilog=_("LUTHIER_URL and LUTHIER_API_KEY go before what “luthier login” keeps."),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--url", default="", help=_("The server's address, in place of the one that you are signed in to."))
@click.version_option(luthier.__version__, prog_name="luthier", help=_("Show the version."))
@pass_run
def cli(run: Run, url: str) -> None:
    run.url = url


for one in (
    *account.COMMANDS,
    *data.COMMANDS,
    *training.COMMANDS,
    *serving.COMMANDS,
    *rescue.COMMANDS,
    *agents.COMMANDS,
):
    cli.add_command(one)


def main() -> None:
    """Run the command line and end the process with its exit code."""
    translate_click()
    sys.exit(run_command(cli))
