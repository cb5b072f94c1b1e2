"""ROUGE: how many words, or runs of words, an answer shares with what was expected.

The figures are rouge-score's. That package has had no release since 2022 and brings NLTK along, for a sum that takes a
few lines; rapidfuzz finds the longest common subsequence some hundred times faster.
"""

from collections import Counter
from collections.abc import Hashable, Sequence

from scoring.texts import units


def rouge_l(answer: str, expected: str) -> float:
    """Return the F measure of the longest common subsequence of words."""
    from rapidfuzz.distance import LCSseq

    said, wanted = units(answer), units(expected)
    if not said or not wanted:
        return 0.0
    return f_measure(LCSseq.similarity(said, wanted), len(said), len(wanted))


def rouge_n(answer: str, expected: str, *, n: int) -> float:
    """Return the F measure of the runs of `n` words that both have."""
    said, wanted = ngrams(units(answer), n), ngrams(units(expected), n)
    return f_measure((said & wanted).total(), max(said.total(), 1), max(wanted.total(), 1))


def ngrams(words: Sequence[Hashable], n: int) -> Counter[tuple[Hashable, ...]]:
    """Count the runs of `n` words."""
    return Counter(zip(*(words[start:] for start in range(n)), strict=False))


def f_measure(shared: int, num_said: int, num_wanted: int) -> float:
    """Return the harmonic mean of precision and recall."""
    precision, recall = shared / num_said, shared / num_wanted
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0
