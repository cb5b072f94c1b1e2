"""What the losses of held-out rows come to: loss, perplexity and token accuracy, with intervals over the rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from scoring.intervals import Interval, interval, paired_interval
from scoring.measures import Array

Rows = Sequence[Sequence[float | None]]
"""Of each row [sum of losses, learned tokens, right guesses]; a loss that is no number is None."""


@dataclass(frozen=True)
class TokenFigure:
    """A figure per learned token, over any set of rows."""

    name: str
    of_sums: Callable[[Array], Array]

    def values(self, sums: Array) -> Array:
        return self.of_sums(sums)


FIGURES = (
    TokenFigure("loss", lambda sums: sums[..., 0] / sums[..., 1]),
    TokenFigure("perplexity", lambda sums: np.exp(sums[..., 0] / sums[..., 1])),
    TokenFigure("token_accuracy", lambda sums: sums[..., 2] / sums[..., 1]),
)


def held_out_figures(rows: Rows) -> dict[str, Interval]:
    """Return each figure; {} where nothing was measured, or a loss is no number."""
    statistics = _statistics(rows)
    return {one.name: interval(one, statistics) for one in FIGURES} if statistics is not None else {}


def held_out_differences(base: Rows, tuned: Rows) -> dict[str, Interval]:
    """Return tuned minus base of each figure, paired by row; {} where they were not shown the same rows."""
    before, after = _statistics(base), _statistics(tuned)
    if before is None or after is None or before.shape != after.shape or not np.array_equal(before[:, 1], after[:, 1]):
        return {}
    return {one.name: paired_interval(one, before, after) for one in FIGURES}


def _statistics(rows: Rows) -> Array | None:
    if not rows or any(loss is None for loss, *_ in rows):
        return None
    return np.array(rows, dtype=np.float64)
