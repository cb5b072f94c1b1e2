"""Logits and loss only where a next token is learned: the output layer is 28 % of SmolLM2's arithmetic."""

from collections.abc import Callable
from typing import Any, Unpack

import torch
from torch import nn
from torch.nn import functional

from trainer.data import Inputs, MicroBatch
from trainer.dense import Dense
from trainer.internals import is_spread
from trainer.questions import asleep, whole

ROWS_AT_ONCE = 4096
"""Labels that are compared with the vocabulary at the same time."""
WORDS_AT_ONCE = {"cpu": 4096, "cuda": 16_384}
"""Entries of the vocabulary whose logits are in memory at the same time: on CPUs in the cache."""


class LabelLoss:
    """The logits of a causal model, and their cross-entropy, at the positions whose next token is learned.

    A hook on the output layer picks the hidden states, so that whatever an architecture does to its logits afterwards
    (scaling, soft capping) still happens. Where it does nothing, and the output layer is not trained itself, logits and
    their gradient are made a piece of the vocabulary at a time and never kept (Cut Cross-Entropy, arXiv:2411.09009).
    """

    def __init__(self, causal: Any) -> None:
        self._head: Any = causal.get_output_embeddings()
        self._picked: torch.Tensor | None = None
        self._passes_through = False
        self._head_forward = self._head.forward
        self._head.register_forward_pre_hook(self._pick)
        self._head.forward = self._forward
        self.products = _in_pieces(self._head.weight) if self._can_be_fused(causal) else []

    def logits(self, model: Callable[..., Any], batch: MicroBatch, **inputs: Unpack[Inputs]) -> torch.Tensor:
        """Return fp32 logits [number of labels, vocabulary]."""
        return self._call(model, batch, **inputs).float()

    def loss_sum(self, model: Callable[..., Any], batch: MicroBatch, **inputs: Unpack[Inputs]) -> torch.Tensor:
        """Return the sum of the cross-entropies of all labels, in fp32."""
        if not self.products:
            return functional.cross_entropy(self.logits(model, batch, **inputs), batch.labels, reduction="sum")
        hidden = self.hidden(model, batch, **inputs)
        loss: torch.Tensor = _LinearCrossEntropy.apply(hidden, self._head.weight, self.products, batch.labels)  # type: ignore[no-untyped-call]
        return loss

    def hidden(self, model: Callable[..., Any], batch: MicroBatch, **inputs: Unpack[Inputs]) -> torch.Tensor:
        """Return what the output layer would get, [number of labels, width]."""
        self._passes_through = True
        try:
            return self._call(model, batch, **inputs)
        finally:
            self._passes_through = False

    def _call(self, model: Callable[..., Any], batch: MicroBatch, **inputs: Unpack[Inputs]) -> torch.Tensor:
        # Found on the host: a GPU would have to be waited for.
        self._picked = batch.predicts.flatten().nonzero()[:, 0].to(batch.ids.device, non_blocking=True)
        try:
            found: torch.Tensor = model(input_ids=batch.ids, **{"use_cache": False, **batch.inputs, **inputs}).logits
        finally:
            self._picked = None
        return found[0]

    def _pick(self, _module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...] | None:
        if self._picked is None:
            return None
        return (inputs[0].flatten(0, 1)[self._picked].unsqueeze(0), *inputs[1:])

    def _forward(self, hidden: torch.Tensor) -> Any:
        return hidden if self._passes_through else self._head_forward(hidden)

    @torch.no_grad()
    def _can_be_fused(self, causal: Any) -> bool:
        """Ask the model itself, with a word of two tokens, whether it hands on what its output layer says.

        For this once the layer says large numbers of both signs, which no scaling or capping would leave alone.
        """
        head = self._head
        is_plain = type(head) is nn.Linear and head.bias is None and not head.weight.requires_grad
        if not is_plain or is_spread(head.weight):
            return False
        ids = torch.zeros((1, 2), dtype=torch.int64, device=head.weight.device)
        said = torch.linspace(-1000, 1000, head.out_features, dtype=causal.dtype, device=ids.device).expand(1, 2, -1)
        head.forward = lambda _hidden: said
        with asleep(causal):
            heard = self.logits(causal, whole(ids))
        head.forward = self._forward
        return torch.equal(heard, said[0].float())


class _LinearCrossEntropy(torch.autograd.Function):
    """Sum of cross-entropies of `hidden W^T`: hidden [n, width], W [vocabulary, width] (not trained), labels [n].

    The gradient of a label's hidden state is the mean of W's rows under the softmax, less the label's own row: an
    attention of `hidden` over W. It is made in the forward pass, in one pass over the vocabulary, with the running
    maximum and sum of FlashAttention (arXiv:2205.14135).
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, products: list[Dense], labels: torch.Tensor
    ) -> torch.Tensor:
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        grad = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        for start in range(0, len(labels), ROWS_AT_ONCE):
            rows, wanted = hidden[start : start + ROWS_AT_ONCE], labels[start : start + ROWS_AT_ONCE]
            losses, mean = _look_through(rows, products, wanted, with_mean=grad is not None)
            total += losses.sum()
            if grad is not None and mean is not None:
                grad[start : start + ROWS_AT_ONCE] = mean.sub_(weight[wanted])
        ctx.save_for_backward(grad)
        return total

    @staticmethod
    def backward(ctx: Any, scale: torch.Tensor) -> tuple[Any, ...]:
        (grad,) = ctx.saved_tensors
        return grad * scale.to(grad.dtype), None, None, None


def _in_pieces(weight: torch.Tensor) -> list[Dense]:
    return [Dense(words) for words in weight.detach().split(WORDS_AT_ONCE["cuda" if weight.is_cuda else "cpu"])]


def _look_through(
    rows: torch.Tensor, products: list[Dense], wanted: torch.Tensor, *, with_mean: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return each row's cross-entropy [n], and the mean of the words under each row's softmax [n, width], in fp32."""
    highest = torch.full((len(rows), 1), -torch.inf, device=rows.device)
    sums, found = torch.zeros_like(highest), torch.zeros_like(highest)
    mean = torch.zeros_like(rows, dtype=torch.float32) if with_mean else None
    start = 0
    for words in products:
        logits = words.there(rows).float()
        place, start = wanted[:, None] - start, start + logits.shape[1]
        is_here = (place >= 0) & (place < logits.shape[1])
        found = torch.where(is_here, logits.gather(1, place.clamp(0, logits.shape[1] - 1)), found)
        higher = torch.maximum(highest, logits.amax(1, keepdim=True))
        shares = logits.sub_(higher).exp_()
        fading = (highest - higher).exp_()
        highest = higher
        sums.mul_(fading).add_(shares.sum(1, keepdim=True))
        if mean is not None:
            mean.mul_(fading)
            if rows.dtype == torch.float32:
                mean = words.back(shares, mean)
            else:
                mean += words.back(shares.to(rows.dtype))
    return (sums.log() + highest - found)[:, 0], None if mean is None else mean.div_(sums)
