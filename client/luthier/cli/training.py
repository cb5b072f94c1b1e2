"""luthier train, watch, jobs, cancel, pause, resume, finish, verdict, compare, evaluate"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from luthier.cli.bar import Bar
from luthier.cli.base import Run, counted, json_option, size_of, span_of
from luthier.cli.data import PATH, file_of
from luthier.errors import INTERRUPTED, NOT_WELL, LuthierError
from luthier.speaking import _

CHANGES = {
    "cancel": _("Cancel a job after its current step."),
    "pause": _("Pause a job with a checkpoint."),
    "resume": _("Go on with a paused job."),
    "finish": _("End a job now; its best weights so far become the model."),
}


class Setting(click.ParamType):
    """NAME=VALUE, the value as JSON has it or else a text."""

    name = "name=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        name, equals, text = str(value).partition("=")
        if not equals or not name:
            self.fail(_("“{value}” is not of the form NAME=VALUE.").format(value=value), param, ctx)
        try:
            return name, json.loads(text)
        except ValueError:
            return name, text


@click.command(help=_("Fine-tune a model on a data set: a file here, or the id of one that is uploaded."))
@click.argument("data")
@click.option(
    "--model", required=True, help=_("The base model, or a tuned model to train on; “luthier models” lists them.")
)
@click.option("--validation", help=_("A data set to measure on: a file here or an id."))
@click.option("--suffix", help=_("A word in the new model's name."))
@click.option("--name", help=_("What people call the job and its model."))
@click.option("--effort", type=click.Choice(["fast", "balanced", "best"]), help=_("How much time it may take."))
@click.option("--set", "settings", multiple=True, type=Setting(), metavar="NAME=VALUE", help=_("A hyperparameter."))
@click.option("--seed", type=int, help=_("The seed of everything that is random."))
@click.option("--accelerators", type=int, help=_("How many; default: what fits."))
@click.option("--priority", type=click.Choice(["low", "normal", "high", "urgent"]))
@click.option("--watch", is_flag=True, help=_("Show what happens until the job has ended."))
@click.option("--dry-run", is_flag=True, help=_("Estimate time and memory; make nothing."))
@json_option
def train(run: Run, data: str, name: str | None, watch: bool, dry_run: bool, **options: Any) -> int:
    if dry_run:
        return _estimated(run, data, options)
    validation = options.pop("validation")
    if Path(data).is_file():
        _require_model(run, options["model"])
    file = file_of(run, run.client, data)
    others = {"validation_file": file_of(run, run.client, validation)} if validation else {}
    job = run.client.api.post_openai_fine_tuning_jobs(body=_body(file, others, options))
    if name:
        run.client.api.patch_jobs_job_id(job["id"], body={"name": name})
    run.tell(_("{job} trains {model}.").format(job=job["id"], model=job["model"]))
    if watch:
        return _watched(run, job["id"])
    run.give(job, lambda: click.echo(_go_on(job["id"])))
    return 0


def _require_model(run: Run, model: str) -> None:
    """Refuse a model that there is not, before a file is uploaded for it."""
    if model not in {one["id"] for one in run.client.api.get_catalogue()["data"]}:
        run.client.api.get_openai_models_name(model)


def _body(file: str, others: dict[str, Any], options: dict[str, Any]) -> Any:
    settings = dict(options.pop("settings"))
    if effort := options.pop("effort", None):
        settings["effort"] = effort
    body = {"training_file": file, **others, **{key: value for key, value in options.items() if value is not None}}
    return {**body, **({"hyperparameters": settings} if settings else {})}


def _estimated(run: Run, data: str, options: dict[str, Any]) -> int:
    """Say what the job would take; nothing is uploaded for it."""
    validation = options.pop("validation")
    here = [path for path in (data, validation) if path and Path(path).is_file()]
    if here:
        sizes = {path: Path(path).stat().st_size for path in here}
        lines = [_("{path} would be uploaded: {size}").format(path=path, size=size_of(sizes[path])) for path in here]
        lines.append(_("Time and memory are estimated once the data set is uploaded: upload it and use its id."))
        run.give({"dry_run": True, "uploads": sizes, "estimate": None}, lambda: click.echo("\n".join(lines)))
        return 0
    others = {"validation_file": validation} if validation else {}
    found = run.client.api.post_jobs_estimate(body=_body(data, others, options))
    run.give({"dry_run": True, "estimate": found}, lambda: _show_estimate(run, found))
    return 0


def _show_estimate(run: Run, found: Any) -> None:
    low, high, hours = found["seconds_low"], found["seconds_high"], found["accelerator_hours"]
    unknown = _("not known yet")
    rows = [
        (_("Time"), unknown if low is None else f"{span_of(low)} – {span_of(high)}"), (_("Steps"), found["steps"]),
        (_("Memory"), size_of(found["memory_bytes"])),
        (_("Accelerators"), f"{found['accelerators']} {found['accelerator_kind']}"),
        (_("Accelerator-hours"), unknown if hours is None else f"{hours:.2f}"),
    ]  # fmt: skip
    run.table(rows, ("", ""))


@click.command(help=_("Show what happens to a job until it has ended. Ctrl-C leaves it running."))
@click.argument("job")
@json_option
def watch(run: Run, job: str) -> int:
    return _watched(run, job)


def _watched(run: Run, job_id: str) -> int:
    """Show a job until it has ended; return 5 where that is not well."""
    bar, job = Bar(run), None
    try:
        for look in run.client.follow(job_id):
            job = look.job
            for event in look.events:
                _show_event(run, bar, event)
            bar.draw(job["current_step"], job["total_steps"] or 0, f"{job['status']}{_loss(look.events)}")
    except KeyboardInterrupt:
        bar.clear()
        run.note(_("{job} goes on without you.").format(job=job_id) + " " + _go_on(job_id))
        return INTERRUPTED
    bar.clear()
    assert job is not None
    ended: Any = job
    run.give(ended, lambda: click.echo(_end_of(ended)))
    return 0 if ended["status"] == "succeeded" else NOT_WELL


def _show_event(run: Run, bar: Bar, event: Any) -> None:
    if run.as_json:
        click.echo(json.dumps(event, ensure_ascii=False))
    elif event["type"] != "metrics" and event["message"]:
        bar.above(run, event["message"])


def _loss(events: list[Any]) -> str:
    losses = [event["data"]["train_loss"] for event in events if event["data"].get("train_loss") is not None]
    return "  " + _("loss {loss}").format(loss=f"{losses[-1]:.3f}") if losses else ""


def _go_on(job_id: str) -> str:
    said = _("“luthier watch {job}” shows how it goes, “luthier cancel {job}” ends it.")
    return said.format(job=job_id)


def _end_of(job: Any) -> str:
    if job["status"] == "succeeded":
        said = _("{model} is ready. Ask it: luthier chat {model}")
        return said.format(model=job["fine_tuned_model"])
    reason = job["error"]["message"] if job["error"] else ""
    return f"{job['id']}: {job['status']}. {reason}".strip()


@click.command(help=_("List jobs."))
@click.option("--limit", default=20, show_default=True, help=_("How many, the newest first; 0: all."))
@json_option
def jobs(run: Run, limit: int) -> None:
    found = run.client.every("/v1/fine_tuning/jobs", most=limit)
    rows = [
        (one["id"], one["model"], one["status"], f"{one['current_step']}/{one['total_steps'] or '?'}",
         one["fine_tuned_model"])
        for one in found
    ]  # fmt: skip
    run.give(found, lambda: run.table(rows, (_("job"), _("base"), _("state"), _("steps"), _("model"))))


def _change(action: str) -> click.Command:
    """Return the command that changes a job in one of the ways that the API has."""

    @click.command(action, help=CHANGES[action])
    @click.argument("job")
    @json_option
    def change(run: Run, job: str) -> None:
        path = f"/v1/fine_tuning/jobs/{{job_id}}/{action}"
        found = run.client.transport.call("POST", path, inside={"job_id": job})
        run.give(found, lambda: click.echo(f"{found['id']}: {found['status']}"))

    return change


@click.command(help=_("Show the verdict on a job: what it learned, what it forgot, what to do next."))
@click.argument("job")
@json_option
def verdict(run: Run, job: str) -> None:
    found = run.client.api.get_jobs_job_id_verdict(job)
    lines = [found["light"] or _("There is no verdict yet."), *(f"- {one['message']}" for one in found["findings"])]
    if found["best_step"] is not None:
        lines.append(_("Best step: {step}").format(step=found["best_step"]))
    run.give(found, lambda: click.echo("\n".join(lines)))


@click.command(help=_("Put two to four jobs side by side: settings that differ, and what came of them."))
@click.argument("job", nargs=-1, required=True)
@json_option
def compare(run: Run, job: tuple[str, ...]) -> None:
    found: Any = run.client.api.get_jobs_compare(jobs=",".join(job))
    rows: list[list[Any]] = [
        [title, *(one[field] for one in found["jobs"])] for field, title in COMPARED.items()
    ]  # fmt: skip
    rows += [[one["label"], *(one["values"].get(name) for name in job)] for one in found["differences"]]
    metrics = dict.fromkeys(metric for one in found["jobs"] for metric in one["results"])
    rows += [[metric, *(_figure(one["results"].get(metric)) for one in found["jobs"])] for metric in metrics]
    run.give(found, lambda: run.table(rows, ("", *(one["name"] for one in found["jobs"]))))


COMPARED = {
    "id": _("job"), "status": _("state"), "fine_tuned_model": _("model"), "light": _("verdict"),
    "best_step": _("best step"), "train_loss": _("training loss"), "valid_loss": _("validation loss"),
}  # fmt: skip


@click.command(help=_("Ask models the same questions and measure their answers."))
@click.argument("models", nargs=-1, required=True)
@click.option("--file", help=_("A data set whose answers are the right ones: a file here or an id."))
@click.option("--prompts", type=PATH, help=_("Questions, one a line; or JSON Lines with prompt and reference."))
@click.option("--graders", type=click.File("r"), help=_("A JSON list of graders in OpenAI's shapes."))
@click.option("--no-baseline", is_flag=True, help=_("Do not ask the base model as well."))
@click.option("--no-wait", is_flag=True, help=_("Do not wait for the results."))
@click.option("--dry-run", is_flag=True, help=_("Say what would be asked."))
@json_option
def evaluate(
    run: Run, models: tuple[str, ...], file: str | None, prompts: Path | None, graders: Any, no_baseline: bool,
    no_wait: bool, dry_run: bool,
) -> int:  # fmt: skip
    body: Any = {"models": list(models), "baseline": not no_baseline}
    if prompts:
        body["prompts"] = [_prompt(line) for line in prompts.read_text("utf-8").splitlines() if line.strip()]
    if graders:
        body["graders"] = _json(graders.read())
    if dry_run:
        run.give({"dry_run": True, "body": {**body, "file": file}}, lambda: click.echo(_would_ask(body, file)))
        return 0
    if file:
        body["file"] = file_of(run, run.client, file)
    found = run.client.api.post_evaluations(body=body)
    if not no_wait:
        bar = Bar(run)
        found = run.client.wait_for_evaluation(
            found["id"], progress=lambda done, total: bar.draw(done, total, f"{done} / {total or '…'}")
        )
        bar.clear()
    run.give(found, lambda: _show_results(run, found))
    return NOT_WELL if found["status"] in ("failed", "cancelled") else 0


def _show_results(run: Run, found: Any) -> None:
    click.echo(f"{found['id']}: {found['status']}")
    if found["error"]:
        click.echo(found["error"]["message"])
    metrics = dict.fromkeys(metric for figures in found["results"].values() for metric in figures)
    rows = [[metric, *(_figure(figures.get(metric)) for figures in found["results"].values())] for metric in metrics]
    if rows:
        run.table(rows, ("", *found["results"]))


def _would_ask(body: Any, file: str | None) -> str:
    """Say who would be asked what."""
    models = ", ".join([*body["models"], *([_("their base")] if body["baseline"] else [])])
    if file:
        return _("{models} would be asked the rows of {file}.").format(models=models, file=file)
    questions = counted("{count} question", "{count} questions", len(body.get("prompts", [])))
    return _("{models} would be asked {questions}.").format(models=models, questions=questions)


def _prompt(line: str) -> Any:
    return _json(line) if line.lstrip().startswith("{") else line


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise LuthierError(_("This is not JSON: {reason}.").format(reason=error), code="no_json") from None


def _figure(figure: Any) -> str:
    return "–" if figure is None else f"{figure['value']:.3g} ({figure['low']:.3g} – {figure['high']:.3g})"


COMMANDS = (train, watch, jobs, *(_change(action) for action in CHANGES), verdict, compare, evaluate)
