"""luthier upload, files, download"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from luthier.cli.bar import Bar
from luthier.cli.base import Run, counted, json_option, size_of
from luthier.client import Luthier
from luthier.speaking import _

PATH = click.Path(path_type=Path)


@click.command(help=_("Upload data sets. A large one goes on where an earlier try broke off."))
@click.argument("paths", nargs=-1, required=True, type=PATH)
@click.option("--leave-out", is_flag=True, help=_("Leave out columns that nothing reads, without asking."))
@click.option("--no-wait", is_flag=True, help=_("Do not wait until the file is checked."))
@click.option("--dry-run", is_flag=True, help=_("Say what would be uploaded."))
@json_option
def upload(run: Run, paths: tuple[Path, ...], leave_out: bool, no_wait: bool, dry_run: bool) -> None:
    if dry_run:
        told: list[dict[str, Any]] = [{"path": str(path), "bytes": _size(path)} for path in paths]
        lines = [
            _("{path} would be uploaded: {size}").format(path=one["path"], size=size_of(one["bytes"])) for one in told
        ]
        run.give({"dry_run": True, "files": told}, lambda: click.echo("\n".join(lines)))
        return
    found = [send_file(run, path, leave_out=leave_out, waits=not no_wait) for path in paths]
    run.give(found[0] if len(found) == 1 else found, lambda: None)


def send_file(run: Run, path: Path, *, leave_out: bool = False, waits: bool = True) -> Any:
    """Upload a file with its progress; return it once it is checked."""
    bar = Bar(run)
    try:
        file: Any = run.client.upload(path, unused="leave_out" if leave_out else "", progress=bar.bytes)
    finally:
        bar.clear()
    run.tell(_("{path} is {id}.").format(path=path, id=file["id"]))
    if waits:
        file = run.client.wait_for_file(file["id"])
        whole = run.client.api.get_files_file_id(file["id"])
        run.tell(_checked(whole))
        file = whole
    return file


def file_of(run: Run, client: Luthier, given: str) -> str:
    """Return the id of a file that is named by its id, or uploaded from its path."""
    return given if given.startswith("file-") and not Path(given).exists() else str(send_file(run, Path(given))["id"])


@click.command(help=_("List files."))
@click.option("--limit", default=20, show_default=True, help=_("How many, the newest first; 0: all."))
@json_option
def files(run: Run, limit: int) -> None:
    found = run.client.every("/v1/files", most=limit)
    rows = [(one["id"], one["filename"], size_of(one["bytes"]), one["status"]) for one in found]
    run.give(found, lambda: run.table(rows, (_("file"), _("name"), _("size"), _("state"))))


@click.command(help=_("Download a file."))
@click.argument("file")
@click.option("-o", "--output", type=PATH, help=_("Where it is written. Default: its own name, here."))
@json_option
def download(run: Run, file: str, output: Path | None) -> None:
    found = run.client.api.get_openai_files_file_id(file)
    target = output or Path(Path(found["filename"]).name)
    save(run, "/v1/files/{file_id}/content", target, inside={"file_id": file})


def save(run: Run, path: str, target: Path, *, inside: dict[str, str]) -> None:
    """Write what an operation answers to a file, with its progress."""
    bar = Bar(run)
    try:
        count = run.client.download(path, target, inside=inside, progress=bar.bytes)
    finally:
        bar.clear()
    told = _("{path}: {size}").format(path=target, size=size_of(count))
    run.give({"path": str(target), "bytes": count}, lambda: click.echo(told))


def _size(path: Path) -> int:
    if not path.is_file():
        raise click.UsageError(_("There is no file {path}.").format(path=path))
    return path.stat().st_size


def _checked(file: Any) -> str:
    rows = counted("It has {count} row.", "It has {count} rows.", file["num_rows"] or 0)
    faults = counted("{count} fault was found.", "{count} faults were found.", file["num_faults"] or 0)
    return f"{rows} {faults}" if file["num_faults"] else rows


COMMANDS = (upload, files, download)
