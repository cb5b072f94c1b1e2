"""A beginning that all conversations of a batch have in common (a system prompt) is computed once, and not once a row.

Its keys and values are made first and come before every row's own; what the rows' losses say about them is added up,
and goes back through the beginning once, at the end. The loss and its gradient are the ones of whole rows: only sums
are taken in another order.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from trainer.data import Conversations, Inputs, MicroBatch
from trainer.label_loss import LabelLoss
from trainer.packing import packed_inputs
from trainer.questions import asleep, depends_on_length, says_the_same, whole, words

LEAST_TOKENS_SAVED = 128
"""Of a rank's tokens: the beginning's pass costs as much as some 90 tokens, however short it is (measured)."""
LEAST_SAVED = 0.15
"""Of a batch's tokens."""


@dataclass(kw_only=True)
class Prefix:
    """The keys and values of a batch's common beginning, one pair a layer."""

    num_tokens: int
    made: list[torch.Tensor]
    """As the model has made them, with their graph: [1, heads, tokens, head width]."""
    leaves: list[torch.Tensor] = field(default_factory=list)
    """The same without it, where the rows' gradients come together."""

    def before(self, num_rows: int) -> Any:
        """Return a cache of keys and values that come before `num_rows` rows."""
        from transformers import DynamicCache

        cache = DynamicCache()
        for layer in range(len(self.leaves) // 2):
            keys, values = (self.leaves[2 * layer + side].expand(num_rows, -1, -1, -1) for side in (0, 1))
            cache.update(keys, values, layer)
        return cache

    @property
    def is_learned(self) -> bool:
        """Whether anything that is trained has a part in it."""
        return any(made.requires_grad for made in self.made)

    def rest(self) -> torch.Tensor:
        """Return a scalar whose gradient is what the rows have said about the beginning."""
        parts = [
            (made * leaf.grad).sum().float()
            for made, leaf in zip(self.made, self.leaves, strict=True)
            if leaf.grad is not None and made.requires_grad
        ]
        return torch.stack(parts).sum()


def common_length(data: Conversations, rows: list[int], *, num_ranks: int) -> int:
    """Return how many first tokens all `rows` share, none of them learned; 0 where sharing them would not pay."""
    first, learned = data.row(rows[0])
    shared = _unlearned(learned)
    for row in rows[1:]:
        ids, learned = data.row(row)
        width = min(shared, len(ids), _unlearned(learned))
        same = ids[:width] == first[:width]
        shared = width if same.all() else int(same.argmin())
    rows_of_a_rank = len(rows) // num_ranks
    saved = shared * (rows_of_a_rank - 1)
    pays = saved >= LEAST_TOKENS_SAVED and num_ranks * saved >= LEAST_SAVED * int(data.lengths[rows].sum())
    return shared if pays else 0


def compute(model: Any, label_loss: LabelLoss, ids: torch.Tensor) -> Prefix:
    """Return keys and values of the beginning `ids` [1, tokens], with their graph."""
    from transformers import DynamicCache

    cache = DynamicCache()
    beginning = MicroBatch(ids=ids, predicts=torch.zeros(ids.shape, dtype=torch.bool), labels=ids[0, :0])
    label_loss.hidden(model, beginning, cache=cache, use_cache=True)
    layers: list[Any] = cache.layers
    made: list[torch.Tensor] = [tensor for layer in layers for tensor in (layer.keys, layer.values)]
    leaves = [tensor.detach().requires_grad_(tensor.requires_grad) for tensor in made]
    return Prefix(num_tokens=ids.shape[1], made=made, leaves=leaves)


@torch.no_grad()
def is_exact(causal: Any, label_loss: LabelLoss, *, longest: int, packs: bool) -> bool:
    """Ask the model itself, with a few tokens, whether it takes a beginning made apart for what it is.

    Windows narrower than the `longest` row and positions that depend on a row's length rule it out.
    """
    if causal.is_gradient_checkpointing or depends_on_length(causal.config, longest):
        return False
    ids = words(causal, 12)
    inputs = packed_inputs([4], causal.device, start=8) if packs else Inputs()
    with asleep(causal):
        try:
            prefix = compute(causal, label_loss, ids[:, :8])
            apart = label_loss.logits(causal, whole(ids[:, 8:], **inputs), cache=prefix.before(1), use_cache=True)
            together = label_loss.logits(causal, whole(ids))[8:]
        except (TypeError, ValueError, AttributeError, IndexError, RuntimeError):  # no keys and values to go on from
            return False
    return says_the_same(apart, together, causal.dtype)


def _unlearned(learned: "np.ndarray[Any, np.dtype[np.bool_]]") -> int:
    """Return how many first tokens neither are learned nor predict one that is; at least one token is left over."""
    first = int(learned.argmax()) if learned.any() else len(learned)
    return max(0, min(first, len(learned)) - 1)
