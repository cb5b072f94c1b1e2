"""Bootstrap intervals: how far a figure would move with other rows of the same kind.

Rows are drawn with replacement, `RESAMPLES` times; the interval holds the middle 95 % of the figures. Seeded, so that
the same answers give the same interval.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scoring.measures.base import Array, Figure

RESAMPLES = 1000
"""Enough for two digits of a bound; half a second for 10,000 rows."""
CONFIDENCE = 0.95
_DRAWN_AT_ONCE = 2_000_000
"""Row numbers in memory at a time: 16 MB."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A figure with the bounds of its 95 % interval."""

    value: float
    low: float
    high: float


def interval(figure: Figure, statistics: Array, *, seed: int = 0, resamples: int = RESAMPLES) -> Interval:
    """Return the figure of all rows with its interval; `statistics` is what each row adds to the sums."""
    drawn = [figure.values(sums) for sums in _sums(statistics, seed, resamples)]
    return _bounded(float(figure.values(statistics.sum(axis=0))), np.concatenate(drawn))


def paired_interval(
    figure: Figure, base: Array, tuned: Array, *, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """Return tuned minus base with its interval: each draw takes the same rows of both."""
    width = base.shape[1]
    drawn = [
        figure.values(sums[:, width:]) - figure.values(sums[:, :width])
        for sums in _sums(np.hstack([base, tuned]), seed, resamples)
    ]
    value = float(figure.values(tuned.sum(axis=0))) - float(figure.values(base.sum(axis=0)))
    return _bounded(value, np.concatenate(drawn))


def mean_interval(scores: npt.ArrayLike, *, seed: int = 0, resamples: int = RESAMPLES) -> Interval:
    """Return the mean of `scores`, one a row, with its interval."""
    values = np.asarray(scores, dtype=np.float64)
    means = [sums[:, 0] / len(values) for sums in _sums(values[:, None], seed, resamples)]
    return _bounded(float(values.mean()), np.concatenate(means))


def _sums(statistics: Array, seed: int, resamples: int) -> Iterator[Array]:
    """Yield the sums of drawn rows, of shape (draws, numbers), some draws at a time."""
    rows = len(statistics)
    random = np.random.default_rng(seed)
    at_once = max(1, _DRAWN_AT_ONCE // rows)
    for start in range(0, resamples, at_once):
        draws = min(at_once, resamples - start)
        # How often each draw has each row; a product with that is faster than gathering the rows themselves.
        chosen = random.integers(rows, size=(draws, rows)) + np.arange(draws)[:, None] * rows
        times = np.bincount(chosen.ravel(), minlength=draws * rows).reshape(draws, rows)
        yield times.astype(np.float64) @ statistics


def _bounded(value: float, drawn: Array) -> Interval:
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(value=value, low=float(low), high=float(high))
