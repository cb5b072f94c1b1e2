"""What teams have used of a pool, decayed: kept beside the allocations, so that no look at the queue adds them up."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from compute.models import Allocation, Pool, TeamUsage
from compute.scheduler.usage import decayed, with_use

HORIZON = 4 * 3600.0
"""Seconds for which devices that a team holds count as used already: who has just got some waits for others."""
ROUND = timedelta(seconds=10)
"""The least time between two updates of the sums."""


def usage_of(pool: Pool) -> dict[int, float]:
    """Return the decayed device-seconds of each team, as they were brought up to date last."""
    return dict(TeamUsage.objects.filter(pool=pool).values_list("team_id", "decayed"))


def enter_usage(pool: Pool, now: datetime) -> None:
    """Bring the sums up to date; the caller holds the scheduler's lock."""
    rows = TeamUsage.objects.filter(pool=pool)
    known = {row.team_id: row.decayed for row in rows}
    half_life = settings.FAIR_SHARE_HALF_LIFE_SECONDS
    since = max((row.at for row in rows), default=now - timedelta(seconds=half_life))
    if known and now - since < ROUND:
        return
    usage = with_use(
        decayed(known, seconds=(now - since).total_seconds(), half_life=half_life), _used(pool, since, now)
    )
    TeamUsage.objects.bulk_create(
        [TeamUsage(team_id=team_id, pool=pool, decayed=used, at=now) for team_id, used in usage.items()],
        update_conflicts=True,
        unique_fields=["team", "pool"],
        update_fields=["decayed", "at"],
    )


def _used(pool: Pool, since: datetime, now: datetime) -> list[tuple[int, float]]:
    """Return (team, device-seconds) of each allocation's part between two moments."""
    counted = Allocation.objects.filter(run__pool=pool, run__counts_in_quota=True, created_at__lt=now)
    lately = counted.filter(Q(released_at=None) | Q(released_at__gt=since))
    return [
        (team_id, max(0.0, (min(released_at or now, now) - max(created_at, since)).total_seconds()))
        for team_id, created_at, released_at in lately.values_list("run__team_id", "created_at", "released_at")
    ]
