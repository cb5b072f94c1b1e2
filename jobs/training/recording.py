"""Stores what a trainer says: job events, progress, checkpoints. A batch that comes twice changes nothing."""

import hashlib
import math
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction

from common.texts import storable, without_folders_inside
from compute.models import Run
from jobs.messages import message
from jobs.models import Attempt, Checkpoint, FineTuningJob, JobEvent
from jobs.training import rehearsals
from jobs.training.attempts import attempt_of, lock_job
from rundir import Event
from wording import Message, as_written

MOST_METRICS = 1000
"""About how many steps of a longer training are kept as events; metrics.csv has all of them."""
OF_CHECKPOINT = ("step", "train_loss", "valid_loss", "valid_mean_token_accuracy")
METRICS = (
    "step",
    "total_steps",
    "train_loss",
    "learning_rate",
    "tokens_per_second",
    "peak_memory_bytes",
    "tokens_so_far",
)
STARTED = (
    "device",
    "device_name",
    "dtype",
    "threads",
    "trainable_parameters",
    "total_parameters",
    "target_modules",
    "zero_stage",
    "world_size",
    "total_steps",
    "resumed_from_step",
)


@transaction.atomic
def record(run: Run, events: list[Event]) -> None:
    """Store `events` of the attempt that `run` is; the caller's transaction moves the byte offset behind them."""
    attempt = attempt_of(run)
    job = lock_job(attempt.job_id)
    for event in events:
        if event.type == "started" and attempt.first_seq is None:
            _note_start(job, attempt, event)
        elif event.type == "checkpoint":
            _note_checkpoint(job, attempt, event)
        elif event.type == "rehearsed":
            rehearsals.note(attempt, event)
        elif event.type == "acceptance":
            FineTuningJob.objects.filter(pk=job.pk).update(verdict=storable(event.data))
    _store(job, attempt, events)
    steps = [event for event in events if event.type == "metrics"]
    if steps:
        _note_progress(job, attempt, steps[-1])


def is_kept(step: int, total_steps: int) -> bool:
    """Whether this step's metrics become an event: every one up to MOST_METRICS steps, beyond that every n-th."""
    every = math.ceil(total_steps / MOST_METRICS)
    return every <= 1 or step % every == 0 or step in (1, total_steps)


def _store(job: FineTuningJob, attempt: Attempt, events: list[Event]) -> None:
    """Append the events that are not there yet, in order."""
    rows = [row for event in events if (row := _row(attempt, event)) is not None]
    there = set(JobEvent.objects.filter(pk__in=[row.pk for row in rows]).values_list("pk", flat=True))
    JobEvent.append(job, [row for row in rows if row.pk not in there])


def _row(attempt: Attempt, event: Event) -> JobEvent | None:
    """Return the job's event for a trainer's event; None for a step that is thinned out, and for a failure.

    What a failure means for the job is recorded when its Run is concluded: its end, or another attempt.

    An attempt's own events begin with `started`. What is said while it loads belongs to the job alone: no more is known
    of the attempt then than its number.
    """
    if event.type == "failed":
        return None
    if event.type == "metrics" and not is_kept(int(event.data["step"]), int(event.data["total_steps"])):
        return None
    has_begun = attempt.resumed_from_step is not None and event.seq >= (attempt.first_seq or 0)
    return JobEvent(
        pk=_event_id(attempt, event.seq),
        attempt=attempt if has_begun else None,
        seq=event.seq if has_begun else None,
        created_at=datetime.fromtimestamp(event.at, UTC),
        level=event.level,
        type=JobEvent.Type.METRICS if event.type == "metrics" else JobEvent.Type.MESSAGE,
        message=_said(event),
        data=storable(_data(attempt, event)),
    )


def _said(event: Event) -> Message:
    """Return what the trainer says, as the database and people take it: nobody vouches for a trainer's parameters."""
    said = storable((event.message or as_written(event.type)).stored())
    return Message.restored(without_folders_inside(said))


def _event_id(attempt: Attempt, seq: int) -> str:
    """Return the same public id however often this event is read."""
    digest = hashlib.sha256(f"{attempt.run_id}:{seq}".encode()).hexdigest()
    return f"ftevent-{digest[:24]}"


def _data(attempt: Attempt, event: Event) -> dict[str, Any]:
    if event.type == "metrics":
        return {name: event.data.get(name) for name in METRICS}
    if event.type == "started":
        return {"attempt": attempt.number, **{name: event.data.get(name) for name in STARTED}}
    if event.type == "acceptance":  # the answers stand in the job's verdict
        return {"attempt": attempt.number, "kind": event.type, "passed": event.data["passed"]}
    return {"attempt": attempt.number, "kind": event.type, **event.data}


def _note_start(job: FineTuningJob, attempt: Attempt, event: Event) -> None:
    attempt.resumed_from_step = int(event.data["resumed_from_step"])
    attempt.world_size = int(event.data["world_size"])
    attempt.first_seq = event.seq
    attempt.started_at = datetime.fromtimestamp(event.at, UTC)
    attempt.save(update_fields=["resumed_from_step", "world_size", "first_seq", "started_at"])
    _compare_devices(attempt)
    total_steps = int(event.data["total_steps"])
    changes: dict[str, Any] = {"total_steps": total_steps, "current_step": attempt.resumed_from_step}
    if job.status == FineTuningJob.Status.QUEUED:
        begun = (
            message("training_goes_on", step=attempt.resumed_from_step)
            if attempt.resumed_from_step
            else message("training_begins")
        )
        job.move(FineTuningJob.Status.RUNNING, begun, started_at=job.started_at or attempt.started_at, **changes)
    else:
        FineTuningJob.objects.filter(pk=job.pk).update(**changes)


def _compare_devices(attempt: Attempt) -> None:
    """Record when a training continues on other devices than before: sums are then added in another order."""
    before = attempt.run.kept_accelerators
    now = attempt.run.allocations.count()
    if attempt.resumed_from_step and before is not None and before != now:
        attempt.job.record_event(message("losses_may_differ", before=before, now=now), level="warn")


def _note_progress(job: FineTuningJob, attempt: Attempt, event: Event) -> None:
    """Move step and predicted end by the newest step."""
    step, total_steps = int(event.data["step"]), int(event.data["total_steps"])
    if step <= attempt.reached_step:
        return
    attempt.reached_step = step
    attempt.save(update_fields=["reached_step"])
    finish = _predicted_end(attempt, event, step, total_steps)
    FineTuningJob.objects.filter(pk=job.pk).update(current_step=step, total_steps=total_steps, estimated_finish=finish)
    Run.objects.filter(pk=attempt.run_id).update(predicted_end_at=finish)


def _predicted_end(attempt: Attempt, event: Event, step: int, total_steps: int) -> datetime | None:
    """Return when the last step should be done at this attempt's pace, checkpoints and validation included."""
    done = step - (attempt.resumed_from_step or 0)
    if attempt.started_at is None or done <= 0:
        return None
    per_step = (event.at - attempt.started_at.timestamp()) / done
    return datetime.fromtimestamp(event.at, UTC) + timedelta(seconds=max(0.0, per_step) * (total_steps - step))


def _note_checkpoint(job: FineTuningJob, attempt: Attempt, event: Event) -> None:
    """Remember a checkpoint.

    One that is published already stays as it is. One that an earlier attempt announced and took with it, before it was
    published, is this attempt's from now on, which has made it anew.
    """
    step = int(event.data["step"])
    metrics = {name: event.data.get(name) for name in OF_CHECKPOINT}
    made = {
        "attempt": attempt,
        "bytes": int(event.data.get("bytes") or 0),
        "metrics": {name: value for name, value in metrics.items() if value is not None},
        "created_at": datetime.fromtimestamp(event.at, UTC),
    }
    checkpoint, is_new = Checkpoint.objects.get_or_create(job=job, step=step, defaults=made)
    if not is_new:
        Checkpoint.objects.filter(pk=checkpoint.pk, published_at=None, attempt__number__lt=attempt.number).update(
            **made
        )
