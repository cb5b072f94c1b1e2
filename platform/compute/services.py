"""What other apps ask of compute: a Run, its end, a change while it waits, and why it does."""

from datetime import datetime
from typing import TypedDict, Unpack

from django.db import transaction
from django.utils import timezone

from accounts.models import Team, User
from common import tracing
from common.errors import UserError
from compute.beside import NO_DEVICE
from compute.explanations import explained
from compute.messages import message
from compute.models import Pool, Run, RunForecast
from compute.wakes import wake_scheduler
from ledger.booking import hold
from wording import Message


class Asked(TypedDict, total=False):
    """What a Run may ask for; what is left out is the row's default."""

    accelerators: int | None
    """None is "auto": every free one of a node that the quota allows where nobody else waits, else what the team is
    guaranteed, at least `min_accelerators`; work that goes on keeps the number that it had; 0: none (`beside`)."""
    min_accelerators: int | None
    kept_accelerators: int | None
    max_seconds: int | None
    priority: int
    """A higher one comes first, then the place in line."""
    user: User | None
    preemptible: bool
    counts_in_quota: bool
    yields: bool
    expected_seconds: float | None
    """How long it should last on `expected_accelerators`, None where nobody knows: so much is held in the ledger, and
    the line behind it is foretold by it."""


def request_run(
    *,
    kind: str,
    team: Team,
    pool: Pool | None = None,
    queued_at: datetime | None = None,
    label: str = "",
    model: str = "",
    expected_accelerators: int = 1,
    **asked: Unpack[Asked],
) -> Run:
    """Put a Run into the queue, inside the caller's transaction; the scheduler wakes once that has committed.

    `pool` None is the default one, `queued_at` None the end of the line. Work that asks again after a retry, a pause or
    a preemption passes the place that it had.
    """
    accelerators, seconds = asked.get("accelerators"), asked.get("expected_seconds")
    if accelerators is not None and accelerators < NO_DEVICE:
        raise UserError(message("invalid_accelerators", accelerators=accelerators), param="accelerators")
    run = Run.objects.create(
        kind=kind,
        team=team,
        pool=pool or Pool.default(),
        queued_at=queued_at or timezone.now(),
        label=label[:200],
        model=model[:255],
        explanation={"code": "queued"},
        **asked,
        trace=tracing.carried(),
    )
    if seconds:
        hold(run.account, seconds * expected_accelerators)
    wake_scheduler()
    return run


@transaction.atomic
def request_stop(*, run: Run, reason: str) -> bool:
    """Ask the holder of `run` to stop it; one that waits ends without having started.

    The first reason stays, except that a cancellation replaces any other. Returns False when the Run's outcome is
    already decided, so that there is nothing to stop.
    """
    if reason not in Run.StopReason.values:
        raise ValueError(f"{reason!r} is no reason to stop a Run. Known: {', '.join(Run.StopReason.values)}.")
    current = Run.objects.select_for_update(of=("self",)).get(pk=run.pk)
    if current.outcome or current.state in (Run.State.CONCLUDING, Run.State.ENDED):
        run.refresh_from_db()
        return False
    if current.stop_requested_at is None or reason == Run.StopReason.CANCEL:
        requested_at = current.stop_requested_at or timezone.now()
        Run.objects.filter(pk=run.pk).update(stop_requested_at=requested_at, stop_reason=reason)
    run.refresh_from_db()
    wake_scheduler()
    return True


def change_waiting(*, run: Run, accelerators: int | None, priority: int) -> None:
    """Have a waiting Run, whose row the caller has locked, ask for other accelerators or another priority."""
    if accelerators is not None and accelerators < 1:
        raise UserError(message("invalid_accelerators", accelerators=accelerators), param="accelerators")
    Run.objects.filter(pk=run.pk).update(accelerators=accelerators, priority=priority)
    RunForecast.objects.filter(pk=run.pk).delete()  # it was made for something else
    wake_scheduler()


def set_idle(*, run: Run, since: datetime | None, yields: bool | None = None) -> None:
    """Note since when a yielding Run has had nothing to do; None: it is busy and does not give way.

    `yields` makes it one that does, or does not.
    """
    run.idle_since, run.yields = since, run.yields if yields is None else yields
    Run.objects.filter(pk=run.pk).update(idle_since=since, yields=run.yields)
    if since is not None and Run.objects.waiting().exists():
        wake_scheduler()


def explain(run: Run) -> Message | None:
    """Return why `run` waits; None once it has started."""
    is_brought_something = run.state == Run.State.STARTING and "code" in run.explanation
    return explained(run.explanation) if run.state == Run.State.WAITING or is_brought_something else None
