"""An administrator takes a node out of service, and back into it."""

from collections.abc import Callable
from typing import Literal, TypedDict

from django.db import transaction

from accounts.models import AuditEvent, User
from common.errors import NotFound
from compute.messages import message
from compute.models import Node, Pool, Run
from compute.scheduling.rounds import lock_the_line
from compute.services import request_stop
from compute.wakes import wake_scheduler


class NodeInService(TypedDict):
    """Whether a node gets new work, and how many Runs it still has."""

    object: Literal["node"]
    name: str
    pool: str
    draining: bool
    runs: int


def node_named(name: str) -> Node:
    node = None if "\0" in name else Node.objects.filter(name=name).first()
    if node is None:
        raise NotFound(message("no_such_node", node=name[:100]))
    return node


def pool_named(name: str) -> Pool:
    pool = None if "\0" in name else Pool.objects.filter(name=name).first()
    if pool is None:
        raise NotFound(message("no_such_pool", pool=name[:60]))
    return pool


def lock_pool(pool: Pool) -> Pool:
    """Return the pool with its row locked; NotFound where it was deleted meanwhile."""
    locked = Pool.objects.select_for_update().filter(pk=pool.pk).first()
    if locked is None:
        raise NotFound(message("no_such_pool", pool=pool.name))
    return locked


def state_of(node: Node) -> NodeInService:
    runs = Run.objects.live().filter(node=node).count()
    return {"object": "node", "name": node.name, "pool": node.pool.name, "draining": node.draining, "runs": runs}


@transaction.atomic
def cordon(*, node: Node, by: User | None) -> None:
    """Give the node no new work; what runs there goes on to its end."""
    _switch(node, is_closed=True, action="node.cordoned", by=by)


@transaction.atomic
def drain(*, node: Node, by: User | None) -> None:
    """Give the node no new work, and have what runs there save a checkpoint and queue again in its place in line."""
    lock_the_line()  # nothing is being started there meanwhile
    running = Run.objects.filter(node=node, state__in=[Run.State.STARTING, Run.State.RUNNING], outcome="")
    asked = list(running.filter(stop_requested_at=None).order_by("pk"))
    _switch(node, is_closed=True, action="node.drained", by=by, asked=len(asked))
    for run in asked:
        request_stop(run=run, reason=Run.StopReason.DRAIN)


@transaction.atomic
def uncordon(*, node: Node, by: User | None) -> None:
    """Give the node work again."""
    _switch(node, is_closed=False, action="node.uncordoned", by=by)
    wake_scheduler()


ACTIONS: dict[str, Callable[..., None]] = {"cordon": cordon, "drain": drain, "uncordon": uncordon}


def _switch(node: Node, *, is_closed: bool, action: str, by: User | None, asked: int = 0) -> None:
    was_closed = Node.objects.select_for_update(of=("self",)).get(pk=node.pk).draining
    node.draining = is_closed
    if was_closed == is_closed and not asked:
        return
    Node.objects.filter(pk=node.pk).update(draining=is_closed)
    before, after = {"draining": was_closed}, {"draining": is_closed, **({"stopped": asked} if asked else {})}
    AuditEvent.record(actor=by, action=action, target=node.name, before=before, **after)  # type: ignore[arg-type]
