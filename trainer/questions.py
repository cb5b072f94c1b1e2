"""What a model is asked before a shorter way is taken: a few tokens must get the same logits on both."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Unpack

import torch

from trainer import internals
from trainer.data import Inputs, MicroBatch

SAME = 1e-3
"""So far apart may the logits of two ways be, relative to their size, in fp32."""
SAME_IN_16_BITS = 0.05
"""Two right ways differ by 0.01 to 0.02 on SmolLM2 in bfloat16; a wrong mask by 0.16 and more (measured)."""


def words(causal: Any, number: int) -> torch.Tensor:
    """Return `number` ids [1, number] from all over the vocabulary.

    Its beginning is often tokens that were never trained, on which 16 bits say anything.
    """
    step = causal.config.get_text_config().vocab_size // (number + 1)
    return torch.arange(1, number + 1, device=causal.device)[None] * step


def whole(ids: torch.Tensor, **inputs: Unpack[Inputs]) -> MicroBatch:
    """Return `ids` [1, tokens] as a micro-batch whose every position has a label."""
    return MicroBatch(ids=ids, predicts=torch.ones(ids.shape, dtype=torch.bool), labels=ids[0], inputs=inputs)


def says_the_same(found: torch.Tensor, expected: torch.Tensor, dtype: torch.dtype) -> bool:
    """Whether two ways of a model that computes in `dtype` gave the same logits."""
    return is_same(found, expected, tolerance=SAME if dtype == torch.float32 else SAME_IN_16_BITS)


def is_same(found: torch.Tensor, expected: torch.Tensor, *, tolerance: float) -> bool:
    """Whether two tensors of one shape differ by less than `tolerance` of their norm; NaN never does."""
    return bool((found - expected).norm() <= tolerance * expected.norm().clamp(min=1e-6))


def depends_on_length(config: Any, longest: int) -> bool:
    """Whether a row of `longest` tokens is computed otherwise than by its own tokens and their plain positions.

    Windows narrower than it and positions that depend on a whole row's length are such ways.
    """
    text = config.get_text_config()
    spans = (getattr(text, name, None) for name in ("sliding_window", "attention_chunk_size"))
    rope = getattr(text, "rope_parameters", None) or {}
    kinds = {str(part.get("rope_type")) for part in (rope, *rope.values()) if isinstance(part, dict)}
    return any(span and span < longest for span in spans) or bool(kinds & {"dynamic", "longrope"})


@contextmanager
def asleep(causal: Any) -> Iterator[None]:
    """Have no dropout and no adapters for a while: the base alone answers the same, and sooner."""
    was_training = causal.training
    causal.eval()
    try:
        with internals.adapters_off(causal):
            yield
    finally:
        causal.train(was_training)
