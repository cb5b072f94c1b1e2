"""The queue as people see it: what waits, why, and until when; and an administrator's hand in it."""

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import Min, Q
from django.utils import timezone

from accounts.models import AuditEvent, Team, User
from common.errors import NotFound, UserError
from compute.messages import message
from compute.models import Priority, Run, RunForecast, RunQuerySet
from compute.wakes import wake_scheduler
from compute.work import placed


@dataclass(frozen=True, kw_only=True)
class Question:
    """What of the queue somebody asks for."""

    team: Team | None = None
    is_running: bool = False
    """What runs, instead of what waits."""
    kind: str = ""
    priority: Priority | None = None
    pool: str = ""
    find: str = ""
    """Part of what the work is called, of its id, its model or its person."""


def line(question: Question, *, after: str = "") -> RunQuerySet:
    """Return the Runs that wait or run, by priority and place; behind the Run `after` where it is given."""
    found = Run.objects.running().by_place() if question.is_running else Run.objects.waiting()
    found = found.select_related("team", "user", "pool", "forecast", "node")
    if question.team is not None:
        found = found.filter(team=question.team)
    if question.kind:
        found = found.filter(kind=question.kind)
    if question.priority is not None:
        found = found.filter(priority=question.priority)
    if question.pool:
        found = found.filter(pool__name=question.pool)
    if text := question.find:
        found = found.filter(
            Q(label__icontains=text) | Q(pk=text) | Q(model__icontains=text) | Q(user__email__icontains=text)
        )
    if after:
        found = found.filter(_behind(after))
    return found


def _behind(run_id: str) -> Q:
    """Return what comes after a Run, wherever it has got to meanwhile."""
    last = None if "\0" in run_id else Run.objects.filter(pk=run_id).first()
    if last is None:
        raise NotFound(message("no_such_run", run=run_id[:60]), param="after")
    alike = Q(priority=last.priority)
    same_place = alike & Q(queued_at=last.queued_at)
    return (
        Q(priority__lt=last.priority)
        | alike & Q(queued_at__gt=last.queued_at)
        | same_place & Q(created_at__gt=last.created_at)
        | same_place & Q(created_at=last.created_at, pk__gt=last.pk)
    )


@transaction.atomic
def move(*, run_id: str, to: str, by: User | None) -> Run:
    """Move a waiting Run, and the work that it is for, to the front or the back of its priority."""
    run = _lock_waiting(run_id)
    before = run.queued_at
    if to == "front":
        others = Run.objects.filter(state=Run.State.WAITING, pool=run.pool, priority=run.priority).exclude(pk=run.pk)
        first = others.aggregate(first=Min("queued_at"))["first"]
        run.queued_at = min(before, first - timedelta(microseconds=1)) if first is not None else before
    else:
        run.queued_at = timezone.now()
    AuditEvent.record(
        actor=by, team=run.team, action="queue.moved", target=run.label or run.pk,
        before={"queued_at": before.isoformat()}, to=to, queued_at=run.queued_at.isoformat(),
    )  # fmt: skip
    return _place(run, message("moved_to_front" if to == "front" else "moved_to_back"))


@transaction.atomic
def prioritise(*, run_id: str, priority: Priority, by: User | None) -> Run:
    """Give a waiting Run, and the work that it is for, another priority; it keeps its place."""
    run = _lock_waiting(run_id)
    before, run.priority = Priority(run.priority), priority
    AuditEvent.record(
        actor=by, team=run.team, action="queue.prioritised", target=run.label or run.pk,
        before={"priority": before.word}, priority=priority.word,
    )  # fmt: skip
    return _place(run, message("priority_was_set", priority=message(f"priority_{priority.word}")))


def run_named(run_id: str) -> Run:
    runs = Run.objects.select_related("team", "user", "pool", "node")
    found = None if "\0" in run_id else runs.filter(pk=run_id).first()
    if found is None:
        raise NotFound(message("no_such_run", run=run_id[:60]))
    return found


def _lock_waiting(run_id: str) -> Run:
    run = Run.objects.select_for_update(of=("self",)).get(pk=run_named(run_id).pk)
    if run.state != Run.State.WAITING or run.stop_requested_at is not None:
        raise UserError(message("waits_no_longer"), code="not_waiting", status=409)
    return run


def _place(run: Run, said: object) -> Run:
    Run.objects.filter(pk=run.pk).update(queued_at=run.queued_at, priority=run.priority)
    RunForecast.objects.filter(pk=run.pk).delete()  # it was made for another place
    placed(run, said)  # type: ignore[arg-type]
    wake_scheduler()
    return run_named(run.pk)
