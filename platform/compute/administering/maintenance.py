"""An administrator plans maintenance: what it would be in the way of, said before, and the window itself."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import AuditEvent, User
from common.errors import NotFound, UserError
from compute.messages import message
from compute.models import Maintenance, Node, Pool
from compute.scheduler import Snapshot, Wait, Window, decide
from compute.scheduling.snapshots import take_snapshot
from compute.wakes import wake_scheduler
from wording import Message

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2106, 1, 1, tzinfo=UTC)
"""A moment near the ends of the calendar is stored and cannot be read again."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What a window would do to what runs and waits now."""

    drained: int
    """Runs that should still run when it begins."""
    held_back: int
    """Runs that wait now and would not end before it."""


@transaction.atomic
def plan(
    *,
    begins_at: datetime,
    ends_at: datetime,
    by: User | None,
    node: Node | None = None,
    pool: Pool | None = None,
    reason: str = "",
) -> Maintenance:
    """Plan a window for one node or a whole pool.

    Nothing starts there that would not end before it; what still runs when it begins saves a checkpoint and waits in
    its place in line. Afterwards the nodes get work again by themselves.
    """
    require_window(begins_at, ends_at)
    made = Maintenance.objects.create(
        node=node, pool=pool, begins_at=begins_at, ends_at=ends_at, reason=reason, created_by=by
    )
    AuditEvent.record(actor=by, action="maintenance.planned", target=made.place, **_told(made))
    wake_scheduler()
    return made


@transaction.atomic
def cancel(*, maintenance: Maintenance, by: User | None) -> None:
    """Call a window off; one that goes on ends at once."""
    gone, _ = Maintenance.objects.filter(pk=maintenance.pk).delete()
    if gone:
        AuditEvent.record(
            actor=by, action="maintenance.cancelled", target=maintenance.place, before=_told(maintenance)
        )  # fmt: skip
        wake_scheduler()


def maintenance_named(maintenance_id: str) -> Maintenance:
    coming = Maintenance.objects.to_come().select_related("node", "pool", "created_by")
    found = None if "\0" in maintenance_id else coming.filter(pk=maintenance_id).first()
    if found is None:
        raise NotFound(message("no_such_maintenance", maintenance=maintenance_id[:60]))
    return found


def require_window(begins_at: datetime, ends_at: datetime) -> None:
    """Refuse a window that is none, that is over, or that would leave the calendar in some time zone."""
    if begins_at < EARLIEST or ends_at > LATEST:
        param = "begins_at" if begins_at < EARLIEST else "ends_at"
        raise UserError(message("maintenance_out_of_time"), code="invalid_window", param=param)
    if ends_at <= begins_at:
        raise UserError(message("maintenance_ends_too_early"), code="invalid_window", param="ends_at")
    if ends_at <= timezone.now():
        raise UserError(message("maintenance_is_over"), code="invalid_window", param="ends_at")


def effect_of(*, begins_at: datetime, ends_at: datetime, node: Node | None = None, pool: Pool | None = None) -> Effect:
    """Return what a window would do, as the scheduler itself would decide."""
    require_window(begins_at, ends_at)
    now = take_snapshot(node.pool if node is not None else pool)
    window = Window(begins_at=begins_at.timestamp(), ends_at=ends_at.timestamp())
    closing = {one.node_id for one in now.nodes if node is None or one.node_id == node.pk}
    nodes = [
        replace(one, windows=(*one.windows, window)) if one.node_id in closing else one for one in now.nodes
    ]  # fmt: skip
    drained = [
        held
        for held in now.held
        if held.node_id in closing and not held.stopping and (held.ends_at is None or held.ends_at > window.begins_at)
    ]
    return Effect(drained=len(drained), held_back=len(_held_back(replace(now, nodes=nodes)) - _held_back(now)))


def said_of(effect: Effect) -> Message:
    """Return the effect in sentences."""
    said = []
    if effect.drained:
        said.append(message("runs_stop_for_maintenance", count=effect.drained))
    if effect.held_back:
        said.append(message("runs_wait_for_maintenance", count=effect.held_back))
    return said[0].followed_by(*said[1:]) if said else message("maintenance_is_in_nobodys_way")


def _held_back(snapshot: Snapshot) -> set[str]:
    return {
        one.run_id
        for one in decide(snapshot)
        if isinstance(one, Wait) and one.explanation["code"] in ("maintenance", "before_maintenance")
    }


def _told(maintenance: Maintenance) -> dict[str, Any]:
    return {
        "begins_at": maintenance.begins_at.isoformat(),
        "ends_at": maintenance.ends_at.isoformat(),
        "reason": maintenance.reason,
    }
