"""What a model is asked before a shorter way is taken: a few tokens must get the same logits on both."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from trainer.data import MicroBatch

SAME = 1e-3
"""So far apart may the logits of two ways be, relative to their size, in fp32; in 16 bits thirty times that."""


def whole(ids: torch.Tensor, **inputs: Any) -> MicroBatch:
    """Return `ids` [1, tokens] as a micro-batch whose every position has a label."""
    return MicroBatch(ids=ids, predicts=torch.ones_like(ids, dtype=torch.bool), labels=ids[0], inputs=inputs)


def is_same(found: torch.Tensor, expected: torch.Tensor, dtype: torch.dtype) -> bool:
    """Whether two ways of a model that computes in `dtype` said the same; what is no number never is."""
    tolerance = SAME if dtype == torch.float32 else 30 * SAME
    return bool((found - expected).abs().max() <= tolerance * expected.abs().max().clamp(min=1e-6))


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
    """Have no dropout, and PEFT's own layers, for a while."""
    was_training = causal.training
    causal.eval()
    try:
        yield
    finally:
        causal.train(was_training)
