"""When waiting Runs should start: ranges from the scheduler's own future, stored beside them, compared with the truth.

The first Runs in line get a range in a task of the control worker, every few seconds while anything waits; those behind
them a coarser one, every minute. Where the line is short a page may ask for it at once. What would help is simulated
only for Runs that somebody looks at.
"""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypedDict

from django.db.models import QuerySet
from django.utils import timezone

from common.wake import wake
from compute.models import Pool, Priority, Run
from compute.models.forecasts import REMEMBERED, RunForecast, WhatIf
from compute.scheduler import Snapshot, Start, Wait, Waiting, decide
from compute.scheduling.snapshots import take_snapshot
from compute.simulation.coarse import coarse_forecast
from compute.simulation.engine import Costs
from compute.simulation.forecasts import Bounds, Expected, Forecast, Range, Spread, forecast, learned
from compute.wakes import FORECAST
from compute.work import pausable

FIRST = 100
"""How many in line are simulated on their nodes; for those behind them devices are only counted."""
SHORT = 30
"""The longest queue that is simulated while a page waits."""
LOOKED_AT = timedelta(seconds=60)
MOST_LOOKED_AT = 10
"""Runs for which what would help is simulated in one round."""
COSTS = Costs(checkpoint=20.0)
ROUND = Bounds(futures=12, passes=400, seconds=4.0)
BEHIND = Bounds(futures=8, seconds=4.0)
BEHIND_EVERY = timedelta(seconds=60)
AT_ONCE = Bounds(futures=8, passes=100, seconds=0.3)
HELP = Bounds(futures=6, passes=100, seconds=0.2)
COLUMNS = ["position", "low_at", "high_at", "made_at"]
LENGTH = ("kind", "expected_seconds", "predicted_end_at")
SOONER = 0.8
"""A change helps when its middle is at most this share of what it is without it."""
SOONER_SECONDS = 30.0
"""And by at least so much."""
MOST_BLOCKERS = 5


class HowOften(TypedDict):
    """How often the first range of a Run held, of the newest ones that have started."""

    ranges: int
    held: int
    share: float | None


@dataclass(frozen=True, kw_only=True)
class _Line:
    """The queue as one round sees it."""

    snapshot: Snapshot
    """With the first Runs alone."""
    whole: Snapshot
    order: list[str]
    """All Runs, as the scheduler would take them."""
    positions: dict[str, int]
    expected: dict[str, Expected]
    spread: Spread
    now: datetime


def outlook(run: Run) -> RunForecast | None:
    """Return when `run` should start and what would help, at most a few seconds old where the line is short.

    None when it does not wait, or when its round has not come yet.
    """
    if run.state != Run.State.WAITING or run.stop_requested_at is not None:
        return None
    found = RunForecast.objects.filter(run=run).first()
    if found is not None and found.is_fresh and found.asked_at is not None:
        return found
    RunForecast.objects.filter(run=run).update(asked_at=timezone.now())
    if Run.objects.waiting().filter(pool=run.pool_id)[: SHORT + 1].count() <= SHORT:
        forecast_line(run.pool, looked_at=[run.pk], bounds=AT_ONCE)
        return RunForecast.objects.filter(run=run).first()
    wake(FORECAST)
    return found


def forecast_lines() -> int:
    """Store the places of Runs in each pool's line and when they should start; return of how many."""
    RunForecast.objects.note_starts()
    return sum(forecast_line(pool) for pool in Pool.objects.order_by("pk"))


def forecast_line(pool: Pool, *, looked_at: Iterable[str] = (), bounds: Bounds = ROUND) -> int:
    """Store the places of Runs in a pool's line and when they should start; return of how many."""
    if not Run.objects.waiting().filter(pool=pool).exists():
        return 0
    line = _line(pool)
    if line is None:
        return 0
    watched = [one.run_id for one in line.snapshot.waiting]
    found = forecast(
        line.snapshot, line.expected, watched=watched, spread=line.spread, costs=COSTS, bounds=bounds, decide=decide
    )
    asked = {*looked_at, *_looked_at(watched)}
    rows = [_row(line, found, run_id, is_asked=run_id in asked) for run_id in sorted(watched)]
    known = set(RunForecast.objects.filter(pk__in=watched, near_at__isnull=False).values_list("pk", flat=True))
    columns = [*COLUMNS, "blockers", "what_if"]
    _store([row for row in rows if row.run_id in known], columns)
    _store([row for row in rows if row.run_id not in known], [*columns, "near_at", "near_high", "near_futures"])
    return len(rows) + _forecast_behind(pool, line)


def _forecast_behind(pool: Pool, line: _Line) -> int:
    """Store a coarse range for each Run behind the first, unless that was done a moment ago; return of how many."""
    behind = line.order[FIRST:]
    far = RunForecast.objects.filter(run__pool=pool, run__state=Run.State.WAITING, position__gt=FIRST)
    if not behind or far.filter(made_at__gt=line.now - BEHIND_EVERY).exists():
        return 0
    spread = _spread(is_coarse=True)
    runs = Run.objects.waiting().filter(pool=pool).only("state", "started_at", *LENGTH)
    expected = {**line.expected, **_expected(runs, line.now)}
    ranges = coarse_forecast(line.whole, expected, spread=spread, bounds=BEHIND).ranges
    _store([_foretold(line, run_id, ranges.get(run_id), spread, is_coarse=True) for run_id in sorted(behind)], COLUMNS)
    return len(behind)


def _store(rows: Sequence[RunForecast], columns: Sequence[str]) -> None:
    """Write what is new of each, and all of those that nothing was foretold of yet."""
    RunForecast.objects.bulk_create(
        rows, batch_size=2000, update_conflicts=True, unique_fields=["run"], update_fields=columns
    )


def how_often() -> HowOften:
    """Return how often ranges held that should hold in 80 of 100 cases."""
    newest = list(RunForecast.objects.answered().values_list("pk", flat=True)[:REMEMBERED])
    held = RunForecast.objects.held().filter(pk__in=newest).count()
    return {"ranges": len(newest), "held": held, "share": round(held / len(newest), 3) if newest else None}


def _line(pool: Pool) -> _Line | None:
    """Look at a pool's queue; None when nothing waits."""
    snapshot = take_snapshot(pool)
    holding = {held.run_id for held in snapshot.held}
    order = [one.run_id for one in decide(snapshot) if isinstance(one, Start | Wait) and one.run_id not in holding]
    if not order:
        return None
    positions = {run_id: number for number, run_id in enumerate(order, 1)}
    near = set(order[:FIRST])
    first = replace(snapshot, waiting=[one for one in snapshot.waiting if one.run_id in near])
    runs = Run.objects.in_bulk([*holding, *order[:FIRST]])
    now = timezone.now()
    return _Line(
        snapshot=first,
        whole=snapshot,
        order=order,
        positions=positions,
        expected=_expected(runs.values(), now),
        spread=_spread(is_coarse=False),
        now=now,
    )


def _expected(runs: Iterable[Run], now: datetime) -> dict[str, Expected]:
    """Return how long Runs should last, of those about which anything is known."""
    expected: dict[str, Expected] = {}
    usual: dict[str, float | None] = {}
    for run in runs:
        since = (now - run.started_at).total_seconds() if run.started_at and run.state != Run.State.WAITING else 0.0
        if run.predicted_end_at is not None and since:
            expected[run.pk] = Expected(seconds=(run.predicted_end_at - now).total_seconds(), since=since)
            continue
        if run.expected_seconds is None and run.kind not in usual:
            usual[run.kind] = _usual(run.kind)
        whole = run.expected_seconds or usual.get(run.kind)
        if whole is not None:
            expected[run.pk] = Expected(seconds=whole - since, since=since)
    return expected


def _usual(kind: str) -> float | None:
    """Return how long Runs of a kind that ends on its own have lasted lately; None where there were none."""
    seconds = [(ended - started).total_seconds() for started, ended, _ in _lengths().filter(kind=kind)[:REMEMBERED]]
    return statistics.median(seconds) if seconds else None


def _lengths() -> "QuerySet[Run, tuple[Any, Any, float | None]]":
    ended = Run.objects.filter(outcome=Run.Outcome.SUCCEEDED, started_at__isnull=False, ended_at__isnull=False)
    return ended.order_by("-ended_at").values_list("started_at", "ended_at", "expected_seconds")


def _spread(*, is_coarse: bool) -> Spread:
    """Return what the newest pairs of predicted and actual teach, of lengths and of starts."""
    lengths = [
        (float(expected or 0), (ended - started).total_seconds())
        for started, ended, expected in _lengths().filter(expected_seconds__gt=0)[:REMEMBERED]
    ]
    now = timezone.now()
    first = ("futures", "predicted_at") if is_coarse else ("near_futures", "near_at")
    told = RunForecast.objects.telling(is_coarse=is_coarse).values_list(*first, "actual_at")[:REMEMBERED]
    ranges = [
        (Range(low=futures[0], middle=futures[1], high=futures[2]), ((actual or now) - predicted).total_seconds())
        for futures, predicted, actual in told
        if futures is not None
    ]
    return learned(lengths, ranges)


def _looked_at(watched: Sequence[str]) -> list[str]:
    lately = RunForecast.objects.filter(pk__in=watched, asked_at__gte=timezone.now() - LOOKED_AT)
    return list(lately.order_by("-asked_at").values_list("pk", flat=True)[:MOST_LOOKED_AT])


def _row(line: _Line, found: Forecast, run_id: str, *, is_asked: bool) -> RunForecast:
    raw = found.ranges.get(run_id)
    row = _foretold(line, run_id, raw, line.spread, is_coarse=False)
    row.blockers = _blockers(line.snapshot, run_id, found.devices.get(run_id, ()))
    row.what_if = _what_if(line, run_id, raw) if is_asked else []
    row.asked_at = line.now if is_asked else None
    row.near_at, row.near_high, row.near_futures = row.predicted_at, row.predicted_high, row.futures
    return row


def _foretold(line: _Line, run_id: str, raw: Range | None, spread: Spread, *, is_coarse: bool) -> RunForecast:
    low, high = _moments(line, raw.spread(spread)) if raw is not None else (None, None)
    return RunForecast(
        run_id=run_id,
        position=line.positions[run_id],
        low_at=low,
        high_at=high,
        made_at=line.now,
        predicted_at=line.now,
        predicted_low=low,
        predicted_high=high,
        futures=[raw.low, raw.middle, raw.high] if raw is not None else None,
        is_coarse=is_coarse,
    )


def _moments(line: _Line, found: Range) -> tuple[datetime, datetime]:
    return line.now + timedelta(seconds=found.low), line.now + timedelta(seconds=found.high)


def _blockers(snapshot: Snapshot, run_id: str, devices: tuple[int, ...]) -> list[str]:
    """Return the Runs on the devices that it will have; where those are free, what of its team's fills the quota."""
    wanted = set(devices)
    holders = [held.run_id for held in snapshot.held if wanted & set(held.device_ids)]
    if not holders:
        team = next(one.team_id for one in snapshot.waiting if one.run_id == run_id)
        holders = [held.run_id for held in snapshot.held if held.team_id == team and held.counts_in_quota]
    return holders[:MOST_BLOCKERS]


def _what_if(line: _Line, run_id: str, raw: Range | None) -> list[WhatIf]:
    """Return the changes that let a Run start clearly sooner; each was simulated."""
    found: list[WhatIf] = []
    for change, name, idle_seconds, snapshot in _changes(line, run_id):
        seen = forecast(
            snapshot, line.expected, watched=[run_id], spread=line.spread, costs=COSTS, bounds=HELP, decide=decide
        ).ranges.get(run_id)
        if seen is None or not _is_sooner(seen, raw):
            continue
        low, high = _moments(line, seen.spread(line.spread))
        found.append(
            WhatIf(change=change, name=name, idle_seconds=idle_seconds, low=low.timestamp(), high=high.timestamp())
        )
    return found


def _is_sooner(changed: Range, raw: Range | None) -> bool:
    if raw is None:
        return True
    return changed.middle <= min(SOONER * raw.middle, raw.middle - SOONER_SECONDS)


def _changes(line: _Line, run_id: str) -> Iterable[tuple[dict[str, str | int], str, int, Snapshot]]:
    """Yield what might help, each with the pool as it would be then."""
    snapshot = line.snapshot
    own = next(one for one in snapshot.waiting if one.run_id == run_id)
    for fewer in _fewer(own.accelerators):
        yield {"accelerators": fewer}, "", 0, _with(snapshot, own, replace(own, accelerators=fewer))
    if own.priority < Priority.HIGH:
        yield {"priority": Priority.HIGH.word}, "", 0, _with(snapshot, own, replace(own, priority=Priority.HIGH))
    for idle in pausable(own.team_id):
        held = [one for one in snapshot.held if one.run_id != idle.run_id]
        if len(held) < len(snapshot.held):
            yield {"pause_deployment": idle.id}, idle.name, round(idle.idle_seconds), replace(snapshot, held=held)


def _with(snapshot: Snapshot, own: Waiting, changed: Waiting) -> Snapshot:
    return replace(snapshot, waiting=[changed if one is own else one for one in snapshot.waiting])


def _fewer(accelerators: int | None) -> list[int]:
    """Return smaller numbers to try, the largest first."""
    fewer: list[int] = []
    while accelerators is not None and accelerators > 1:
        accelerators //= 2
        fewer.append(accelerators)
    return fewer
