"""How alike two answers are: exactly, and by chrF as sacrebleu prints it; means with their bootstrap intervals."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

ORDER = 6
"""The longest run of characters that is compared."""
BETA_SQUARED = 4
SAMPLES = 1000
SEED = 7


def is_same(answer: str, other: str) -> bool:
    """Whether both say the same, but for white space."""
    return " ".join(answer.split()) == " ".join(other.split())


def chrf(answer: str, reference: str) -> float:
    """Return chrF, 0 to 100: character n-grams up to 6, recall counting twice (Popović 2015; sacrebleu's defaults)."""
    text, wanted = "".join(answer.split()), "".join(reference.split())
    precisions, recalls = [], []
    for length in range(1, ORDER + 1):
        found, expected = _ngrams(text, length), _ngrams(wanted, length)
        if found and expected:
            shared = sum((found & expected).values())
            precisions.append(shared / sum(found.values()))
            recalls.append(shared / sum(expected.values()))
    if not precisions or not sum(precisions) + sum(recalls):
        return 0.0
    precision, recall = sum(precisions) / len(precisions), sum(recalls) / len(recalls)
    return 100 * (1 + BETA_SQUARED) * precision * recall / (BETA_SQUARED * precision + recall)


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean, and the 95 % interval of a bootstrap over the questions; the same at every call."""
    chance = random.Random(SEED)  # noqa: S311 - a sample, no secret
    count = len(values)
    means = sorted(sum(chance.choices(values, k=count)) / count for _ in range(SAMPLES))
    return sum(values) / count, means[round(0.025 * SAMPLES)], means[round(0.975 * SAMPLES) - 1]


def _ngrams(text: str, length: int) -> Counter[str]:
    return Counter(text[start : start + length] for start in range(len(text) - length + 1))
