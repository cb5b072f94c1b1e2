"""How often 80 % ranges of when a job starts hold, in a simulated pool whose forecasts know estimates alone."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from benchmarks.traces import Job, Trace
from compute.scheduler import Start, Wait, decide
from compute.simulation import Costs, Simulation
from compute.simulation.coarse import coarse_forecast
from compute.simulation.forecasts import Bounds, Expected, Range, Spread, forecast, learned

FIRST = 20
"""So many in line are simulated; behind them devices are only counted."""
ASKED = 6
"""So many of them are asked about at a time."""
REMEMBERED = 100
LEARNED = 40
"""From so many pairs on ranges are counted: a platform that has just begun knows nothing of its work yet."""
LOOKED_EVERY = 30.0
"""Seconds between two looks of the scheduler in a future."""
BOUNDS = Bounds(futures=8, passes=150, seconds=30.0)
FAR_BOUNDS = Bounds(futures=8, seconds=30.0)


@dataclass(kw_only=True)
class _Prediction:
    run_id: str
    made_at: float
    raw: Range
    shown: Range
    is_far: bool
    """It stood behind the first."""
    is_counted: bool
    """False while too little was learned to widen ranges by."""


class Calibration:
    """Forecasts made on the way through a simulation, and what became of them."""

    def __init__(self, trace: Trace, simulation: Simulation, costs: Costs) -> None:
        self._jobs = {job.run_id: job for job in trace.jobs}
        self._simulation = simulation
        self._costs = replace(costs, between_passes=LOOKED_EVERY)
        self._made: list[_Prediction] = []
        self._asked: set[str] = set()

    def look(self) -> None:
        """Foretell the start of some Runs in line that nothing was foretold of yet."""
        snapshot = self._simulation.snapshot()
        order = [one.run_id for one in decide(snapshot) if isinstance(one, Start | Wait)]
        near = set(order[:FIRST])
        line = replace(snapshot, waiting=[one for one in snapshot.waiting if one.run_id in near])
        spread, is_learned = self._spread(is_far=False)
        if watched := self._fresh(order[:FIRST]):
            found = forecast(
                line, self._expected(order[:FIRST]), watched=watched, spread=spread, costs=self._costs, bounds=BOUNDS
            )
            self._note(found.ranges, spread, is_far=False, is_counted=is_learned)
        if watched := self._fresh(order[FIRST:]):
            spread, is_learned = self._spread(is_far=True)
            ranges = coarse_forecast(snapshot, self._expected(order), spread=spread, bounds=FAR_BOUNDS).ranges
            self._note(
                {run_id: ranges[run_id] for run_id in watched if run_id in ranges},
                spread, is_far=True, is_counted=is_learned,
            )  # fmt: skip

    def held(self, *, is_far: bool) -> tuple[int, int]:
        """Return how many ranges held, and how many were counted; one that still waits beyond its range did not."""
        counted = [one for one in self._made if one.is_counted and one.is_far == is_far]
        held = [self._holds(one) for one in counted if self._has_started(one) or self._is_late(one)]
        return sum(held), len(held)

    def _fresh(self, order: list[str]) -> list[str]:
        """Return some Runs of a line that nothing was foretold of yet, from all over it."""
        fresh = [run_id for run_id in order if run_id not in self._asked]
        return fresh[:: max(1, len(fresh) // ASKED)][:ASKED]

    def _note(self, ranges: Mapping[str, Range], spread: Spread, *, is_far: bool, is_counted: bool) -> None:
        for run_id, raw in ranges.items():
            self._asked.add(run_id)
            self._made.append(
                _Prediction(
                    run_id=run_id,
                    made_at=self._simulation.now,
                    raw=raw,
                    shown=raw.spread(spread),
                    is_far=is_far,
                    is_counted=is_counted,
                )
            )

    def _expected(self, order: list[str]) -> dict[str, Expected]:
        now = self._simulation.now
        expected = {run_id: Expected(seconds=self._jobs[run_id].estimate) for run_id in order}
        for run_id, running in self._simulation.running.items():
            since = now - running.since
            expected[run_id] = Expected(seconds=self._jobs[run_id].estimate - since, since=since)
        return expected

    def _spread(self, *, is_far: bool) -> tuple[Spread, bool]:
        # Those that still wait beyond their range count as well: else only short waits would be learned from.
        alike = [one for one in self._made if one.is_far == is_far]
        known = [one for one in alike if self._has_started(one) or self._is_late(one)][-REMEMBERED:]
        ended = [stay for stay in self._simulation.stays[-REMEMBERED:] if stay.stopped_at == stay.until]
        lengths = [(self._estimate(stay.run_id), stay.until - stay.since) for stay in ended]
        return learned(lengths, [(one.raw, self._wait(one)) for one in known]), len(known) >= LEARNED

    def _estimate(self, run_id: str) -> float:
        job: Job = self._jobs[run_id]
        return job.estimate

    def _has_started(self, one: _Prediction) -> bool:
        return self._simulation.lived[one.run_id].started_at <= self._simulation.now

    def _is_late(self, one: _Prediction) -> bool:
        return self._simulation.now - one.made_at > one.shown.high

    def _wait(self, one: _Prediction) -> float:
        """Return how long it has waited, or waits already."""
        return min(self._simulation.lived[one.run_id].started_at, self._simulation.now) - one.made_at

    def _holds(self, one: _Prediction) -> bool:
        slack = LOOKED_EVERY
        return one.shown.low - slack <= self._wait(one) <= one.shown.high + slack
