"""The limit of accelerator-hours: a warning at 80 %, nothing new at 100 %, and some time for what runs.

What is crossed is noted once for that month and limit: a raised limit opens the way again, as a new month does, and
the scheduler need not add up the ledger at every look.
"""

from datetime import date, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from compute.hours.sums import FULL, HOUR, WARNING, notices, used_this_month
from compute.messages import message
from compute.models import HoursNotice, Quota, Run
from compute.services import request_stop
from ledger.days import month_of, today
from webhooks.outbox import announce


def watch_hours() -> None:
    """Note which teams have crossed a mark, and stop what still runs of those whose time for it is over."""
    limited = Quota.objects.exclude(accelerator_hours=None).select_related("team", "pool")
    if not limited:
        return
    used, month = used_this_month(), month_of(today())[0]
    known = set(notices().values_list("team_id", "pool_id", "percent"))
    crossed = [(quota, _mark(quota, used[quota.team_id, quota.pool.name])) for quota in limited]
    for quota, mark in crossed:
        if mark is not None and (quota.team_id, quota.pool_id, mark) not in known:
            _note(quota, mark, month)
    _stop_what_runs()


@transaction.atomic
def _note(quota: Quota, mark: int, month: date) -> None:
    """Note that a mark is crossed, and tell the team's webhooks; nothing where another round was faster."""
    hours = quota.accelerator_hours or 0
    _, is_new = HoursNotice.objects.get_or_create(
        team=quota.team, pool=quota.pool, month=month, hours=hours, percent=mark
    )
    if is_new:
        told = {"id": quota.team.slug, "pool": quota.pool.name, "percent": mark, "hours": hours}
        because = message("hours_mark_crossed", percent=mark, hours=hours, pool=quota.pool.name)
        announce("team.hours_used", quota.team, told, because=because)


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
