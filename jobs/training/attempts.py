"""Attempts: the next one is queued, and what an ended one means for its job."""

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from common import log_lines
from compute.models import Run
from compute.services import request_run
from jobs.estimates.estimating import expected_of
from jobs.messages import message
from jobs.models import Attempt, FineTuningJob, JobEvent
from rundir import newest_step
from wording import Message

KIND = "training"
MOST_LOSSES = 3
"""Attempts lost in a row without any new step, after which a job has failed."""


def queue_attempt(job: FineTuningJob, said: Message) -> Attempt:
    """Ask for a Run for the job's next attempt, inside the caller's transaction, which holds the job's lock."""
    expected = expected_of(job)
    if job.queued_at is None:
        job.queued_at = timezone.now()
        FineTuningJob.objects.filter(pk=job.pk).update(queued_at=job.queued_at)
    run = request_run(
        kind=KIND,
        team=job.team,
        pool=job.pool,
        accelerators=job.accelerators,
        kept_accelerators=_devices_before(job),
        priority=job.priority,
        queued_at=job.queued_at,
        user=job.created_by,
        label=label_of(job),
        model=job.base_model_id,
        expected_seconds=expected.seconds,
        expected_accelerators=expected.accelerators,
    )
    number = job.attempts.count() + 1
    attempt = Attempt.objects.create(job=job, number=number, run=run)
    if not job.move(FineTuningJob.Status.QUEUED, said):
        job.record_event(said)  # the attempt before had not begun
    return attempt


def _devices_before(job: FineTuningJob) -> int | None:
    """Return how many devices the last attempt had that trained; None before there was one."""
    last = job.attempts.exclude(started_at=None).order_by("-number").first()
    return last.run.allocations.count() if last is not None else None


def label_of(job: FineTuningJob) -> str:
    """Return what the team calls the job."""
    return job.name or job.suffix or str(job.file_ids.get("training_name") or "") or job.pk


def attempt_of(run: Run) -> Attempt:
    """Return the attempt that `run` is."""
    attempt = Attempt.objects.select_related("job__team", "job__base_model", "run").get(run=run)
    log_lines.add(job=attempt.job_id, attempt=attempt.pk)
    return attempt


def lock_job(job_id: str) -> FineTuningJob:
    """Return the job with its row locked until the transaction ends."""
    return (
        FineTuningJob.objects.select_for_update(of=("self",))
        .select_related("team", "base_model", "pool")
        .get(pk=job_id)
    )


def newest_checkpoint(job: FineTuningJob) -> int | None:
    """Return the step of the newest checkpoint that the next attempt can have: from storage, or this machine's disk."""
    published = job.checkpoints.exclude(published_at=None).aggregate(step=Max("step"))["step"]
    here = [newest_step(attempt.run.directory.checkpoints) for attempt in job.attempts.select_related("run")]
    return max((step for step in (published, *here) if step is not None), default=None)


def queued_again(job: FineTuningJob) -> Message:
    """Say how the job's next attempt begins; a checkpoint is promised only where there is one."""
    if newest_checkpoint(job) is None:
        return message("queued_again_anew")
    return message("queued_again_from_checkpoint")


@transaction.atomic
def close(attempt: Attempt, *, retry_message: Message, pauses: bool = False) -> None:
    """Conclude an attempt that ended without a verdict: do what was requested meanwhile, else queue the next one.

    `pauses`: the job waits for somebody to resume it instead.
    """
    job = close_unless_cancelled(attempt)
    if job is None:
        return
    if pauses and job.pause_requested_at is None:
        job.move(FineTuningJob.Status.PAUSED, retry_message, level="warn", estimated_finish=None)
    elif job.pause_requested_at is not None:
        is_kept = not job.current_step or newest_checkpoint(job) is not None
        job.move(
            FineTuningJob.Status.PAUSED,
            message("paused_after_step", step=job.current_step) if is_kept else message("paused_for_nothing"),
            pause_requested_at=None,
            estimated_finish=None,
        )
    else:
        queue_attempt(job, retry_message)


def close_unless_cancelled(attempt: Attempt) -> FineTuningJob | None:
    """Note that the consequences of an attempt's end are being drawn, and return its job, locked.

    None where none are left to draw: they were drawn before, or the job is over, such as by a request to cancel it.
    """
    job = lock_job(attempt.job_id)
    if not mark_closed(attempt) or job.is_finished:
        return None
    if job.cancel_requested_at is None:
        return job
    job.move(FineTuningJob.Status.CANCELLED, message("job_was_cancelled"))
    return None


def mark_closed(attempt: Attempt) -> bool:
    """Note that an attempt's consequences are being drawn; False when they were. The caller holds the job's lock."""
    closed = Attempt.objects.filter(pk=attempt.pk, closed_at=None).update(closed_at=timezone.now())
    return bool(closed)


def is_hopeless(job: FineTuningJob) -> bool:
    """Whether the last MOST_LOSSES attempts were all lost without reaching a step that was not reached before."""
    attempts = list(job.attempts.select_related("run").order_by("-number"))
    last, earlier = attempts[:MOST_LOSSES], attempts[MOST_LOSSES:]
    if len(last) < MOST_LOSSES or any(attempt.run.outcome != Run.Outcome.LOST for attempt in last):
        return False
    reached_before = max((attempt.reached_step for attempt in earlier), default=0)
    return max(attempt.reached_step for attempt in last) <= reached_before


def keep_place(run: Run, said: Message) -> None:
    """Give the job the place and the priority that an administrator gave its waiting Run, and say so in its events."""
    attempt = Attempt.objects.filter(run=run).first()
    if attempt is None:
        return
    job = lock_job(attempt.job_id)
    FineTuningJob.objects.filter(pk=job.pk).update(queued_at=run.queued_at, priority=run.priority)
    JobEvent.write(job=job, message=said, attempt=attempt)


def note_idle(run: Run, said: Message) -> None:
    """Say in the job's events that its attempt computes nothing."""
    attempt = Attempt.objects.filter(run=run).first()
    if attempt is not None:
        JobEvent.write(job=lock_job(attempt.job_id), message=said, level="warn", attempt=attempt)
