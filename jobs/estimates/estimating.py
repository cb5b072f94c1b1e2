"""What a job would be before it is made, and what every parameter means for it."""

import statistics
from dataclasses import dataclass
from typing import Literal, TypedDict, cast

from accounts.models import Team
from catalogue.foreign_names import base_named, unknown_name
from catalogue.models import BaseModel
from common.errors import NotFound, UserError
from common.texts import is_storable
from common.wording import in_words
from compute.models import Pool
from datasets_app.models import TrainingFile
from jobs.estimates.memory import memory_of
from jobs.estimates.situations import BYTES_PER_TOKEN, Devices, devices_for, situation_of
from jobs.hyperparameters import PARAMETERS, Asked, Resolved, Value, Values, check_together, resolve
from jobs.hyperparameters.automatic import training_rows
from jobs.messages import message
from jobs.models import FineTuningJob, Rehearsal

FASTER, SLOWER = 0.8, 1.4
"""The range of the time, about what machines that others use as well do to it."""
START_SECONDS = 15
"""Loading, and saving the result."""
REMEMBERED_JOBS = 5


class HyperparameterObject(TypedDict):
    """A hyperparameter as the API shows it: in words, with what it accepts and its automatic value."""

    object: Literal["hyperparameter"]
    name: str
    label: str
    term: str
    type: str
    group: str
    sentence: str
    accepted: str
    choices: list[str]
    managed: str | None
    auto: Value | None
    reason: str


class Forecast(TypedDict):
    """About how long and how much memory; None for what is not known."""

    seconds: int | None
    seconds_low: int | None
    seconds_high: int | None
    seconds_source: str | None
    accelerator_hours: float | None
    memory_bytes: int
    memory_source: str


@dataclass(frozen=True, kw_only=True)
class Expected:
    """How long a training should take, None where nobody knows, and on how many accelerators."""

    seconds: float | None
    accelerators: int


class Estimate(Forecast):
    """A `fine_tuning.job.estimate`."""

    object: Literal["fine_tuning.job.estimate"]
    rows: int | None
    tokens: int | None
    steps: int | None
    batch_size: int
    accelerators: int
    accelerator_kind: str
    hyperparameters: Values
    reasons: dict[str, str]


def describe(*, team: Team, model: str | None, file_id: str | None) -> list[HyperparameterObject]:
    """Return every parameter with its words, what it accepts, its automatic value and the reason for it."""
    base = _base(model)
    file = _file(team, file_id)
    devices = devices_for(team, None)
    resolved = resolve_asked({}, base, file, devices, has_validation_file=False) if base is not None else None
    return [
        {
            "object": "hyperparameter",
            "name": parameter.name,
            "label": str(parameter.label),
            "term": str(parameter.term),
            "type": parameter.kind,
            "group": parameter.group,
            "sentence": str(parameter.sentence),
            "accepted": in_words(parameter.accepted),
            "choices": list(parameter.choices),
            "managed": in_words(parameter.managed) if parameter.managed is not None else None,
            "auto": cast(Value | None, resolved.values.get(parameter.name)) if resolved else None,
            "reason": in_words(resolved.reasons.get(parameter.name)) if resolved else "",
        }
        for parameter in PARAMETERS
    ]


def estimate(
    *,
    team: Team,
    model: str,
    file_id: str,
    asked: Asked,
    accelerators: int | None,
    pool: Pool | None,
    validation_file_id: str | None,
) -> Estimate:
    """Return about how many rows, tokens, steps and seconds a job would take; None for what is not known yet."""
    base, file = _base(model), _file(team, file_id)
    has_validation_file = validation_file_id is not None and bool(_found(team, validation_file_id, "validation_file"))
    if base is None or file is None:
        raise UserError(message("estimate_needs_both"), code="missing_parameter", param="model")
    devices = devices_for(team, accelerators, pool)
    check_together(
        asked,
        context_length=base.context_length,
        device_kind=devices.kind,
        has_validation_file=has_validation_file,
    )
    resolved = resolve_asked(asked, base, file, devices, has_validation_file=has_validation_file)
    rows = min(int(file.num_rows or 0), _rows(resolved, base, file, devices)) if file.num_rows is not None else None
    tokens = _tokens(file, rows, resolved.values)
    return {
        "object": "fine_tuning.job.estimate",
        "rows": rows,
        "tokens": tokens,
        "steps": resolved.steps if rows is not None else None,
        "batch_size": resolved.batch_size,
        **forecast(base, tokens, resolved.values, devices),
        "accelerators": devices.most,
        "accelerator_kind": devices.kind,
        "hyperparameters": resolved.values,
        "reasons": {name: in_words(reason) for name, reason in resolved.reasons.items()},
    }


def forecast(base: BaseModel, tokens: int | None, values: Values, devices: Devices) -> Forecast:
    """Return about how long and how much memory it takes, with what that is known from.

    seconds, seconds_low and seconds_high are None while no training or rehearsal of this model has run here.
    """
    newest = _newest_rehearsal(base, devices)
    seconds, source = seconds_for(base, tokens), "jobs"
    if seconds is None and tokens is not None:
        seconds, source = _seconds_by(newest, tokens), "rehearsal"
    memory = memory_of(base, values, device_kind=devices.kind, world_size=devices.ranks).total
    rehearsed = _memory_by(newest, memory)
    return {
        "seconds": seconds,
        "seconds_low": max(1, round(FASTER * seconds)) if seconds else None,
        "seconds_high": max(1, round(SLOWER * seconds)) if seconds else None,
        "seconds_source": source if seconds else None,
        "accelerator_hours": round(seconds * devices.most / 3600, 3) if seconds else None,
        "memory_bytes": rehearsed or memory,
        "memory_source": "rehearsal" if rehearsed else "arithmetic",
    }


def _newest_rehearsal(base: BaseModel, devices: Devices) -> Rehearsal | None:
    known = Rehearsal.objects.filter(
        base_model=base, fits=True, device_kind=devices.kind, num_devices=devices.most, peak_memory_bytes__gt=0
    )
    return known.order_by("-seen_at").first()


def _seconds_by(rehearsal: Rehearsal | None, tokens: int) -> int | None:
    """Return the time by the pace of the rehearsed batch."""
    if rehearsal is None or not rehearsal.seconds_per_step or not rehearsal.tokens:
        return None
    return max(1, round(START_SECONDS + tokens * rehearsal.seconds_per_step / rehearsal.tokens))


def _memory_by(rehearsal: Rehearsal | None, arithmetic: int) -> int | None:
    """Return what was measured, where that is of the size that arithmetic gives."""
    measured = rehearsal.peak_memory_bytes if rehearsal is not None else None
    return measured if measured and arithmetic / 2 < measured < 2 * arithmetic else None


def seconds_for(base: BaseModel, tokens: int | None) -> int | None:
    """Return how long that many tokens would take on this model, by jobs that succeeded lately; None without any.

    Each job's start and end are taken off before its pace is; the middle one counts, so that one that was stopped for a
    night does not.
    """
    if tokens is None:
        return None
    done = FineTuningJob.objects.filter(
        base_model=base, status="succeeded", tokens__gt=0, started_at__isnull=False, finished_at__isnull=False
    )
    lately = done.order_by("-finished_at").values_list("started_at", "finished_at", "tokens")[:REMEMBERED_JOBS]
    paces = [
        max(0.0, (finished - started).total_seconds() - START_SECONDS) / read
        for started, finished, read in lately
        if started is not None and finished is not None and read
    ]
    return max(1, round(START_SECONDS + statistics.median(paces) * tokens)) if paces else None


def resolve_asked(
    asked: Asked, base: BaseModel, file: TrainingFile | None, devices: Devices, *, has_validation_file: bool
) -> Resolved:
    """Return every value of a job that asks for `asked`, as things are now."""
    situation = situation_of(
        base=base,
        file=file,
        has_validation_file=has_validation_file,
        devices=devices,
        system_prompt=asked.get("system_prompt"),
    )
    return resolve(asked, situation)


def _rows(resolved: Resolved, base: BaseModel, file: TrainingFile, devices: Devices) -> int:
    situation = situation_of(base=base, file=file, has_validation_file=False, devices=devices, system_prompt=None)
    return training_rows(situation, resolved.values)


def tokens_of_job(base: BaseModel, file: TrainingFile, resolved: Resolved, devices: Devices) -> int | None:
    """Return about how many tokens a job reads in all its epochs; None while its file is not checked."""
    if file.num_rows is None:
        return None
    return _tokens(file, min(int(file.num_rows), _rows(resolved, base, file, devices)), resolved.values)


def _tokens(file: TrainingFile, rows: int | None, values: Values) -> int | None:
    """Return about how many tokens a job reads in all its epochs."""
    num_bytes, all_rows = file.statistics.get("row_bytes"), file.num_rows
    if rows is None or not num_bytes or not all_rows:
        return None
    if file.use == "text" and file.format == "text":
        return round(num_bytes / BYTES_PER_TOKEN * float(values["num_train_epochs"]))
    each = min(values["max_seq_len"], num_bytes / all_rows / BYTES_PER_TOKEN)
    return round(rows * each * float(values["num_train_epochs"]))


def expected_of(job: FineTuningJob) -> Expected:
    """Return about how long what is left of a job takes, and on how many accelerators."""
    file = job.training_file
    if file is None or file.num_rows is None or not job.hyperparameters:
        return Expected(seconds=None, accelerators=1)
    values, devices = cast(Values, job.hyperparameters), devices_for(job.team, job.accelerators, job.pool)
    whole = forecast(job.base_model, _tokens(file, int(file.num_rows), values), values, devices)
    done = job.current_step / job.total_steps if job.total_steps else 0
    left = whole["seconds"] * max(0.0, 1 - done) if whole["seconds"] is not None else None
    return Expected(seconds=left, accelerators=devices.most)


def _base(model: str | None) -> BaseModel | None:
    if not model:
        return None
    base = base_named(model)
    if base is None:
        unknown = unknown_name(message("no_such_base_model", name=model[:80]), model)
        raise NotFound(unknown, code="model_not_found", param="model")
    return base


def _file(team: Team, file_id: str | None) -> TrainingFile | None:
    return _found(team, file_id, "file") if file_id else None


def _found(team: Team, file_id: str, param: str) -> TrainingFile:
    file = TrainingFile.objects.visible_to(team).filter(pk=file_id).first() if is_storable(file_id) else None
    if file is None:
        raise NotFound(message("no_such_training_file", file=file_id[:60]), code="file_not_found", param=param)
    return file
