"""Ranges of when waiting Runs will start: many futures with lengths that may come true, and what they have in common.

A range is meant to hold in 80 of 100 cases. Two things make it so. The lengths of Runs are drawn from how wrong
earlier estimates were; and what no future knows of (Runs that come later, nodes that fail) is learned from how wrong
earlier ranges were.
"""

import math
import random
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from compute.scheduler import Decision, Snapshot, decide
from compute.simulation.engine import Costs, Simulation

LOW, HIGH = 0.1, 0.9
"""A range holds between these shares of all cases."""
LEARNED_LOW, LEARNED_HIGH = 0.07, 0.93
"""Shares of past errors that a range is widened to: more than it promises, since what comes differs from what was."""
FEW = 20
"""With fewer pairs than this nothing is learned from them."""
DEFAULT_RATIOS = (0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.4)
"""Actual over estimated length, before enough is known."""
FLOOR_SECONDS = 10.0
"""Waits are compared as if all were so much longer: an error of two seconds in a short wait does not count."""
LEAST_WIDTH = 0.1
"""Of half a range, as a logarithm: futures that all agree are not that sure."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """How long a Run is taken to last: in all if it waits, from now on if it holds devices."""

    seconds: float
    since: float = 0.0
    """Seconds that it has run already: the estimate was made for both together."""


@dataclass(frozen=True, kw_only=True)
class Range:
    """Seconds from now until a Run starts."""

    low: float
    middle: float
    high: float

    @property
    def widths(self) -> tuple[float, float]:
        """The distances of its ends from its middle, as logarithms."""
        return (
            max(LEAST_WIDTH, _log(self.middle) - _log(self.low)),
            max(LEAST_WIDTH, _log(self.high) - _log(self.middle)),
        )

    def error_of(self, actual: float) -> float:
        """Return how far off `actual` was: -1 and 1 are the range's ends."""
        off = _log(actual) - _log(self.middle)
        return off / self.widths[off > 0]

    def spread(self, spread: "Spread") -> "Range":
        """Return the range that holds as often as it should, by what was learned."""
        below, above = self.widths
        low = _unlog(_log(self.middle) - spread.lower * below)
        return Range(low=low, middle=self.middle, high=_unlog(_log(self.middle) + spread.upper * above))


@dataclass(frozen=True, kw_only=True)
class Spread:
    """What was learned from pairs of predicted and actual."""

    ratios: Sequence[float] = DEFAULT_RATIOS
    """Actual over estimated lengths, any number of them."""
    lower: float = 1.0
    upper: float = 1.0
    """The distance of the truth from the futures' middle, as a multiple of their reach, below and above."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """How much may be spent on one forecast."""

    futures: int = 12
    passes: int = 400
    seconds: float = 2.0


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What the futures say of the Runs that were asked about, as they say it; one that too few start has no range."""

    ranges: dict[str, Range] = field(default_factory=dict)
    devices: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """What each got in the first future, the likeliest."""


def forecast(
    snapshot: Snapshot,
    expected: Mapping[str, Expected],
    *,
    watched: Sequence[str],
    spread: Spread | None = None,
    costs: Costs | None = None,
    bounds: Bounds | None = None,
    decide: Callable[[Snapshot], Sequence[Decision]] = decide,
) -> Forecast:
    """Return when each of `watched` will start.

    The same snapshot gives the same ranges, unless the time of `bounds` is over before all futures were seen.
    """
    spread, bounds = spread or Spread(), bounds or Bounds()
    deadline = time.monotonic() + bounds.seconds
    waits: dict[str, list[float]] = {run_id: [] for run_id in watched}
    devices: dict[str, tuple[int, ...]] = {}
    told = {run_id: one.seconds for run_id, one in expected.items()}
    for number in range(bounds.futures):
        draw = random.Random(number)  # noqa: S311
        lengths = {
            run_id: length_of(one, spread.ratios, draw, is_middle=number == 0) for run_id, one in expected.items()
        }
        future = Simulation(snapshot, seconds=lengths, estimates=told, costs=costs, decide=decide)
        future.run(most_passes=bounds.passes, watched=watched)
        for run_id in watched:
            waits[run_id].append(future.lived[run_id].started_at)
            if number == 0:
                devices[run_id] = future.lived[run_id].device_ids
        if time.monotonic() > deadline:
            break
    ranges = {run_id: found for run_id, seen in waits.items() if (found := range_of(seen)) is not None}
    return Forecast(ranges=ranges, devices=devices)


def learned(lengths: Sequence[tuple[float, float]], ranges: Sequence[tuple[Range, float]]) -> Spread:
    """Return what pairs of (estimated, actual) lengths and of (the futures' range, actual wait) teach."""
    ratios = sorted(actual / estimated for estimated, actual in lengths if estimated > 0)
    errors = sorted(found.error_of(actual) for found, actual in ranges)
    learns = len(errors) >= FEW
    return Spread(
        ratios=ratios if len(ratios) >= FEW else DEFAULT_RATIOS,
        lower=max(0.0, -quantile(errors, LEARNED_LOW)) if learns else 1.0,
        upper=max(0.0, quantile(errors, LEARNED_HIGH)) if learns else 1.0,
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the value below which `share` of `ordered` lie, between its neighbours."""
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    if ordered[above] == ordered[below]:
        return ordered[below]
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def length_of(expected: Expected, ratios: Sequence[float], draw: random.Random, *, is_middle: bool) -> float:
    """Return seconds that a Run may last from now on: of those that have run for a while, the short ones are past."""
    whole = expected.seconds + expected.since
    if whole <= 0:
        return 1.0
    over = bisect_right(ratios, expected.since / whole)
    possible = ratios[over:] or (expected.since / whole * 1.1,)
    ratio = quantile(possible, 0.5 if is_middle else draw.random())
    return max(1.0, ratio * whole - expected.since)


def range_of(waits: list[float]) -> Range | None:
    """Return the range of the futures' waits; None where a tenth of them or more never start it."""
    waits.sort()
    low, middle, high = (quantile(waits, share) for share in (LOW, 0.5, HIGH))
    return Range(low=low, middle=middle, high=high) if high < math.inf else None


def _log(seconds: float) -> float:
    return math.log(max(0.0, seconds) + FLOOR_SECONDS)


def _unlog(value: float) -> float:
    return max(0.0, math.exp(value) - FLOOR_SECONDS)
