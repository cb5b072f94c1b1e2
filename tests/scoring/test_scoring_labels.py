"""The classification report is scikit-learn's."""

import random

import pytest
from sklearn.metrics import classification_report, confusion_matrix

from scoring.errors import ScoringError
from scoring.labels import Classification, LabelScore, classify

LABELS = ["好评", "差评", "neutral"]


def drawn(seed: int) -> tuple[list[str], list[str]]:
    """Return answers, some of which are no label, and labels."""
    random_ = random.Random(seed)
    expected = random_.choices(LABELS, [5, 3, 1], k=80)
    return [random_.choice([label, *LABELS, "不知道"]) for label in expected], expected


@pytest.mark.parametrize("seed", range(5))
def test_the_report_is_scikit_learns(seed: int) -> None:
    answers, expected = drawn(seed)
    found = classify(answers, expected)
    order = list(found.labels)
    reference = classification_report(expected, answers, labels=order, output_dict=True, zero_division=0)
    for label, ours in [*found.by_label.items(), ("macro avg", found.macro), ("weighted avg", found.weighted)]:
        theirs = reference[label]
        assert (ours.precision, ours.recall, ours.f1, ours.support) == pytest.approx(
            (theirs["precision"], theirs["recall"], theirs["f1-score"], theirs["support"]), abs=1e-12
        )
    assert found.accuracy == sum(a == e for a, e in zip(answers, expected, strict=True)) / 80
    matrix = confusion_matrix(expected, answers, labels=[*order, "不知道"])
    assert [list(row) for row in found.confusion] == matrix[:-1].tolist()


def test_labels_are_compared_as_exact_match_does() -> None:
    found = classify(["positive.", "NEGATIVE", "perhaps"], ["Positive", "negative", "Positive"])
    assert found.labels == ("negative", "Positive")
    assert found.confusion == ((1, 0, 0), (0, 1, 1))
    assert found.accuracy == pytest.approx(2 / 3)


def test_a_label_that_is_never_said_has_no_precision() -> None:
    found = classify(["a", "a"], ["a", "b"])
    assert found.by_label["b"] == LabelScore(precision=0.0, recall=0.0, f1=0.0, support=1)
    assert isinstance(found, Classification)


@pytest.mark.parametrize(
    ("answers", "expected", "code"),
    [
        ([], [], "nothing_to_score"),
        (["a"], [], "answers_not_paired"),
        (["a"] * 101, [f"text {number}" for number in range(101)], "too_many_labels"),
    ],
)
def test_refuses(answers: list[str], expected: list[str], code: str) -> None:
    with pytest.raises(ScoringError) as caught:
        classify(answers, expected)
    assert caught.value.code == code
