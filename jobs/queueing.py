"""A job in the queue: its place, why it waits, when it should start, what would help, and doing that."""

from datetime import datetime
from typing import Any, TypedDict

from django.db import transaction

from accounts.models import AuditEvent, User
from accounts.roles import require_own
from common.errors import UserError
from common.wording import in_words, on_the_wire
from compute import services as compute
from compute.forecasting.helping import helps
from compute.forecasting.lines import outlook
from compute.messages import message as compute_message
from compute.models import Run
from jobs.messages import message
from jobs.models import FineTuningJob
from jobs.services import parse_accelerators, parse_priority
from jobs.training.attempts import lock_job


class WhatIfObject(TypedDict):
    """A change that would let the job start sooner, and when."""

    change: dict[str, str | int]
    message: str
    eta_low: int
    eta_high: int


class QueueObject(TypedDict):
    """Where a job stands in line; everything is null once it runs, or before it waits for accelerators."""

    position: int | None
    code: str | None
    params: dict[str, object] | None
    message: str | None
    blockers: list[str] | None
    eta_low: int | None
    eta_high: int | None
    what_if: list[WhatIfObject] | None


NOWHERE = QueueObject(
    position=None, code=None, params=None, message=None, blockers=None, eta_low=None, eta_high=None, what_if=None
)


def queue_of(job: FineTuningJob) -> QueueObject:
    """Return the place of `job`, why it waits, when it should start and what would help."""
    run = waiting_run(job)
    if run is None:
        return NOWHERE
    found = outlook(run)
    return {
        "position": found.position if found is not None else Run.objects.waiting_before(run) + 1,
        **on_the_wire(compute.explain(run)),
        "blockers": _names(run, found.blockers) if found is not None else [],
        "eta_low": _seconds(found.low_at) if found is not None else None,
        "eta_high": _seconds(found.high_at) if found is not None else None,
        "what_if": [
            {
                "change": one["change"],
                "message": in_words(helps(one, run=run, kind=str(run.explanation.get("kind", "cpu")))),
                "eta_low": int(one["low"]),
                "eta_high": int(one["high"]),
            }
            for one in (found.what_if if found is not None else [])
        ],
    }


def waiting_run(job: FineTuningJob) -> Run | None:
    """Return the job's Run while it waits for accelerators."""
    if job.status != FineTuningJob.Status.QUEUED:
        return None
    attempt = job.newest_attempt
    is_waiting = attempt is not None and attempt.run.state == Run.State.WAITING
    return attempt.run if attempt is not None and is_waiting and not attempt.run.is_stopping else None


@transaction.atomic
def change_queued(*, job: FineTuningJob, by: User | None, may_be_urgent: bool, **asked: Any) -> FineTuningJob:
    """Have a job that waits ask for other `accelerators`, or another `priority`; it keeps its place in line.

    What `asked` does not name stays as it is.
    """
    # A supervisor locks the Run before the job, and two orders would be a deadlock.
    run = _lock_waiting(job)
    job = lock_job(job.pk)
    require_own(by=by, team=job.team, author_id=job.created_by_id)
    before: dict[str, int | None] = {"accelerators": job.accelerators, "priority": job.priority}
    changes = dict(before)
    if "accelerators" in asked:
        if job.current_step:
            raise UserError(message("job_keeps_its_accelerators"), code="job_has_begun", param="accelerators")
        changes["accelerators"] = parse_accelerators(asked["accelerators"])
    if "priority" in asked:
        changes["priority"] = parse_priority(asked["priority"], may_be_urgent=may_be_urgent)
    compute.change_waiting(run=run, **changes)  # type: ignore[arg-type]
    FineTuningJob.objects.filter(pk=job.pk).update(**changes)
    AuditEvent.record(actor=by, team=job.team, action="job.queued_otherwise", target=job.pk, before=before, **changes)
    job.refresh_from_db()
    return job


def _lock_waiting(job: FineTuningJob) -> Run:
    run = waiting_run(job)
    locked = Run.objects.select_for_update(of=("self",)).filter(pk=run.pk, state=Run.State.WAITING) if run else None
    found = locked.first() if locked is not None else None
    if found is None or found.is_stopping:
        raise UserError(compute_message("waits_no_longer"), code="job_not_waiting", status=409)
    return found


def _names(run: Run, blockers: list[str]) -> list[str]:
    """Return what is in the way: the team's own work by name, the rest as "another team"."""
    found = Run.objects.filter(pk__in=blockers).exclude(state=Run.State.ENDED)
    by_id = {one.pk: one for one in found}
    names = [
        by_id[one].label or one if by_id[one].team_id == run.team_id else in_words(compute_message("another_team"))
        for one in blockers
        if one in by_id
    ]
    return list(dict.fromkeys(names))


def _seconds(moment: datetime | None) -> int | None:
    return int(moment.timestamp()) if moment is not None else None
