"""Holding an answer to a form while it is decoded: which tokens may come next, from llguidance."""

from collections.abc import Sequence

import torch
from llguidance import LLExecutor, LLMatcher

_BITS = torch.tensor([[byte >> bit & 1 for bit in range(8)] for byte in range(256)], dtype=torch.bool)


class Constraint:
    """The form of one answer, and how far the answer has followed it."""

    def __init__(self, matcher: LLMatcher) -> None:
        self.matcher = matcher

    def another(self) -> "Constraint":
        """Return the same form for another answer, from its beginning."""
        return Constraint(self.matcher.deep_copy())

    def take(self, token: int) -> bool:
        """Follow the form by a token; return False where the form does not allow it, or has become too complex."""
        return self.matcher.consume_token(token)

    @property
    def is_whole(self) -> bool:
        """True when the answer is whole, and nothing can follow."""
        return self.matcher.is_stopped()


class Masks:
    """Finds for a whole batch, at once and on several threads, which tokens its forms allow."""

    def __init__(self) -> None:
        self._executor = LLExecutor(num_threads=max(1, torch.get_num_threads()))
        self._bits = _BITS

    def apply(self, constraints: Sequence[Constraint | None], logits: torch.Tensor) -> torch.Tensor:
        """Return `logits`, [rows, vocabulary], with minus infinity where a row's form allows no token."""
        if not any(constraints):
            return logits
        rows = [row for row, constraint in enumerate(constraints) if constraint is not None]
        width = (logits.shape[1] + 31) // 32
        packed = torch.zeros(len(rows), width, dtype=torch.int32)
        matchers = [(constraints[row].matcher, number) for number, row in enumerate(rows)]  # type: ignore[union-attr]
        self._executor.unsafe_compute_mask_ptr(matchers, packed.data_ptr(), width * 4, len(rows))
        self._bits = self._bits.to(logits.device)
        parts = packed.view(torch.uint8).to(logits.device, torch.int32)
        allowed = self._bits[parts].view(len(rows), -1)[:, : logits.shape[1]]
        out = logits.clone()
        out[rows] = logits[rows].masked_fill(~allowed, float("-inf"))
        return out
