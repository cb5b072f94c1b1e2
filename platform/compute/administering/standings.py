"""The standings of teams in a pool: what they hold, borrow, wait for, and have used of the month."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count

from compute.hours.sums import HOUR, held, used_this_month
from compute.models import Allocation, Pool, Quota, Run


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One team in one pool."""

    in_use: int = 0
    """Accelerators that it holds."""
    borrowed: int = 0
    """Of these, beyond its guarantee."""
    waiting: int = 0
    """Runs in the queue."""
    hours_used: float = 0
    """Accelerator-hours of this month, up to now."""
    hours_held: float = 0
    """Accelerator-hours that its Runs are expected to take still."""


def standings(pool: Pool) -> dict[int, Standing]:
    """Return each team's standing in `pool`, in as many queries for many teams as for one; absent: no use at all."""
    guaranteed = dict(Quota.objects.filter(pool=pool).values_list("team_id", "guaranteed"))
    counted = Allocation.objects.filter(released_at=None, run__pool=pool, run__counts_in_quota=True)
    in_use = dict(counted.order_by().values_list("run__team_id").annotate(number=Count("pk")))
    queue = Run.objects.filter(state=Run.State.WAITING, pool=pool)
    waiting = dict(queue.order_by().values_list("team_id").annotate(number=Count("pk")))
    used, holds = used_this_month(), held()
    here = {team_id for team_id, name in (*used, *holds) if name == pool.name}
    return {
        team_id: Standing(
            in_use=in_use.get(team_id, 0),
            borrowed=max(0, in_use.get(team_id, 0) - guaranteed.get(team_id, 0)),
            waiting=waiting.get(team_id, 0),
            hours_used=_hours(used.get((team_id, pool.name))),
            hours_held=_hours(holds.get((team_id, pool.name))),
        )
        for team_id in {*guaranteed, *in_use, *waiting, *here}
    }


def _hours(seconds: Decimal | None) -> float:
    return round(float(seconds or 0) / HOUR, 4)
