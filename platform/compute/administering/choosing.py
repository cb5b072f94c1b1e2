"""Work names its pool: which ones a team may choose from, and whether a model has room there."""

from typing import Any

from django.db.models import Count, Q, Sum

from accounts.models import Team
from common.errors import NotFound, UserError
from compute.messages import message
from compute.models import Node, Pool
from compute.models.shares import DEFAULT_POOL

WEIGHT_BYTES = {"cpu": 4, "cuda": 2}
"""Of a parameter that is not trained."""
GB = 10**9


def pools_for(team: Team) -> list[Pool]:
    """Return the pools that the team's work may name: the default one, and those in which it has a quota."""
    allowed = Q(quotas__team=team) & (Q(quotas__ceiling=None) | Q(quotas__ceiling__gt=0))
    found = Pool.objects.filter(Q(name=DEFAULT_POOL) | allowed).distinct().order_by("pk")
    return list(found) or [Pool.default()]


def pool_for(team: Team, name: Any) -> Pool | None:
    """Return the pool of this name, None for none; UserError says why the team's work cannot go there."""
    if name in (None, ""):
        return None
    found = Pool.objects.filter(name=name).first() if isinstance(name, str) and "\0" not in name else None
    if found is None:
        raise NotFound(message("no_such_pool", pool=str(name)[:60]), code="pool_not_found", param="pool")
    allowed = pools_for(team)
    if found not in allowed:
        refusal = message("no_quota_in_pool", pool=str(found), pools=[one.name for one in allowed])
        raise UserError(refusal, code="no_quota_in_pool", param="pool")
    return found


def require_still_there(pool: Pool | None) -> None:
    """Refuse what was put into a pool while it was deleted: what is stored there would wait for ever.

    Asked in the transaction that has stored it: from then on the pool cannot be deleted.
    """
    if pool is not None and not Pool.objects.filter(pk=pool.pk).exists():
        raise NotFound(message("no_such_pool", pool=pool.name), code="pool_not_found", param="pool")


def require_fit(pool: Pool, *, model: str, parameters: int, accelerators: int | None) -> None:
    """Refuse a pool of which no node has memory for the model's weights, shared by all the accelerators it may have.

    Cores have no memory of their own, and some GPUs do not tell theirs: these are believed.
    """
    usable = Q(devices__healthy=True, devices__present=True)
    nodes = Node.objects.filter(pool=pool).annotate(
        number=Count("devices", filter=usable), memory=Sum("devices__memory_bytes", filter=usable)
    )
    rooms = [
        (node.memory * min(accelerators or node.number, node.number) // node.number, node.kind)
        for node in nodes
        if node.number and node.memory
    ]
    if not rooms:
        return
    most, kind = max(rooms)
    needed = WEIGHT_BYTES[kind] * parameters
    if needed > most:
        refusal = message(
            "model_does_not_fit_pool", model=model, pool=str(pool), needed=-(-needed // GB), most=most // GB
        )
        raise UserError(refusal, code="model_does_not_fit", param="pool")
