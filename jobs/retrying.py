"""A failed job once more: what its failure suggests to change, and a new job with that change."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from django.db import transaction

from accounts.models import User
from common.errors import UserError
from common.storage_errors import AWAY
from compute.administering.choosing import pools_for
from compute.models import Priority
from jobs.hyperparameters import Value, Values
from jobs.messages import message
from jobs.models import FineTuningJob
from jobs.services import JobRequest, create_job
from wording import Message

GENTLER = 5
"""A rate that broke the loss is divided by this."""
SHORTEST = 128
"""Tokens; conversations are not cut shorter to save memory."""
PASSING = (
    "disk_full", "missing_library", "model_damaged", "rank_lost", "trainer_error", "trainer_lost", "killed",
    "host_restarted", "launch_failed", "internal_error", "not_started", "away_too_long",
)  # fmt: skip
"""Codes of failures that pass, or that an administrator mends: nothing of the job has to change."""


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """What to train with instead."""

    changes: dict[str, Value]
    """Hyperparameters by name; {} trains again as before."""
    label: Message
    """What the button says."""


def remedy_of(job: FineTuningJob) -> Remedy | None:
    """Return what may well help a failed job; None where its data, its base or a person must change first."""
    if job.status != FineTuningJob.Status.FAILED:
        return None
    remedy = _REMEDIES.get(job.error_code)
    return remedy(job) if remedy is not None else None


@transaction.atomic
def retry_job(*, job: FineTuningJob, by: User | None, may_be_urgent: bool) -> FineTuningJob:
    """Make a new job of a failed one, with its remedy where there is one; UserError where it has not failed."""
    if job.status != FineTuningJob.Status.FAILED:
        raise UserError(message("only_failed_again"), code="job_not_failed")
    remedy = remedy_of(job)
    priority = Priority(job.priority)
    asked = JobRequest(
        model=job.parent.get("name", job.base_model_id),
        training_file=job.training_file_id or "",
        validation_file=job.file_ids.get("validation"),
        hyperparameters={**job.asked, **(remedy.changes if remedy else {})} or None,
        suffix=job.suffix or None,
        metadata=job.metadata,
        accelerators=job.accelerators,
        pool=job.pool.name if job.pool in pools_for(job.team) else None,
        priority=None if priority == Priority.URGENT and not may_be_urgent else priority.word,
        may_be_urgent=may_be_urgent,
    )
    return create_job(team=job.team, by=by, job_request=asked)


def _gentler(job: FineTuningJob) -> Remedy | None:
    if "learning_rate_multiplier" in job.asked:
        name, value = "learning_rate_multiplier", float(str(job.asked["learning_rate_multiplier"]))
    elif "learning_rate" in job.hyperparameters:
        name, value = "learning_rate", float(job.hyperparameters["learning_rate"])
    else:
        return None
    return Remedy(changes={name: float(f"{value / GENTLER:.2g}")}, label=message("again_gentler", factor=GENTLER))


def _smaller(job: FineTuningJob) -> Remedy | None:
    """Save memory: first what changes nothing of the result, last what cuts long conversations."""
    values = cast(Values, job.hyperparameters)
    if not values:
        return None
    per_device = int(values["per_device_train_batch_size"])
    if per_device > 1 and per_device % 2 == 0 and "batch_size" not in job.asked:
        rounds = int(values["gradient_accumulation_steps"])
        changes: dict[str, Value] = {
            "per_device_train_batch_size": per_device // 2,
            "gradient_accumulation_steps": 2 * rounds,
        }
        return Remedy(changes=changes, label=message("again_fewer_at_once"))
    if not values["gradient_checkpointing"]:
        return Remedy(changes={"gradient_checkpointing": True}, label=message("again_recomputing"))
    shorter = int(values["max_seq_len"]) // 2
    if shorter < SHORTEST:
        return None
    return Remedy(changes={"max_seq_len": shorter}, label=message("again_shorter", tokens=shorter))


def _as_before(job: FineTuningJob) -> Remedy:
    return Remedy(changes={}, label=message("again_as_before"))


_REMEDIES: dict[str, Callable[[FineTuningJob], Remedy | None]] = {
    "diverged": _gentler,
    "out_of_memory": _smaller,
    **dict.fromkeys((AWAY, *PASSING), _as_before),
}
"""By a failed job's error code."""
