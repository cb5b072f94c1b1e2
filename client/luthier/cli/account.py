"""luthier login, logout, quota, usage, completion"""

from __future__ import annotations

import ipaddress
from typing import IO, Any
from urllib.parse import urlsplit

import click
from click.shell_completion import get_completion_class

from luthier.cli.base import Run, json_option, size_of, span_of
from luthier.client import Luthier
from luthier.keeping import DEFAULT_URL, Login, forget_login, keep_login, server_of
from luthier.speaking import _

SHELLS = {"bash": "~/.bashrc", "zsh": "~/.zshrc", "fish": "~/.config/fish/completions/luthier.fish"}


@click.command(help=_("Keep a server's address and your API key for the next commands."))
@click.option("--url", help=_("The server's address. Default: {url}").format(url=DEFAULT_URL))
@click.option("--key-file", type=click.File("r"), help=_("Read the key from a file; - is standard input."))
@json_option
def login(run: Run, url: str | None, key_file: IO[str] | None) -> None:
    address = server_of(url or run.url or click.prompt(_("Address"), default=DEFAULT_URL, err=True))
    key = (key_file.read() if key_file else click.prompt(_("API key"), hide_input=True, err=True)).strip()
    found = Luthier(address, key).api.get_keys_current()
    if not _is_private(address):
        run.note(_("{url} is not https: the key can be read on its way.").format(url=address))
    path = keep_login(Login(address, key))
    said = _("Signed in at {url} as {user}, team {team}. The key lies in {path}, where only you can read it.")
    told = said.format(url=address, user=found["user"], team=found["team"], path=path)
    run.give({"url": address, "path": str(path), "key": found}, lambda: click.echo(told))


@click.command(help=_("Forget the address and the key that were kept."))
@json_option
def logout(run: Run) -> None:
    existed = forget_login()
    told = _("The key is no longer kept here. It still works: revoke it on the page “API keys”.")
    run.give({"forgotten": existed}, lambda: click.echo(told if existed else _("No key was kept.")))


@click.command(help=_("Show who you are signed in as, and what your key may do."))
@json_option
def whoami(run: Run) -> None:
    found = run.client.api.get_keys_current()
    scopes = ", ".join(found["scopes"]) if found["scopes"] else _("everything but administering the platform")
    rows = [
        (_("Server"), run.client.url), (_("User"), found["user"]), (_("Team"), found["team"]),
        (_("Key"), found["name"] or found["prefix"]), (_("May do"), scopes),
    ]  # fmt: skip
    run.give(found, lambda: run.table(rows, ("", "")))


@click.command(help=_("Show what your team may use, and uses now."))
@click.option("--team", help=_("Another team, for those who may see it."))
@click.option("--pool", help=_("The pool whose accelerators are meant."))
@json_option
def quota(run: Run, team: str | None, pool: str | None) -> None:
    api = run.client.api
    found = api.get_quotas_team(team or api.get_keys_current()["team"], pool=pool)
    none = _("no limit")
    hours = found["accelerator_hours"]
    rows = [
        (_("Team"), found["name"]), (_("Pool"), found["pool"]),
        (_("Accelerators in use"), found["in_use"]), (_("Of those, borrowed"), found["borrowed"]),
        (_("Guaranteed"), found["guaranteed"]),
        (_("Ceiling"), none if found["ceiling"] is None else found["ceiling"]), (_("Waiting"), found["waiting"]),
        (_("Accelerator-hours this month"), f"{found['hours_used']:.1f} / {none if hours is None else hours}"),
        (_("Storage limit"), none if found["storage_bytes"] is None else size_of(found["storage_bytes"])),
    ]  # fmt: skip
    run.give(found, lambda: run.table(rows, ("", "")))


@click.command(help=_("Show what was used."))
@click.option("--from", "since", metavar="DAY", help=_("The first day, such as 2026-11-01."))
@click.option("--to", "until", metavar="DAY", help=_("The last day."))
@click.option("--group-by", type=click.Choice(["team", "user", "day", "model"]), default="model", show_default=True)
@json_option
def usage(run: Run, since: str | None, until: str | None, group_by: Any) -> None:
    found = run.client.api.get_usage(from_=since, to=until, group_by=group_by)
    rows = [
        (row.get(group_by), span_of(row["accelerator_seconds"]), row["requests"], row["prompt_tokens"],
         row["completion_tokens"])
        for row in found["data"]
    ]  # fmt: skip
    names = {"team": _("team"), "user": _("user"), "day": _("day"), "model": _("model")}
    heads = (names[group_by], _("accelerators"), _("requests"), _("tokens read"), _("tokens written"))
    run.give(found, lambda: run.table(rows, heads))


@click.command(help=_("Print a script that completes commands in your shell."))
@click.argument("shell", type=click.Choice(list(SHELLS)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(context.find_root().command, {}, "luthier", "_LUTHIER_COMPLETE").source())
    click.echo(_("# Put this into {file}").format(file=SHELLS[shell]), err=True)


def _is_private(address: str) -> bool:
    """Whether nobody on the way can read what is sent."""
    parts = urlsplit(address)
    if parts.scheme == "https" or parts.hostname in (None, "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(parts.hostname)).is_loopback
    except ValueError:
        return False


COMMANDS = (login, logout, whoami, quota, usage, completion)
