"""luthier models, deploy, deployments, undeploy, chat, export"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from luthier.cli.bar import Bar
from luthier.cli.base import Run, json_option, size_of
from luthier.cli.data import PATH, save
from luthier.errors import NOT_WELL
from luthier.speaking import _

PAUSE_SECONDS = 1.0


@click.command(help=_("List tuned models; with --base the models that can be trained."))
@click.option("--base", is_flag=True, help=_("Base models."))
@click.option("-q", "--search", default="", help=_("A part of a name."))
@click.option("--limit", default=20, show_default=True, help=_("How many, the newest first; 0: all."))
@json_option
def models(run: Run, base: bool, search: str, limit: int) -> None:
    if base:
        found: Any = [one for one in run.client.api.get_catalogue()["data"] if search.lower() in one["id"].lower()]
        rows = [(one["id"], one["display_name"], one["state"], one["licence"]) for one in found]
        heads = (_("model"), _("name"), _("state"), _("licence"))
    else:
        found = run.client.every("/api/v1/models", most=limit, q=search)
        rows = [(one["model"], one["name"], one["base_model"], size_of(one["bytes"])) for one in found]
        heads = (_("model"), _("name"), _("base"), _("size"))
    run.give(found, lambda: run.table(rows, heads))


@click.command(help=_("Put a model online under a name."))
@click.argument("model")
@click.option("--name", required=True, help=_("What requests call it."))
@click.option("--accelerators", default="shared", show_default=True, help=_("shared, auto, or how many of its own."))
@click.option("--min-replicas", type=click.IntRange(0, 1), help=_("1: keep its accelerators while nobody asks."))
@click.option("--wait", is_flag=True, help=_("Wait until it answers."))
@click.option("--dry-run", is_flag=True, help=_("Say what would be put online."))
@json_option
def deploy(
    run: Run, model: str, name: str, accelerators: str, min_replicas: int | None, wait: bool, dry_run: bool
) -> int:
    body: Any = {
        "name": name,
        "model": model,
        "accelerators": int(accelerators) if accelerators.isdigit() else accelerators,
    }
    if min_replicas is not None:
        body["min_replicas"] = min_replicas
    if dry_run:
        told = _("{model} would be put online as {name}.").format(model=model, name=name)
        run.give({"dry_run": True, "body": body}, lambda: click.echo(told))
        return 0
    found = run.client.api.post_deployments(body=body)
    if wait:
        found = _answering(run, found["id"])
    told = _("{name} is {state}. Ask it: luthier chat {name}").format(name=found["name"], state=found["state"])
    is_well = found["state"] not in ("failed", "stopped")
    run.give(found, lambda: click.echo(told if is_well else found["message"] or found["state"]))
    return 0 if is_well else NOT_WELL


def _answering(run: Run, deployment_id: str) -> Any:
    bar = Bar(run)
    while (found := run.client.api.get_deployments_deployment_id(deployment_id))["state"] == "starting":
        bar.show(found["message"] or found["state"])
        time.sleep(PAUSE_SECONDS)
    bar.clear()
    return found


@click.command(help=_("List what is online."))
@json_option
def deployments(run: Run) -> None:
    found = run.client.api.get_deployments()["data"]
    rows = [(one["id"], one["name"], one["model"], one["state"]) for one in found]
    run.give(found, lambda: run.table(rows, (_("deployment"), _("name"), _("model"), _("state"))))


@click.command(help=_("Take a deployment down, by its name or id."))
@click.argument("deployment")
@json_option
def undeploy(run: Run, deployment: str) -> None:
    listed = run.client.api.get_deployments()["data"]
    named = next((one["id"] for one in listed if deployment in (one["id"], one["name"])), deployment)
    found = run.client.api.delete_deployments_deployment_id(named)
    run.give(found, lambda: click.echo(_("{name} is taken down.").format(name=deployment)))


@click.command(help=_("Ask a model: one message, or a conversation where none is given."))
@click.argument("model")
@click.argument("message", required=False)
@click.option("--system", help=_("What the model is told beforehand."))
@click.option("--temperature", type=float)
@click.option("--top-p", type=float)
@click.option("--max-tokens", type=int)
@click.option("--seed", type=int)
@json_option
def chat(run: Run, model: str, message: str | None, system: str | None, **options: Any) -> None:
    asked = {name: value for name, value in options.items() if value is not None}
    talk: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    if message is None and not sys.stdin.isatty():
        message = sys.stdin.read().strip()
    if message is not None:
        talk.append({"role": "user", "content": message})
        _answer(run, model, talk, asked)
        return
    if run.as_json:
        raise click.UsageError(_("With --json a message is needed."))
    run.note(_("You talk with {model}. An empty line or Ctrl-D ends it.").format(model=model))
    while line := click.prompt(">", prompt_suffix=" ", default="", show_default=False, err=True):
        talk.append({"role": "user", "content": line})
        talk.append({"role": "assistant", "content": _answer(run, model, talk, asked)})


def _answer(run: Run, model: str, talk: list[dict[str, Any]], asked: dict[str, Any]) -> str:
    """Print an answer as it is written, and return it."""
    if run.as_json:
        body: Any = {"model": model, "messages": talk, **asked}
        run.give(run.client.api.post_openai_chat_completions(body=body))
        return ""
    pieces = []
    for piece in run.client.ask(model, talk, **asked):
        click.echo(piece, nl=False)
        pieces.append(piece)
    click.echo()
    return "".join(pieces)


@click.command(help=_("Download a tuned model's adapter, with its card."))
@click.argument("model")
@click.option("-o", "--output", type=PATH, help=_("Where it is written. Default: MODEL.zip, here."))
@json_option
def export(run: Run, model: str, output: Path | None) -> None:
    found = run.client.api.get_models_model_id(model)
    target = output or Path(f"{found['id']}.zip")
    save(run, "/api/v1/models/{model_id}/package", target, inside={"model_id": found["id"]})


COMMANDS = (models, deploy, deployments, undeploy, chat, export)
