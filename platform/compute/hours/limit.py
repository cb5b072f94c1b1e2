"""The limit of accelerator-hours: a warning at 80 %, nothing new at 100 %, and some time for what runs.

What is crossed is noted once for that month and limit: a raised limit opens the way again, as a new month does, and
the scheduler need not add up the ledger at every look.
"""

from datetime import timedelta
from decimal import Decimal

from django.conf import settings
from django.utils import timezone

from compute.hours.sums import FULL, HOUR, WARNING, notices, used_this_month
from compute.models import HoursNotice, Quota, Run
from compute.services import request_stop
from ledger.days import month_of, today


def watch_hours() -> None:
    """Note which teams have crossed a mark, and stop what still runs of those whose time for it is over."""
    limited = Quota.objects.exclude(accelerator_hours=None).select_related("pool")
    if not limited:
        return
    used, month = used_this_month(), month_of(today())[0]
    known = set(notices().values_list("team_id", "pool_id", "percent"))
    crossed = [(quota, _mark(quota, used[quota.team_id, quota.pool.name])) for quota in limited]
    HoursNotice.objects.bulk_create(
        [
            HoursNotice(
                team_id=quota.team_id, pool=quota.pool, month=month, hours=quota.accelerator_hours or 0, percent=mark
            )
            for quota, mark in crossed
            if mark is not None and (quota.team_id, quota.pool_id, mark) not in known
        ],
        ignore_conflicts=True,  # another round was faster
    )
    _stop_what_runs()


def _mark(quota: Quota, used: Decimal) -> int | None:
    """Return the highest mark that a team has crossed, in percent."""
    hours = quota.accelerator_hours or 0
    return next((mark for mark in (FULL, WARNING) if used * 100 >= mark * HOUR * hours), None)


def _stop_what_runs() -> None:
    """Have Runs end whose team has no hours left; a training writes a checkpoint and waits for the next month."""
    since = timezone.now() - timedelta(seconds=settings.HOURS_GRACE_SECONDS)
    for notice in notices().filter(percent=FULL, at__lte=since):
        running = Run.objects.live().filter(team=notice.team_id, pool=notice.pool_id, counts_in_quota=True)
        for run in running.filter(stop_requested_at=None, outcome=""):
            request_stop(run=run, reason=Run.StopReason.HOURS)
