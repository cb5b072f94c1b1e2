"""Classification: answers that should be one of a few labels.

The figures are those of scikit-learn's classification_report and confusion_matrix. It is the reference in the tests
only: with SciPy it weighs 150 MB, and the sums take a few lines.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scoring.errors import ScoringError
from scoring.messages import message
from scoring.texts import normalised

MOST_LABELS = 100
"""More different expected answers than that are texts, not labels; a table of them would help nobody."""


@dataclass(frozen=True, kw_only=True)
class LabelScore:
    """How well one label is found, or the mean over all of them. 0 where there is nothing to divide by."""

    precision: float
    recall: float
    f1: float
    support: int
    """Rows of which it was expected."""


@dataclass(frozen=True, kw_only=True)
class Classification:
    """The report on answers that should be labels."""

    labels: tuple[str, ...]
    """As they were written first, in the order of their normalised texts."""
    by_label: dict[str, LabelScore]
    accuracy: float
    macro: LabelScore
    """Each label counts alike."""
    weighted: LabelScore
    """Each label counts by its support."""
    confusion: tuple[tuple[int, ...], ...]
    """[expected][answered]: a row for each label; a column for each, and a last one for answers that are no label."""


def classify(answers: Sequence[str], references: Sequence[str]) -> Classification:
    """Return the report; an answer is a label where both are the same once normalised (`texts.normalised`)."""
    if not answers:
        raise ScoringError(message("nothing_to_score"))
    if len(answers) != len(references):
        raise ScoringError(message("answers_not_paired", answers=len(answers), references=len(references)))
    written = {normalised(text): text.strip() for text in reversed(references)}
    if len(written) > MOST_LABELS:
        raise ScoringError(message("too_many_labels", labels=len(written), most=MOST_LABELS))
    keys = sorted(written)
    number = {key: position for position, key in enumerate(keys)}
    confusion = np.zeros((len(keys), len(keys) + 1), dtype=np.int64)
    for answer, expected in zip(answers, references, strict=True):
        confusion[number[normalised(expected)], number.get(normalised(answer), len(keys))] += 1
    return _report(tuple(written[key] for key in keys), confusion)


@dataclass(frozen=True, kw_only=True)
class TakenFor:
    """Another label, "" for none, and how often it was answered instead."""

    label: str
    count: int


@dataclass(frozen=True, kw_only=True)
class Confused:
    """A label, how often it was found, and what it was taken for, the most frequent first."""

    label: str
    right: int
    of: int
    taken_for: tuple[TakenFor, ...]


def confused(labels: Sequence[str], confusion: Sequence[Sequence[int]]) -> list[Confused]:
    """Return the confusion matrix of a Classification label by label, as people read it."""
    names = [*labels, ""]
    return [
        Confused(
            label=label,
            right=row[place],
            of=sum(row),
            taken_for=tuple(
                TakenFor(label=names[other], count=row[other])
                for other in sorted(range(len(row)), key=lambda other: -row[other])
                if other != place and row[other]
            ),
        )
        for place, (label, row) in enumerate(zip(labels, confusion, strict=True))
    ]


def _report(labels: tuple[str, ...], confusion: "np.ndarray[tuple[int, int], np.dtype[np.int64]]") -> Classification:
    right = np.diagonal(confusion).astype(np.float64)
    answered, support = confusion[:, :-1].sum(axis=0), confusion.sum(axis=1)
    precision = np.divide(right, answered, out=np.zeros_like(right), where=answered > 0)
    recall = np.divide(right, support, out=np.zeros_like(right), where=support > 0)
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.zeros_like(right), where=both > 0)
    table = np.column_stack([precision, recall, f1])

    def mean(weights: "np.ndarray[tuple[int], np.dtype[np.int64]] | None") -> LabelScore:
        of_all = np.average(table, axis=0, weights=weights)
        return _label_score(of_all, int(support.sum()))

    return Classification(
        labels=labels,
        by_label={label: _label_score(table[place], int(support[place])) for place, label in enumerate(labels)},
        accuracy=float(right.sum() / support.sum()),
        macro=mean(None),
        weighted=mean(support),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
    )


def _label_score(row: "np.ndarray[tuple[int], np.dtype[np.float64]]", support: int) -> LabelScore:
    precision, recall, f1 = (float(value) for value in row)
    return LabelScore(precision=precision, recall=recall, f1=f1, support=support)
