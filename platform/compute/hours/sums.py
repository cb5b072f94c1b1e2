"""Accelerator-hours: what Runs have taken of a month, what they hold, and what those that run take meanwhile."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import F, QuerySet, Sum
from django.utils import timezone

from accounts.models import Team
from common.days import beginning
from compute.models import Allocation, HoursNotice, Pool, Quota, Run
from ledger.booking import Account, hold
from ledger.days import by_day, exact_seconds, month_of, next_month, today
from ledger.models import Entry
from ledger.reading import Question, Sums

HOUR = 3600
WARNING, FULL = 80, 100
"""Percent of a month's hours."""

Key = tuple[int, str]
"""Team and pool."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """A Run that holds devices, since when each of them."""

    account: Account
    since: list[datetime]

    def seconds(self, now: datetime) -> Decimal:
        """Return the device-seconds it has taken."""
        return sum((exact_seconds(max(now, begun) - begun) for begun in self.since), Decimal(0))

    @property
    def key(self) -> Key:
        return self.account.team_id, self.account.pool


def running() -> list[Running]:
    """Return what holds devices now."""
    found: dict[str, Running] = {}
    held = Allocation.objects.filter(released_at=None).values_list(  # plain values, as there may be thousands
        "created_at", "run_id", "run__kind", "run__team_id", "run__team__slug", "run__user__email", "run__pool__name",
        "run__model",
    )  # fmt: skip
    for begun, run_id, kind, team_id, team, user, pool, model in held:
        if run_id not in found:
            account = Account(
                run=run_id, kind=kind, team_id=team_id, team=team, user=user or "", pool=pool, model=model
            )
            found[run_id] = Running(account=account, since=[])
        found[run_id].since.append(begun)
    return list(found.values())


def used_this_month(team: Team | None = None) -> defaultdict[Key, Decimal]:
    """Return the device-seconds of the month by team and pool, those of what runs up to now included.

    With `team`, the ledger is read for that one alone.
    """
    first, last = month_of(today())
    entries = Entry.objects.charges().between(first, last)
    if team is not None:
        entries = entries.visible_to(team)
    booked = entries.order_by().values_list("team_id", "pool")
    used: defaultdict[Key, Decimal] = defaultdict(Decimal)
    for team_id, pool, seconds in booked.annotate(sum=Sum("accelerator_seconds")):
        used[team_id, pool] = seconds
    now, began = timezone.now(), beginning(first)
    for run in running():
        used[run.key] += sum((exact_seconds(now - max(began, begun)) for begun in run.since if begun < now), Decimal(0))
    return used


def left_for(team: Team, pool: Pool) -> float | None:
    """Return how many accelerator-hours of the month `team` has left in `pool`; None where there is no limit."""
    limit = Quota.objects.filter(team=team, pool=pool).values_list("accelerator_hours", flat=True).first()
    if limit is None:
        return None
    return max(0.0, limit - float(used_this_month(team)[team.pk, pool.name]) / HOUR)


def held() -> dict[Key, Decimal]:
    """Return by team and pool what is held and not taken yet, of Runs that wait and run."""
    open_runs = Run.objects.filter(state__in=[Run.State.WAITING, Run.State.STARTING, Run.State.RUNNING])
    booked = Entry.objects.holds().filter(run__in=open_runs.values("pk")).order_by().values_list("team_id", "pool")
    left: defaultdict[Key, Decimal] = defaultdict(Decimal)
    for team_id, pool, seconds in booked.annotate(sum=Sum("accelerator_seconds")):
        left[team_id, pool] = seconds
    now, here = timezone.now(), running()
    holds = _holds_of(here)
    for run in here:
        left[run.key] -= min(holds.get(run.account.run, Decimal(0)), run.seconds(now))
    return left


def resets_at() -> datetime:
    """Return when the next month's hours start."""
    return beginning(next_month(today()))


def hold_on() -> None:
    """Hold one more hour for each Run that has used all that was held: its length was unknown, or it runs longer."""
    now, here = timezone.now(), running()
    holds = _holds_of(here)
    for run in here:
        if run.seconds(now) >= holds.get(run.account.run, Decimal(0)):
            _hold_an_hour(run, now)


@transaction.atomic
def _hold_an_hour(run: Running, now: datetime) -> None:
    """Hold, with the Run's row locked: one that ends meanwhile has released its rest, and would hold for ever."""
    holding = Run.objects.filter(pk=run.account.run, state__in=[Run.State.STARTING, Run.State.RUNNING])
    if not holding.select_for_update(of=("self",)).first():
        return
    if run.seconds(now) >= _holds_of([run]).get(run.account.run, Decimal(0)):
        hold(run.account, HOUR * len(run.since))


def notices() -> QuerySet[HoursNotice]:
    """Return what was noted this month of the limits that there are now."""
    return HoursNotice.objects.filter(
        month=month_of(today())[0], team__quotas__pool=F("pool"), team__quotas__accelerator_hours=F("hours")
    )


def notice_for(team: Team) -> HoursNotice | None:
    """Return what a team should know of its hours; None while there is nothing to say."""
    return notices().filter(team=team).order_by("-percent").first()


def running_usage(question: Question) -> Iterable[Sums]:
    """Return what the Runs that hold devices have taken of the days that are asked for; the ledger's source."""
    now = timezone.now()
    for run in running():
        if question.team is not None and run.account.team_id != question.team.pk:
            continue
        for begun in run.since:
            for day, seconds in by_day(begun, now):
                if question.first <= day <= question.last:
                    key = str(day) if question.by == "day" else getattr(run.account, question.by)
                    yield Sums(key=key, accelerator_seconds=seconds)


def _holds_of(runs: Iterable[Running]) -> Mapping[str, Decimal]:
    booked = Entry.objects.holds().filter(run__in=[run.account.run for run in runs]).order_by().values_list("run")
    return dict(booked.annotate(sum=Sum("accelerator_seconds")))


def forecast(seconds: Decimal) -> Decimal:
    """Return what the month adds up to by its end if it continues at its pace so far."""
    first = beginning(month_of(today())[0])
    passed, whole = exact_seconds(timezone.now() - first), exact_seconds(resets_at() - first)
    return seconds * whole / max(passed, Decimal(1))
