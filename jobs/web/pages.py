"""What pages say about jobs: words, sentences, numbers. Nothing here changes anything."""

from dataclasses import dataclass
from typing import Any, TypedDict

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from common.marks import Mark
from common.wording import in_words
from compute.explanations import count_of
from compute.services import explain
from jobs.hyperparameters import PARAMETERS, chosen_names
from jobs.models import FineTuningJob, JobEvent
from jobs.retrying import Remedy, remedy_of
from jobs.training.checkpoints import can_be_asked, name_of
from wording import Message

STATUSES = {
    "validating_files": ("busy", "loader"),
    "queued": ("wait", "clock"),
    "running": ("busy", "loader"),
    "paused": ("wait", "player-pause"),
    "succeeded": ("ok", "circle-check"),
    "failed": ("bad", "circle-x"),
    "cancelled": ("wait", "x"),
}


class UsedValue(TypedDict):
    """A hyperparameter of a job with the value used, why, and whether somebody chose it."""

    name: str
    label: Any
    value: str
    reason: str
    is_set: bool


class CheckpointRow(TypedDict):
    """A checkpoint in a job's list; its losses as they are written, "–" where there is none."""

    step: int
    name: str
    """By which it is asked; "" where it cannot be."""
    train_loss: str
    valid_loss: str
    held_out_loss: str
    """As an evaluation has measured it; "" where none has."""
    bytes: int | None
    is_result: bool


@dataclass(frozen=True)
class JobRow:
    """A job in a list."""

    job: FineTuningJob
    light: Mark | None = None
    """The verdict on it, on pages that show one."""

    @property
    def status(self) -> Mark:
        return status_of(self.job)

    @property
    def sentence(self) -> str:
        return sentence_of(self.job)

    @property
    def percent(self) -> int | None:
        """How far a training is; None for what does not train."""
        return percent_of(self.job) if self.job.status == FineTuningJob.Status.RUNNING else None

    @property
    def remedy(self) -> Remedy | None:
        return remedy_of(self.job)


def status_of(job: FineTuningJob) -> Mark:
    kind, icon = STATUSES[job.status]
    return {"kind": kind, "icon": icon, "word": job.get_status_display()}


def sentence_of(job: FineTuningJob) -> str:
    """Return one sentence on the job's state, and what it waits for."""
    if job.is_stopping:
        return _("Stopping after the current step.")
    if job.is_finishing_early:
        return _("Finishing after the current step: the best weights so far become the model.")
    status = FineTuningJob.Status
    if job.status == status.READING_DATA:
        return _("Reading the data.")
    if job.status == status.QUEUED:
        attempt = job.newest_attempt
        return in_words(explain(attempt.run) if attempt else None) or _("Starting the trainer.")
    if job.status == status.RUNNING:
        return _training_sentence(job)
    if job.status == status.PAUSED:
        return _("Paused after step %(step)s.") % {"step": job.current_step}
    if job.status == status.SUCCEEDED:
        trained = ngettext(
            "Trained in %(steps)s step; it learned %(tokens)s tokens.",
            "Trained in %(steps)s steps; it learned %(tokens)s tokens.",
            job.current_step,
        )
        return trained % {
            "steps": job.current_step,
            "tokens": f"{job.trained_tokens or 0:,}",
        }
    if job.status == status.FAILED:
        return in_words(job.error_message)
    return _("Cancelled after step %(step)s.") % {"step": job.current_step}


def _training_sentence(job: FineTuningJob) -> str:
    if not job.total_steps or not job.current_step:
        return _("Training: loading the model.")
    numbers = {"step": job.current_step, "total": job.total_steps}
    if job.current_step >= job.total_steps:
        return _("Training: all %(total)s steps are done; saving the result.") % numbers
    if job.estimated_finish is None:
        return _("Training: step %(step)s of %(total)s.") % numbers
    left = max(0, round((job.estimated_finish - timezone.now()).total_seconds()))
    if left < 60:
        return ngettext(
            "Training: step %(step)s of %(total)s, about %(seconds)s second left.",
            "Training: step %(step)s of %(total)s, about %(seconds)s seconds left.",
            left,
        ) % {**numbers, "seconds": left}
    minutes = round(left / 60)
    return ngettext(
        "Training: step %(step)s of %(total)s, about %(minutes)s minute left.",
        "Training: step %(step)s of %(total)s, about %(minutes)s minutes left.",
        minutes,
    ) % {**numbers, "minutes": minutes}


def percent_of(job: FineTuningJob) -> int:
    if job.status == FineTuningJob.Status.SUCCEEDED:
        return 100
    return round(100 * job.current_step / job.total_steps) if job.total_steps else 0


def values_of(job: FineTuningJob) -> list[UsedValue]:
    """Return each hyperparameter with the value used, why, and whether somebody chose it."""
    rows: list[UsedValue] = []
    chosen = chosen_names(job.asked)
    for parameter in PARAMETERS:
        if parameter.managed is not None or parameter.name not in job.hyperparameters:
            continue
        reason = job.reasons.get(parameter.name)
        rows.append(
            {
                "name": parameter.name,
                "label": parameter.label,
                "value": shown(job.hyperparameters[parameter.name]),
                "reason": in_words(Message.restored(reason)) if reason else "",
                "is_set": parameter.name in chosen,
            }
        )
    return rows


def shown(value: Any) -> str:
    """Return a value as people write it."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def system_sentence(job: FineTuningJob) -> str:
    choice = job.system_choice
    if choice is None:
        return _("Automatic")
    if choice.kind == "none":
        return _("None")
    return choice.text if choice.kind == "custom" else _("The model's own")


def devices_of(job: FineTuningJob) -> str:
    """Return what the newest attempt holds or held, as "2 CPU cores"."""
    attempt = job.newest_attempt
    devices = attempt.run.devices() if attempt is not None else []
    if devices:
        return in_words(count_of(len(devices), devices[0].kind))
    return str(job.accelerators) if job.accelerators else _("Automatic")


class Metrics(TypedDict, total=False):
    """What the page shows of a step."""

    train_loss: float
    tokens_per_second: float
    peak_memory_bytes: int


def newest_metrics(job: FineTuningJob) -> Metrics:
    """Return what was measured last; nothing before the first step."""
    event = job.events.filter(type=JobEvent.Type.METRICS).order_by("-number").first()
    return event.data if event is not None else {}


def progress_of(job: FineTuningJob, metrics: Metrics) -> dict[str, object]:
    """Return what stands below the bar; `look` says which buttons stand beside it."""
    loss, rate = metrics.get("train_loss"), metrics.get("tokens_per_second")
    return {
        "job": job,
        "loss": f"{loss:.3f}" if loss is not None else "",
        "rate": f"{rate:,.0f}" if rate is not None else "",
        "memory": metrics.get("peak_memory_bytes"),
        "look": f"{job.status} {job.is_stopping} {job.is_finishing_early} {bool(job.current_step)}",
    }


class CheckpointTable(TypedDict):
    """A job's checkpoints, newest first."""

    checkpoints: list[CheckpointRow]
    is_measured_again: bool
    """An evaluation has shown the held-out rows to some of them."""


def checkpoints_of(job: FineTuningJob) -> CheckpointTable:
    """Return the published checkpoints with their losses, and which of them became the model."""
    rows = _rows_of(job)
    return {"checkpoints": rows, "is_measured_again": any(row["held_out_loss"] for row in rows)}


def _rows_of(job: FineTuningJob) -> list[CheckpointRow]:
    published = job.checkpoints.filter(published_at__isnull=False).select_related("job__base_model", "job__team")
    are_models = can_be_asked(job)
    rows: list[CheckpointRow] = [
        {
            "step": checkpoint.step,
            "name": name_of(checkpoint) if are_models else "",
            "train_loss": _loss(checkpoint.metrics.get("train_loss")),
            "valid_loss": _loss(checkpoint.metrics.get("valid_loss")),
            "held_out_loss": _loss(checkpoint.metrics["held_out_loss"])
            if "held_out_loss" in checkpoint.metrics
            else "",
            "bytes": checkpoint.bytes,
            "is_result": checkpoint.step == job.result_step,
        }
        for checkpoint in published.order_by("-step")
    ]
    if job.result_step is not None and not any(row["is_result"] for row in rows):
        last = job.events.filter(type=JobEvent.Type.METRICS, data__step=job.result_step).order_by("-number").first()
        valid = job.events.filter(data__has_key="valid_loss", data__step=job.result_step).order_by("-number").first()
        rows.append(
            {
                "step": job.result_step,
                "name": "",
                "train_loss": _loss(last.data.get("train_loss") if last else None),
                "valid_loss": _loss(valid.data["valid_loss"] if valid else None),
                "held_out_loss": "",
                "bytes": None,
                "is_result": True,
            }
        )
        rows.sort(key=lambda row: -row["step"])
    return rows


def _loss(value: Any) -> str:
    return f"{value:.4f}" if value is not None else "–"
