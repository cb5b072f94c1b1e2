"""Packing: the conversations of a micro-batch are in one row, one after another, so that no padding is computed.

Each attends to itself alone, and to the batch's common beginning where there is one (trainer.shared_prefix); positions
count from the start of each. It is what FlashAttention calls variable lengths.
"""

from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch.nn.attention.varlen import varlen_attn
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, sdpa_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from trainer.data import Conversations, Inputs, MicroBatch, send
from trainer.internals import use_attention
from trainer.label_loss import LabelLoss
from trainer.native import attention as native
from trainer.questions import asleep, depends_on_length, says_the_same, whole, words

IMPLEMENTATION = "luthier_packed"
"""The name under which Transformers finds `attend`."""


def pack(cache: Conversations, rows: list[int], device: torch.device, *, start: int = 0) -> MicroBatch:
    """Read `rows` from token `start` on (none: one token that predicts nothing) into one row."""
    pairs = [cache.row(row) for row in rows] or [(np.zeros(start + 1, np.uint32), np.zeros(start + 1, np.bool_))]
    ids = np.concatenate([row_ids[start:] for row_ids, _ in pairs]).astype(np.int64)
    learned = [row_learned[start:] for _, row_learned in pairs]
    predicts = np.concatenate([np.append(row[1:], False) for row in learned])
    lengths = [len(row) for row in learned]
    return MicroBatch(
        ids=send(ids[None], device),
        predicts=torch.from_numpy(predicts[None]),
        labels=send(np.roll(ids, -1)[predicts], device),
        inputs=packed_inputs(lengths, device, start=start),
    )


def packed_inputs(lengths: list[int], device: torch.device, *, start: int = 0) -> Inputs:
    """Return what makes a model treat its one row as conversations of these `lengths`, each behind `start` tokens."""
    positions = np.concatenate([np.arange(start, start + length) for length in lengths])
    ends = np.cumsum([0, *lengths], dtype=np.int32)
    return {
        "position_ids": send(positions[None], device),
        # Four dimensions make Transformers pass it on as it is: no mask of tokens by tokens is made.
        "attention_mask": torch.zeros((1, 1, 1, 1), device=device),
        "row_lengths": tuple(lengths),
        "row_ends": send(ends, device),
    }


@torch.no_grad()
def begin_packing(causal: Any, label_loss: LabelLoss, *, longest: int) -> bool:
    """Make the model compute packed conversations; return False, and leave it as it was, where it cannot.

    The model itself is asked, with a few tokens: conversations of two lengths must say packed what they say alone.
    """
    if depends_on_length(causal.config, longest):
        return False
    lengths, device = [8, 4], causal.device
    ids = words(causal, sum(lengths))
    with asleep(causal):
        # The second alone is enough: the first has nothing before it that it could see.
        alone = label_loss.logits(causal, whole(ids[:, lengths[0] :]))
        undo = use_attention(causal, IMPLEMENTATION)
        try:
            packed = label_loss.logits(causal, whole(ids, **packed_inputs(lengths, device)))[lengths[0] :]
        except (TypeError, ValueError, AttributeError, IndexError, RuntimeError):  # an architecture's own ways
            packed = torch.full_like(alone, torch.nan)
    if says_the_same(packed, alone, causal.dtype):
        return True
    undo()
    return False


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    row_lengths: tuple[int, ...] | None = None,
    row_ends: torch.Tensor | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Transformers' attention interface: query [1, heads, tokens, width]; key, value with what comes before all rows.

    Without `row_lengths` it is SDPA as Transformers calls it.
    """
    if row_lengths is None:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
        )
    if kwargs.get("softcap") is not None or kwargs.get("s_aux") is not None:
        raise ValueError("Soft caps and sinks are not computed for packed rows.")
    num_before = key.shape[2] - query.shape[2]
    if dropout == 0 and row_ends is not None and native.takes(query, key, row_lengths):
        return native.attend_to_rows(query, key, value, row_ends, scaling or query.shape[-1] ** -0.5), None
    keys, values = (_of_rows(tensor, num_before, row_lengths) for tensor in (key, value))
    if query.is_cuda and query.dtype != torch.float32 and dropout == 0 and row_ends is not None:
        rows = (torch.cat(keys, 2), torch.cat(values, 2), row_ends, max(row_lengths))
        return _attend_on_gpu(query, *rows, num_before=num_before, scaling=scaling), None
    outs = [
        functional.scaled_dot_product_attention(
            rows, of_row, value_of_row, scale=scaling, dropout_p=dropout, enable_gqa=query.shape[1] != key.shape[1],
            attn_mask=_sees_before(rows.shape[2], num_before, query.device) if num_before else None,
            is_causal=not num_before,
        )
        for rows, of_row, value_of_row in zip(query.split(row_lengths, dim=2), keys, values, strict=True)
    ]  # fmt: skip
    return torch.cat(outs, dim=2).transpose(1, 2), None


def _attend_on_gpu(
    query: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    row_ends: torch.Tensor,
    longest: int,
    *,
    num_before: int,
    scaling: float | None,
) -> torch.Tensor:
    """Attend with PyTorch's own kernel for rows of many lengths; `num_before` tokens stand before each in `keys`."""
    steps = torch.arange(len(row_ends), dtype=torch.int32, device=query.device)
    out = varlen_attn(
        query[0].transpose(0, 1), keys[0].transpose(0, 1), values[0].transpose(0, 1),
        row_ends, row_ends + steps * num_before, longest, longest + num_before,
        scale=scaling, window_size=(-1, 0), enable_gqa=query.shape[1] != keys.shape[1],
    )  # fmt: skip
    assert isinstance(out, torch.Tensor)
    return out[None]


def _of_rows(tensor: torch.Tensor, num_before: int, row_lengths: tuple[int, ...]) -> list[torch.Tensor]:
    """Return each row's own keys (or values), what comes before all of them included."""
    before, *rows = tensor.split((num_before, *row_lengths), dim=2)
    return [torch.cat((before, row), dim=2) for row in rows] if num_before else rows


def _sees_before(length: int, num_before: int, device: torch.device) -> torch.Tensor:
    return torch.ones((length, num_before + length), dtype=torch.bool, device=device).tril(num_before)


ALL_ATTENTION_FUNCTIONS.register(IMPLEMENTATION, attend)
ALL_MASK_ATTENTION_FUNCTIONS.register(IMPLEMENTATION, sdpa_mask)
