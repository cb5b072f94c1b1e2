"""BLEU and chrF, as sacrebleu counts them.

sacrebleu counts each row; the figure of summed counts is computed here for many sums at once, by the same formulas.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from scoring.measures.base import Array
from scoring.texts import has_han

_ORDERS = 4
_BETA_SQUARED = 4.0


class Bleu:
    """Corpus BLEU from 0 to 100. With Chinese in the expected answers all rows are cut by the "zh" tokenizer."""

    name = "bleu"
    highest = 100.0
    needs_references = True

    def settings(self, references: Sequence[str]) -> str:
        return _signature(_bleu(_tokenizer_for(references)))

    def statistics(self, answers: Sequence[str], references: Sequence[str]) -> Array:
        return _counted(_bleu(_tokenizer_for(references)), answers, references)

    def values(self, sums: Array) -> Array:
        said, wanted = sums[..., 0], sums[..., 1]
        right, total = sums[..., 2 : 2 + _ORDERS], sums[..., 2 + _ORDERS :]
        with np.errstate(divide="ignore", invalid="ignore"):
            # Orders without a match count as half of one, a quarter, …: "exp", sacrebleu's own smoothing.
            halvings = np.cumsum(right == 0, axis=-1)
            precisions = np.where(right > 0, right / total, 1 / (np.exp2(halvings) * total))
            mean = np.exp(np.log(100.0 * precisions).sum(axis=-1) / _ORDERS)
            figure = mean * np.where(said < wanted, np.exp(1 - wanted / said), 1.0)
        # An order without a single run leaves nothing to take the logarithm of.
        return np.where((right.sum(axis=-1) > 0) & (total > 0).all(axis=-1), figure, 0.0)


class Chrf:
    """Corpus chrF2 from 0 to 100: runs of 1 to 6 characters without blanks. No tokenizer: alike in any language."""

    name = "chrf"
    highest = 100.0
    needs_references = True

    def settings(self, references: Sequence[str]) -> str:
        return _signature(_chrf())

    def statistics(self, answers: Sequence[str], references: Sequence[str]) -> Array:
        return _counted(_chrf(), answers, references)

    def values(self, sums: Array) -> Array:
        by_order = sums.reshape(*sums.shape[:-1], -1, 3)
        said, wanted, shared = by_order[..., 0], by_order[..., 1], by_order[..., 2]
        counts = (said > 0) & (wanted > 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            num = counts.sum(axis=-1)
            precision = np.where(counts, shared / said, 0.0).sum(axis=-1) / num
            recall = np.where(counts, shared / wanted, 0.0).sum(axis=-1) / num
            value = 100 * (1 + _BETA_SQUARED) * precision * recall / (_BETA_SQUARED * precision + recall)
        return np.where((num > 0) & (precision + recall > 0), value, 0.0)


def _tokenizer_for(references: Sequence[str]) -> str:
    return "zh" if any(map(has_han, references)) else "13a"


@cache
def _bleu(tokenizer: str) -> Any:
    from sacrebleu.metrics import BLEU

    return BLEU(tokenize=tokenizer)


@cache
def _chrf() -> Any:
    from sacrebleu.metrics import CHRF

    return CHRF()


def _counted(metric: Any, answers: Sequence[str], references: Sequence[str]) -> Array:
    # Not public, but what sacrebleu's own significance tests are made of; a test holds the sums to its public figure.
    return np.array(metric._extract_corpus_statistics(list(answers), [list(references)]), dtype=np.float64)


def _signature(metric: Any) -> str:
    # Like a corpus_score with one reference each, before which sacrebleu does not know how many there are.
    metric.num_refs = 1
    return str(metric.get_signature())
