"""The KV cache: one slot a sequence, grown as needed, and the attention that reads it.

Every sequence's keys and values start at position 0 of its own slot, so nothing is padded on the left and a sequence
can join or leave without touching another. Sequences that decode hold the slots 0..n-1: their keys are then a plain
view of the pool, and a decode step copies nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn import functional
from transformers import Cache

LENGTH_BLOCK = 256
"""Tokens by which the pool grows; a power of two keeps the number of copies small."""


@dataclass
class Step:
    """What one forward pass reads and writes: `slots[i]` holds row i, whose tokens are at `positions[i]`."""

    slots: torch.Tensor
    """[rows], int64."""
    positions: torch.Tensor
    """[rows, tokens], int64; the positions of padding keep counting, and what they write is never read."""
    length: int
    """Keys that this pass reads: the highest position + 1."""
    is_prefix: bool
    """The rows are the slots 0..rows-1 in order, so that keys are read in place."""
    is_fresh: bool
    """Every row starts at position 0, so that nothing is read from the pool."""
    is_uniform: bool
    """All rows end at the same position."""
    masks: dict[int | None, torch.Tensor] = field(default_factory=dict)


class SlotPool(Cache):
    """Keys and values of all live sequences, [slots, kv heads, length, head size] for each layer."""

    def __init__(self, *, max_slots: int, max_length: int) -> None:
        super().__init__(layers=[])
        self._max_slots = max_slots
        self._max_length = max_length
        self._keys: dict[int, torch.Tensor] = {}
        self._values: dict[int, torch.Tensor] = {}
        self._num_slots = 0
        self._length = 0
        self._step: Step | None = None

    def begin(self, slots: Sequence[int], starts: Sequence[int], num_tokens: int, device: torch.device) -> Step:
        """Describe the next pass: row i writes `num_tokens` tokens from `starts[i]` on into `slots[i]`."""
        first = torch.tensor(starts, device=device)
        positions = first[:, None] + torch.arange(num_tokens, device=device)
        length = max(starts) + num_tokens
        self._grow(max(slots) + 1, length)
        self._step = Step(
            slots=torch.tensor(slots, device=device),
            positions=positions,
            length=length,
            is_prefix=list(slots) == list(range(len(slots))),
            is_fresh=not any(starts),
            is_uniform=len(set(starts)) == 1,
        )
        return self._step

    def swap(self, first: int, second: int, length: int) -> None:
        """Exchange the first `length` positions of two slots."""
        if first == second:
            return
        for pool in (*self._keys.values(), *self._values.values()):
            kept = pool[first, :, :length].clone()
            pool[first, :, :length] = pool[second, :, :length]
            pool[second, :, :length] = kept

    def move(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` positions of slot `source` over slot `target`."""
        if source == target:
            return
        for pool in (*self._keys.values(), *self._values.values()):
            pool[target, :, :length] = pool[source, :, :length]

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store new keys and values, [rows, kv heads, tokens, head size]; return all that the rows may look at."""
        step = self._step
        assert step is not None
        keys = self._pool(self._keys, layer_idx, key_states)
        values = self._pool(self._values, layer_idx, value_states)
        slots = step.slots[:, None]
        keys[slots, :, step.positions] = key_states.transpose(1, 2)
        values[slots, :, step.positions] = value_states.transpose(1, 2)
        if step.is_fresh:
            return key_states, value_states
        if step.is_prefix:
            rows = len(step.slots)
            return keys[:rows, :, : step.length], values[:rows, :, : step.length]
        return keys[step.slots, :, : step.length], values[step.slots, :, : step.length]

    def attend(
        self,
        module: torch.nn.Module,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attention_mask: torch.Tensor | None,
        dropout: float = 0.0,
        scaling: float | None = None,
        sliding_window: int | None = None,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, None]:
        """Transformers' attention interface; returns [rows, tokens, heads, head size]."""
        _refuse_unknown_attention(kwargs)
        step = self._step
        assert step is not None
        window = sliding_window if sliding_window is not None and sliding_window < step.length else None
        groups = query.shape[1] // key.shape[1]
        if query.shape[2] == 1:
            # The query heads that share a key head become rows of one small matrix: no key is ever copied.
            packed = query.view(query.shape[0], key.shape[1], groups, query.shape[3])
            mask = None if step.is_uniform and window is None else self._mask(step, window, query.dtype)
            out = functional.scaled_dot_product_attention(packed, key, value, attn_mask=mask, scale=scaling)
            return out.reshape(query.shape[0], 1, query.shape[1], query.shape[3]), None
        if groups > 1:
            key, value = _repeat(key, groups), _repeat(value, groups)
        if step.is_fresh and window is None:
            out = functional.scaled_dot_product_attention(query, key, value, is_causal=True, scale=scaling)
        else:
            mask = self._mask(step, window, query.dtype)
            out = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scaling)
        return out.transpose(1, 2), None

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return 0 if self._step is None else self._step.length - self._step.positions.shape[1]

    def _mask(self, step: Step, window: int | None, dtype: torch.dtype) -> torch.Tensor:
        """Return the additive mask [rows, 1, tokens, keys] of this pass, made once for all layers."""
        if window not in step.masks:
            index = torch.arange(step.length, device=step.positions.device)
            last = step.positions[:, None, :, None]
            hidden = index > last
            if window is not None:
                hidden = hidden | (index <= last - window)
            mask = torch.zeros(hidden.shape, dtype=dtype, device=hidden.device)
            step.masks[window] = mask.masked_fill_(hidden, float("-inf"))
        return step.masks[window]

    def _pool(self, pools: dict[int, torch.Tensor], layer: int, like: torch.Tensor) -> torch.Tensor:
        pool = pools.get(layer)
        if pool is None or pool.shape[0] < self._num_slots or pool.shape[2] < self._length:
            # Zeros, not garbage: a masked key of NaN would still poison the sum.
            grown = like.new_zeros(self._num_slots, like.shape[1], self._length, like.shape[3])
            if pool is not None:
                grown[: pool.shape[0], :, : pool.shape[2]] = pool
            pools[layer] = pool = grown
        return pool

    def _grow(self, num_slots: int, length: int) -> None:
        while self._num_slots < num_slots:
            self._num_slots = min(self._max_slots, max(2, self._num_slots * 2))
        while self._length < length:
            self._length = max(LENGTH_BLOCK, self._length * 2)
        self._length = min(self._length, max(self._max_length, length))


def _repeat(states: torch.Tensor, times: int) -> torch.Tensor:
    rows, heads, length, size = states.shape
    return states[:, :, None].expand(rows, heads, times, length, size).reshape(rows, heads * times, length, size)


class UnknownAttention(NotImplementedError):
    """The architecture's attention has a part that this engine does not compute."""

    def __init__(self, part: str) -> None:
        super().__init__(part)
        self.part = part


def _refuse_unknown_attention(options: dict[str, Any]) -> None:
    for name in ("softcap", "s_aux", "position_bias"):
        if options.get(name) is not None:
            raise UnknownAttention(name)
