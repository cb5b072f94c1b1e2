"""Scores of one model's answers, and of a tuned model's beside its base's on the same rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from scoring.errors import ScoringError
from scoring.intervals import Interval, interval, paired_interval
from scoring.measures import Array, Measure
from scoring.messages import message

Change = Literal["better", "worse", "changed", "same"]
"""What became of a row: by its score; "changed" where another text scores alike."""
_ALIKE = 1e-9


@dataclass(frozen=True, kw_only=True)
class Score:
    """One measure of one model's answers."""

    measure: str
    overall: Interval
    rows: tuple[float, ...]
    """The score of each row alone."""
    settings: str = ""
    """What the figure depends on, such as sacrebleu's signature."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One measure of two models' answers to the same rows."""

    base: Score
    tuned: Score
    difference: Interval
    """Tuned minus base, paired."""
    changes: tuple[Change, ...]

    @property
    def is_certain(self) -> bool:
        """True when the interval of the difference leaves out 0."""
        return self.difference.low > 0 or self.difference.high < 0

    def count(self, change: Change) -> int:
        """Return how many rows have become so."""
        return self.changes.count(change)


def score(measure: Measure, answers: Sequence[str], references: Sequence[str] | None, *, seed: int = 0) -> Score:
    """Score `answers`; `references` holds what was expected of each row, None where the measure needs none.

    Raises ScoringError where there is nothing to score or the two do not belong together.
    """
    expected = _expected(measure, answers, references)
    return _score(measure, measure.statistics(answers, expected), expected, seed)


def compare(
    measure: Measure, *, base: Sequence[str], tuned: Sequence[str], references: Sequence[str] | None, seed: int = 0
) -> Comparison:
    """Score both models' answers to the same rows, and say of each row what became of it."""
    expected = _expected(measure, base, references)
    _expected(measure, tuned, expected)
    counted = measure.statistics(base, expected), measure.statistics(tuned, expected)
    before, after = (_score(measure, statistics, expected, seed) for statistics in counted)
    rows = zip(before.rows, after.rows, base, tuned, strict=True)
    return Comparison(
        base=before,
        tuned=after,
        difference=paired_interval(measure, *counted, seed=seed),
        changes=tuple(_change(*row) for row in rows),
    )


def _score(measure: Measure, statistics: Array, expected: Sequence[str], seed: int) -> Score:
    return Score(
        measure=measure.name,
        overall=interval(measure, statistics, seed=seed),
        rows=tuple(np.asarray(measure.values(statistics)).tolist()),
        settings=measure.settings(expected),
    )


def _expected(measure: Measure, answers: Sequence[str], references: Sequence[str] | None) -> Sequence[str]:
    if not answers:
        raise ScoringError(message("nothing_to_score"))
    if references is None:
        if measure.needs_references:
            raise ScoringError(message("references_missing", name=measure.name))
        return [""] * len(answers)
    if len(answers) != len(references):
        raise ScoringError(message("answers_not_paired", answers=len(answers), references=len(references)))
    return references


def _change(before: float, after: float, base: str, tuned: str) -> Change:
    if after > before + _ALIKE:
        return "better"
    if after < before - _ALIKE:
        return "worse"
    return "same" if base == tuned else "changed"
