"""What every command has: --json, one sentence for what went wrong, and exit codes."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import click

from luthier.client import Luthier
from luthier.errors import INTERRUPTED, LuthierError
from luthier.speaking import _, ngettext

Command = TypeVar("Command", bound=Callable[..., Any])


class Run:
    """One call of the command line."""

    def __init__(self) -> None:
        self.url = ""
        self.as_json = False
        self._client: Luthier | None = None

    @property
    def client(self) -> Luthier:
        """The server, once it is needed."""
        if self._client is None:
            self._client = Luthier(self.url)
        return self._client

    def tell(self, sentence: str) -> None:
        """Say something to people; programs read JSON alone."""
        if not self.as_json:
            click.echo(sentence)

    def note(self, sentence: str) -> None:
        """Say something beside the result."""
        click.echo(sentence, err=True)

    def give(self, found: Any, shown: Callable[[], None] | None = None) -> None:
        """Print a result: as JSON, or as `shown` does it for people."""
        if self.as_json or shown is None:
            click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        else:
            shown()

    def table(self, rows: Sequence[Sequence[object]], heads: Sequence[str]) -> None:
        """Print rows under their heads; without any, say so."""
        if not rows:
            click.echo(_("There is nothing here yet."))
            return
        texts = [*([list(heads)] if any(heads) else []), *([_plain(cell) for cell in row] for row in rows)]
        widths = [max(_width(row[column]) for row in texts) for column in range(len(heads))]
        for row in texts:
            cells = [cell + " " * (width - _width(cell)) for cell, width in zip(row, widths)]
            click.echo("  ".join(cells).rstrip())


pass_run = click.make_pass_decorator(Run, ensure=True)


def json_option(command: Command) -> Command:
    """Give a command --json, and its `run`."""

    @functools.wraps(command)
    def wrapped(run: Run, *, as_json: bool, **options: Any) -> Any:
        run.as_json = run.as_json or as_json
        return command(run, **options)

    option = click.option("--json", "as_json", is_flag=True, help=_("Print JSON for programs."))
    passed: Any = pass_run(wrapped)
    return cast(Command, option(passed))


def run_command(group: click.Group, arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; what goes wrong is one sentence."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    run = Run()
    try:
        result = group.main(args=given, prog_name="luthier", standalone_mode=False, obj=run)
        return result if isinstance(result, int) else 0
    except click.UsageError as error:
        click.echo(_("Error: {sentence}").format(sentence=error.format_message()), err=True)
        if error.ctx is not None:
            click.echo(_("“{command} --help” says more.").format(command=error.ctx.command_path), err=True)
        return error.exit_code
    except click.ClickException as error:
        click.echo(_("Error: {sentence}").format(sentence=error.format_message()), err=True)
        return error.exit_code
    except LuthierError as error:
        _tell_error(error, as_json="--json" in given)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # whoever read has enough
        return 0
    except OSError as error:
        _tell_error(LuthierError(str(error), code="file_error"), as_json="--json" in given)
        return LuthierError.exit_code


def _tell_error(error: LuthierError, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(error.as_json(), ensure_ascii=False), err=True)
    else:
        click.echo(_("Error: {sentence}").format(sentence=error.message), err=True)


def size_of(count: int) -> str:
    """Return bytes as people read them."""
    number, unit = float(count), "B"
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if number < 1000 or unit == "TB":
            break
        number /= 1000
    return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"


def span_of(seconds: float) -> str:
    """Return a time as people read it."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return _("{hours} h {minutes} min").format(hours=hours, minutes=minutes)
    return _("{minutes} min {seconds} s").format(minutes=minutes, seconds=rest) if minutes else f"{rest} s"


def counted(one: str, many: str, count: int) -> str:
    """Return a sentence with its number in it."""
    return ngettext(one, many, count).format(count=count)


def _plain(cell: object) -> str:
    if cell is None:
        return "–"
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)


def _width(text: str) -> int:
    """Return how many columns a text takes: Chinese characters take two."""
    return sum(2 if ord(letter) > 0x2E7F else 1 for letter in text)
