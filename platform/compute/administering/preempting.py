"""An administrator preempts what runs: said before what that does, then done."""

from dataclasses import dataclass, replace

from django.db import transaction

from accounts.models import AuditEvent, User
from common.errors import UserError
from compute.administering.queue import run_named
from compute.administering.quotas import starting
from compute.messages import message
from compute.models import Run
from compute.scheduler import decide
from compute.scheduling.snapshots import take_snapshot
from compute.services import request_stop
from compute.work import placed
from wording import Message


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What preempting a Run would do at once."""

    starts: int
    """Runs that wait now and could start instead."""
    is_first: bool
    """It would start again itself: nothing that waits comes before it."""


def effect_of(run: Run) -> Effect:
    """Return what preempting `run` would do, as the scheduler itself would decide."""
    number = run.allocations.filter(released_at=None).count()
    then = take_snapshot(run.pool, queued_again=run.pk)
    line = [
        replace(one, kept_accelerators=number) if one.run_id == run.pk else one
        for one in then.waiting
        if not (run.yields and one.run_id == run.pk)  # it is woken by requests, and not by the queue
    ]
    before, after = starting(decide(take_snapshot(run.pool))), starting(decide(replace(then, waiting=line)))
    return Effect(starts=len(after - before - {run.pk}), is_first=run.pk in after)


def said_of(effect: Effect, run: Run) -> Message:
    """Return the effect in sentences, what becomes of the Run itself first."""
    if run.yields:
        said = message("its_model_will_sleep")
    elif run.preemptible:
        said = message("saves_a_checkpoint_and_waits")
    else:
        said = message("stops_answering_and_waits")
    return said.followed_by(
        message("waiting_runs_can_start", count=effect.starts) if effect.starts else None,
        message("starts_again_at_once") if effect.is_first else None,
    )


@transaction.atomic
def preempt(*, run_id: str, by: User | None) -> Run:
    """Have a Run save a checkpoint and give its devices back; its work waits again in its own place in line."""
    run = Run.objects.select_for_update(of=("self",)).select_related("team").get(pk=run_named(run_id).pk)
    require_running(run)
    before = {"node": run.node.name if run.node else "", "accelerators": run.allocations.count()}
    request_stop(run=run, reason=Run.StopReason.BY_ADMIN)
    AuditEvent.record(actor=by, team=run.team, action="queue.preempted", target=run.label or run.pk, before=before)
    placed(run, message("is_preempted_by_hand"))
    return run_named(run.pk)


def require_running(run: Run) -> None:
    if run.state not in (Run.State.STARTING, Run.State.RUNNING) or run.is_stopping or run.outcome:
        raise UserError(message("runs_no_longer"), code="not_running", status=409)
