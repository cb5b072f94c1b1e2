"""luthier rescue: fetch, record, recreate, parity, show"""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Any

import click

from luthier.cli.bar import Bar
from luthier.cli.base import Run, json_option, size_of
from luthier.cli.data import PATH
from luthier.errors import NOT_ALLOWED, NOT_WELL, LuthierError
from luthier.rescue import fetching, parity, recording, recreating, writing
from luthier.rescue.folder import Folder
from luthier.rescue.prompts import Prompt, prompts_for
from luthier.speaking import _
from luthier.transport import Transport

OPENAI = "https://api.openai.com/v1"
REPORT = "parity"


@click.group(help=_("Bring fine-tuned models from OpenAI, or a server of its shape, before they go dark."))
def rescue() -> None: ...


class Old:
    """The old server, asked with a key that lies nowhere."""

    def __init__(self, url: str, key_file: IO[str] | None) -> None:
        key = key_file.read().strip() if key_file else os.environ.get("OPENAI_API_KEY", "")
        if not key:
            said = _("Give the old server's key in OPENAI_API_KEY, or by --key-file.")
            raise LuthierError(said, code="no_source_key", exit_code=NOT_ALLOWED)
        if "@" in url:
            said = _("Put no key into the address: it would be written into the folder. Use OPENAI_API_KEY.")
            raise LuthierError(said, code="key_in_address")
        self.server = Transport(url, key)


def source_options(command: Any) -> Any:
    """Give a command what reaches the old server."""
    key = click.option("--key-file", type=click.File("r"), help=_("A file with its key. Default: OPENAI_API_KEY."))
    return key(command)


@rescue.command(help=_("Bring files, jobs and the names of tuned models into a folder; go on where it was stopped."))
@click.argument("folder", type=PATH)
@click.option("--from", "url", help=_("The old server. Default: OPENAI_BASE_URL, or OpenAI."))
@source_options
@click.option("--dry-run", is_flag=True, help=_("Say what would be brought."))
@json_option
def fetch(run: Run, folder: Path, url: str | None, key_file: IO[str] | None, dry_run: bool) -> int:
    old = Old(url or os.environ.get("OPENAI_BASE_URL") or OPENAI, key_file)
    found = fetching.fetch(old.server, Folder(folder), say=run.tell, is_dry=dry_run)
    said = _("{files} files ({size}), {jobs} jobs, {models} tuned models.")
    told = said.format(files=found.files, size=size_of(found.bytes), jobs=found.jobs, models=len(found.models))
    lines = [told, *(f"- {one['what']}: {one['message']}" for one in found.problems)]
    run.give({**found.as_json(), "dry_run": dry_run}, lambda: click.echo("\n".join(lines)))
    return NOT_WELL if found.problems else 0


@rescue.command(
    help=_("Record what the old models answer, while they do. Answers that are here are not asked for again.")
)
@click.argument("folder", type=PATH)
@click.option("--model", "named", multiple=True, help=_("Only this tuned model, or this job's. Default: all."))
@click.option("--prompts", type=PATH, help=_("Ask these instead of the training data's: lines, or JSON Lines."))
@click.option("--limit", default=200, show_default=True, help=_("How many questions for each model."))
@click.option("--answer-tokens", default=512, show_default=True, help=_("How long an answer may be."))
@click.option("--max-requests", default=2000, show_default=True, help=_("Ask no more than this."))
@click.option("--max-tokens", default=2_000_000, show_default=True, help=_("Use no more tokens than this."))
@click.option("--parallel", type=click.IntRange(1, 32), default=4, show_default=True, help=_("How many at once."))
@source_options
@click.option("--dry-run", is_flag=True, help=_("Say how many requests and tokens it would take; ask nothing."))
@json_option
def record(
    run: Run, folder: Path, named: tuple[str, ...], prompts: Path | None, limit: int, answer_tokens: int,
    max_requests: int, max_tokens: int, parallel: int, key_file: IO[str] | None, dry_run: bool,
) -> int:  # fmt: skip
    kept = Folder(folder)
    kept.require()
    jobs = [recreating.old_job(kept, name) for name in named] if named else kept.tuned()
    asked = [(str(job["fine_tuned_model"]), prompts_for(kept, job, given=prompts, most=limit)) for job in jobs]
    if dry_run:
        return _cost(run, kept, asked, answer_tokens)
    old, budget = Old(kept.source, key_file), recording.Budget(max_requests, max_tokens)
    found = []
    for model, questions in asked:
        bar = Bar(run)
        path = recording.answers_file(kept, model)
        try:
            one = recording.record(
                old.server, kept, model, questions, path=path, budget=budget, answer_tokens=answer_tokens,
                parallel=parallel, progress=_counting(bar),
            )  # fmt: skip
        finally:
            bar.clear()
        found.append(one)
        run.tell(_recorded(one))
    spent = {"requests": budget.spent_requests, "tokens": budget.spent_tokens}
    run.give({"models": [one.as_json() for one in found], "spent": spent}, lambda: None)
    return NOT_WELL if any(one.left for one in found) else 0


def _cost(run: Run, kept: Folder, asked: list[tuple[str, list[Prompt]]], answer_tokens: int) -> int:
    """Say what recording would take at most."""
    rows: list[dict[str, Any]] = []
    for model, questions in asked:
        path = recording.answers_file(kept, model)
        requests, tokens = recording.planned(path, questions, answer_tokens=answer_tokens)
        rows.append({"model": model, "questions": len(questions), "requests": requests, "tokens_at_most": tokens})
    total = {name: sum(int(row[name]) for row in rows) for name in ("requests", "tokens_at_most")}
    shown = [(row["model"], row["questions"], row["requests"], row["tokens_at_most"]) for row in rows]
    heads = (_("model"), _("questions"), _("requests"), _("tokens at most, about"))
    everything = [*shown, (_("all"), "", total["requests"], total["tokens_at_most"])]
    run.give({"dry_run": True, "models": rows, **total}, lambda: run.table(everything, heads))
    return 0


def _recorded(one: recording.Recorded) -> str:
    said = _("{model}: {asked} answers recorded, {known} were here, {left} are left.")
    told = said.format(model=one.model, asked=one.asked, known=one.known, left=one.left)
    why = one.gone or one.refusal
    return f"{told} {why}" if why else told


@rescue.command(help=_("Make an old job anew in Luthier, on its mapped base or on another."))
@click.argument("folder", type=PATH)
@click.option("--job", "named", help=_("The old job or its model; needed where there are several."))
@click.option("--base", help=_("The base model. Default: what the old one's name is mapped to."))
@click.option("--new-settings", is_flag=True, help=_("Leave epochs, batch size and learning rate to Luthier."))
@click.option("--dry-run", is_flag=True, help=_("Say what would be made."))
@json_option
def recreate(run: Run, folder: Path, named: str | None, base: str | None, new_settings: bool, dry_run: bool) -> None:
    kept = Folder(folder)
    kept.require()
    old = recreating.old_job(kept, named)
    before = recreating.trained_before(kept, old)
    if before and not base and before["id"] in kept.read(recreating.MADE, {"jobs": {}})["jobs"]:
        recreating.new_model(run.client, kept, before)
    planned = recreating.plan(kept, old, base=base, keeps_settings=not new_settings)
    if dry_run:
        told = _("{job} would be made anew on {base}.").format(job=planned.old["id"], base=planned.body["model"])
        lines = [told, *(_("{path} would be uploaded.").format(path=path) for path in planned.uploads.values())]
        run.give({"dry_run": True, **planned.as_json()}, lambda: click.echo("\n".join(lines)))
        return
    bar = Bar(run)
    try:
        job = recreating.recreate(run.client, kept, planned, progress=bar.bytes)
    finally:
        bar.clear()
    said = _("{old} is now {job}, on {base}. “luthier watch {job}” shows how it goes.")
    run.give(job, lambda: click.echo(said.format(old=planned.old["id"], job=job["id"], base=job["model"])))


@rescue.command(REPORT, help=_("Ask the new model what the old one has answered, and report how alike they are."))
@click.argument("folder", type=PATH)
@click.option("--job", "named", help=_("The old job or its model; needed where there are several."))
@click.option("--model", help=_("The new model. Default: what the old job has become."))
@click.option("--limit", default=200, show_default=True, help=_("How many questions."))
@click.option("--judge", "judge_model", help=_("A model here that says whether two answers say the same."))
@click.option("--base", help=_("An untuned model to ask as well, to see what the training did."))
@click.option("--parallel", type=click.IntRange(1, 32), default=4, show_default=True, help=_("How many at once."))
@json_option
def compare(
    run: Run, folder: Path, named: str | None, model: str | None, limit: int, judge_model: str | None,
    base: str | None, parallel: int,
) -> None:  # fmt: skip
    kept = Folder(folder)
    kept.require()
    old = recreating.old_job(kept, named)
    questions = parity.prompts_of(kept, old["fine_tuned_model"], limit)
    new = model or recreating.new_model(run.client, kept, old)
    pairs, asked = _compared(run, kept, old, new, questions, parallel)
    others = (base, _compared(run, kept, old, base, questions, parallel)[0]) if base else None
    if judge_model:
        bar = Bar(run)
        parity.judge(run.client.transport, judge_model, pairs, progress=_counting(bar))
        bar.clear()
    found = parity.report(old, new, pairs, base=others, judge_model=judge_model, asked=asked)
    name = kept.file(REPORT, str(old["id"])).name
    kept.write(f"{REPORT}/{name}.json", found)
    path = kept.path / REPORT / f"{name}.md"
    path.write_text(writing.markdown(found), "utf-8")
    run.give({**found, "report": str(path)}, lambda: click.echo(writing.markdown(found) + f"\n{path}"))


def _compared(
    run: Run, kept: Folder, old: dict[str, Any], model: str, questions: list[Prompt], parallel: int
) -> tuple[list[parity.Pair], recording.Recorded]:
    """Ask a model of Luthier, as long answers as the old one's were allowed to be, and put both beside each other."""
    bar, path = Bar(run), recording.answers_file(kept, model, part="new-answers")
    rows = recording.answers_of(recording.answers_file(kept, old["fine_tuned_model"])).values()
    try:
        asked = recording.record(
            run.client.transport, kept, model, questions, path=path, parallel=parallel, progress=_counting(bar),
            budget=recording.Budget(len(questions), 10**12), answer_tokens=max(row["max_tokens"] for row in rows),
        )  # fmt: skip
    finally:
        bar.clear()
    if asked.gone:
        raise LuthierError(asked.gone, code="model_not_found", exit_code=4)
    keys = {one.key for one in questions}
    answers = {key: row for key, row in recording.answers_of(path).items() if key in keys}
    return parity.pairs_of(kept, old["fine_tuned_model"], answers), asked


@rescue.command(help=_("Show what a rescue holds, and what is to be done next."))
@click.argument("folder", type=PATH)
@json_option
def show(run: Run, folder: Path) -> None:
    kept = Folder(folder)
    kept.require()
    made = kept.read(recreating.MADE, {"jobs": {}})["jobs"]
    rows = []
    for job in kept.jobs():
        model = job.get("fine_tuned_model")
        answers = len(recording.answers_of(recording.answers_file(kept, model))) if model else 0
        has_report = kept.file(REPORT, f"{job['id']}.json").exists()
        new = made.get(job["id"], {}).get("job")
        rows.append({"job": job["id"], "model": model, "answers": answers, "new_job": new, "has_report": has_report})
    shown = [
        (row["job"], row["model"], row["answers"], row["new_job"], "✓" if row["has_report"] else "–") for row in rows
    ]
    heads = (_("old job"), _("old model"), _("answers"), _("new job"), _("report"))
    run.give(rows, lambda: run.table(shown, heads))


def _counting(bar: Bar) -> Any:
    return lambda done, total: bar.draw(done, total, f"{done} / {total}")


COMMANDS = (rescue,)
