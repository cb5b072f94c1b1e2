"""An administrator makes and deletes pools and moves nodes between them; what a move would do is said before."""

from dataclasses import dataclass, replace
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import AuditEvent, User
from common.errors import UserError
from compute.administering.nodes import lock_pool, state_of
from compute.administering.quotas import devices_in, guaranteed_in, starting
from compute.messages import message
from compute.models import Maintenance, Node, Pool, Quota, Run
from compute.models.shares import DEFAULT_POOL
from compute.scheduler import decide
from compute.scheduling.rounds import lock_the_line
from compute.scheduling.snapshots import take_snapshot
from compute.wakes import wake_scheduler
from compute.work import bound_to
from wording import Message

LONGEST_NAME, LONGEST_TITLE = 60, 100
NAMED = 5
"""So many nodes or teams are named in a refusal."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What moving a node would do."""

    left: int
    """Devices that its pool has without it."""
    there: int
    """Devices that the other pool has with it."""
    starts: int
    """Runs that wait there now and could start on it."""


def create_pool(*, name: str, by: User | None, title: str = "", overcommit: bool = False) -> Pool:
    """Make an empty pool: `name` is what it is called in addresses, jobs and the ledger, for good.

    Under the name of a deleted one it is that pool again, with the hours that the ledger knows of it.
    """
    try:
        validate_slug(name)
    except ValidationError:
        raise UserError(message("pool_name_invalid"), code="invalid_name", param="name") from None
    _require_short(name, title)
    try:
        with transaction.atomic():
            there = {"title": title, "overcommit": overcommit, "deleted_at": None}
            if not Pool.with_deleted.filter(name=name).exclude(deleted_at=None).update(**there):
                Pool.objects.create(name=name, **there)
            AuditEvent.record(actor=by, action="pool.created", target=name, title=title, overcommit=overcommit)
    except IntegrityError:
        raise UserError(message("pool_name_taken", pool=name), code="name_taken", param="name", status=409) from None
    return Pool.objects.get(name=name)


def _require_short(name: str, title: str) -> None:
    if len(name) > LONGEST_NAME or len(title) > LONGEST_TITLE:
        refusal = message("pool_name_too_long", most=LONGEST_NAME, title=LONGEST_TITLE)
        raise UserError(refusal, code="invalid_name", param="name" if len(name) > LONGEST_NAME else "title")


@transaction.atomic
def change_pool(*, pool: Pool, by: User | None, title: str | None = None, overcommit: bool | None = None) -> Pool:
    """Call a pool otherwise, or let its guarantees add up to more than it has; None leaves each as it is."""
    _require_short(pool.name, title or "")
    pool = lock_pool(pool)
    asked = {"title": title, "overcommit": overcommit}
    changes: dict[str, Any] = {
        name: value for name, value in asked.items() if value is not None and value != getattr(pool, name)
    }
    if not changes:
        return pool
    if changes.get("overcommit") is False:
        guaranteed, total = guaranteed_in(pool), devices_in(pool)
        if total and guaranteed > total:
            refusal = message("guarantees_beyond_pool", guaranteed=guaranteed, total=total)
            raise UserError(refusal, code="guarantees_beyond_pool", param="overcommit")
    before = {name: getattr(pool, name) for name in changes}
    for name, value in changes.items():
        setattr(pool, name, value)
    pool.save(update_fields=list(changes))
    AuditEvent.record(actor=by, action="pool.changed", target=pool.name, before=before, **changes)
    return pool


@transaction.atomic
def delete_pool(*, pool: Pool, by: User | None) -> None:
    """Delete a pool in which there is nothing: no node, no quota and no work that is still to be done there."""
    lock_the_line()
    pool = lock_pool(pool)  # what is put into it meanwhile asks afterwards whether it is still there
    _require_empty(pool)
    Quota.objects.filter(pool=pool).delete()
    Maintenance.objects.filter(pool=pool).delete()
    pool.deleted_at = timezone.now()
    pool.save(update_fields=["deleted_at"])
    before = {"title": pool.title, "overcommit": pool.overcommit}
    AuditEvent.record(actor=by, action="pool.deleted", target=pool.name, before=before)


def _require_empty(pool: Pool) -> None:
    """Refuse with the first thing that is in the way, and what to do about it."""
    if pool.name == DEFAULT_POOL:
        raise UserError(message("default_pool_stays", pool=str(pool)), code="default_pool", status=409)
    nodes = list(pool.nodes.order_by("name").values_list("name", flat=True))
    quotas = Quota.objects.filter(pool=pool).exclude(guaranteed=0, ceiling=0).order_by("team__name")
    teams = list(quotas.values_list("team__name", flat=True))
    refusals = {
        "pool_has_nodes": (len(nodes), nodes),
        "pool_has_quotas": (len(teams), teams),
        "pool_has_runs": (Run.objects.unfinished().filter(pool=pool).count(), []),
        "pool_is_named": (bound_to(pool), []),
    }
    for code, (count, names) in refusals.items():
        if count:
            shown = [*names[:NAMED], *(["…"] if len(names) > NAMED else [])]
            refusal = message(code, count=count, pool=str(pool), **({"names": shown} if names else {}))
            raise UserError(refusal, code="pool_not_empty", status=409)


@transaction.atomic
def move_node(*, node: Node, pool: Pool, by: User | None) -> None:
    """Give a node on which nothing runs to another pool."""
    lock_the_line()  # nothing is being started there meanwhile
    node = Node.objects.select_for_update(of=("self",)).select_related("pool").get(pk=node.pk)
    if node.pool_id == pool.pk:
        return
    lock_pool(node.pool)  # guarantees are added up
    lock_pool(pool)
    require_movable(node)
    before = {"pool": node.pool.name}
    Node.objects.filter(pk=node.pk).update(pool=pool)
    AuditEvent.record(actor=by, action="node.moved", target=node.name, before=before, pool=pool.name)
    wake_scheduler()


def require_movable(node: Node) -> None:
    """Refuse while something runs on the node, and where its pool could no longer keep what it guarantees."""
    if running := state_of(node)["runs"]:
        raise UserError(message("node_is_busy", node=node.name, count=running), code="node_busy", status=409)
    guaranteed, left = guaranteed_in(node.pool), devices_in(node.pool) - _num_devices(node)
    if guaranteed > left and not node.pool.overcommit:
        refusal = message(
            "guarantees_beyond_what_is_left", node=node.name, pool=str(node.pool), guaranteed=guaranteed, total=left
        )
        raise UserError(refusal, code="guarantees_beyond_pool", param="pool", status=409)


def move_effect(*, node: Node, pool: Pool) -> Effect:
    """Return what moving `node` would do, as the scheduler itself would decide."""
    is_there = node.pool_id == pool.pk
    number, now = 0 if is_there else _num_devices(node), take_snapshot(pool)
    moved = [] if is_there else [one for one in take_snapshot(node.pool).nodes if one.node_id == node.pk]
    then = replace(now, nodes=[*now.nodes, *moved])
    return Effect(
        left=devices_in(node.pool) - number,
        there=devices_in(pool) + number,
        starts=len(starting(decide(then)) - starting(decide(now))),
    )


def said_of_move(effect: Effect, *, node: Node, pool: Pool) -> Message:
    """Return the effect in sentences."""
    return message("pool_will_have", pool=str(node.pool), count=effect.left).followed_by(
        message("pool_will_have", pool=str(pool), count=effect.there),
        message("waiting_runs_can_start", count=effect.starts) if effect.starts else None,
    )


def _num_devices(node: Node) -> int:
    return node.devices.filter(healthy=True, present=True).count()
