"""What a measure is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


class Figure(Protocol):
    """What the sums of any set of rows come to, so that an interval costs sums and no second scoring."""

    def values(self, sums: Array) -> Array:
        """Return the figures of sums of shape (…, numbers), of shape (…)."""


class Measure(Figure, Protocol):
    """One way to score answers: a figure of what they add to the sums."""

    @property
    def name(self) -> str: ...

    @property
    def highest(self) -> float:
        """Return the best value: 1 for a share, 100 for BLEU and chrF, as their own tools print them."""

    @property
    def needs_references(self) -> bool: ...

    def settings(self, references: Sequence[str]) -> str:
        """Return what the figure depends on, such as sacrebleu's signature; "" where there is nothing to choose."""

    def statistics(self, answers: Sequence[str], references: Sequence[str]) -> Array:
        """Return an array of shape (rows, numbers): what each row adds to the sums."""


@dataclass(frozen=True, kw_only=True)
class MeanMeasure:
    """The mean over the rows of a score between 0 and 1."""

    name: str
    of_row: Callable[[str, str], float]
    """Takes an answer and what was expected ("" where nothing is)."""
    needs_references: bool = True
    highest: float = 1.0

    def settings(self, references: Sequence[str]) -> str:
        return ""

    def statistics(self, answers: Sequence[str], references: Sequence[str]) -> Array:
        scores = [self.of_row(answer, expected) for answer, expected in zip(answers, references, strict=True)]
        return np.column_stack([np.array(scores, dtype=np.float64), np.ones(len(scores))])

    def values(self, sums: Array) -> Array:
        return np.asarray(sums[..., 0] / sums[..., 1])
