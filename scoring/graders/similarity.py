"""The metrics of text_similarity, each from 0 to 1."""

from collections import Counter
from collections.abc import Callable, Hashable
from functools import partial

from scoring.errors import ScoringError
from scoring.measures import measure
from scoring.measures.overlap import ngrams, rouge_l, rouge_n
from scoring.messages import message
from scoring.texts import units

LONGEST_CHARS = 8_000
"""Of either text: a fuzzy match of 20,000 characters takes half a minute."""
_GLEU_ORDERS = 4


def similarity(metric: str, text: str, reference: str) -> float:
    """Return how alike both are by one of `shapes.SIMILARITIES`; ScoringError where one is too long to compare."""
    if max(len(text), len(reference)) > LONGEST_CHARS:
        raise ScoringError(message("similarity_too_long", most=LONGEST_CHARS))
    return _METRICS[metric](text, reference)


def _fuzzy_match(text: str, reference: str) -> float:
    from rapidfuzz import fuzz

    return fuzz.WRatio(text, reference) / 100


def _bleu(text: str, reference: str) -> float:
    found = measure("bleu")
    sums = found.statistics([text], [reference])[0]
    # A text of fewer than four words has no run of four: only the orders that it has count, as sacrebleu advises.
    return _effective_bleu(sums.tolist()) / 100


def _effective_bleu(sums: list[float]) -> float:
    from sacrebleu.metrics import BLEU

    said, wanted, *counts = map(int, sums)
    return float(
        BLEU.compute_bleu(counts[:4], counts[4:], said, wanted, smooth_method="exp", effective_order=True).score
    )


def _gleu(text: str, reference: str) -> float:
    """Return Google's BLEU: of runs of 1 to 4 words the lower of precision and recall (Wu et al., 2016)."""
    said, wanted = (_all_ngrams(units(one)) for one in (text, reference))
    most = max(said.total(), wanted.total())
    return (said & wanted).total() / most if most else 0.0


def _all_ngrams(words: list[str]) -> Counter[tuple[Hashable, ...]]:
    counted: Counter[tuple[Hashable, ...]] = Counter()
    for order in range(1, _GLEU_ORDERS + 1):
        counted.update(ngrams(words, order))
    return counted


_METRICS: dict[str, Callable[[str, str], float]] = {
    "fuzzy_match": _fuzzy_match,
    "bleu": _bleu,
    "gleu": _gleu,
    "rouge_l": rouge_l,
    **{f"rouge_{order}": partial(rouge_n, n=order) for order in range(1, 6)},
}
