"""Logits and loss only where a next token is learned: the output layer is 28 % of SmolLM2's arithmetic."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from trainer.data import MicroBatch

ROWS_AT_ONCE = {"cpu": 256, "cuda": 4096}
"""Labels whose logits are in memory at the same time."""


class LabelLoss:
    """The logits of a causal model, and their cross-entropy, at the positions whose next token is learned.

    A hook on the output layer picks the hidden states, so that whatever an architecture does to its logits afterwards
    (scaling, soft capping) still happens. Where it does nothing, and the output layer is not trained itself, logits and
    their gradient are made a few rows at a time and never kept (the fused linear cross-entropy of Liger Kernel).
    """

    def __init__(self, causal: Any) -> None:
        self._head: Any = causal.get_output_embeddings()
        self._picked: torch.Tensor | None = None
        self._passes_through = False
        self._head_forward = self._head.forward
        self._head.register_forward_pre_hook(self._pick)
        self._head.forward = self._forward
        self._is_fused = self._can_be_fused(causal)

    def logits(self, model: Callable[..., Any], batch: MicroBatch, **inputs: Any) -> torch.Tensor:
        """Return fp32 logits [number of labels, vocabulary]."""
        return self._call(model, batch, **inputs).float()

    def loss_sum(self, model: Callable[..., Any], batch: MicroBatch, **inputs: Any) -> torch.Tensor:
        """Return the sum of the cross-entropies of all labels, in fp32."""
        if not self._is_fused:
            return functional.cross_entropy(self.logits(model, batch, **inputs), batch.labels, reduction="sum")
        hidden = self.hidden(model, batch, **inputs)
        loss: torch.Tensor = _LinearCrossEntropy.apply(hidden, self._head.weight, batch.labels)  # type: ignore[no-untyped-call]
        return loss

    def hidden(self, model: Callable[..., Any], batch: MicroBatch, **inputs: Any) -> torch.Tensor:
        """Return what the output layer would get, [number of labels, width]."""
        self._passes_through = True
        try:
            return self._call(model, batch, **inputs)
        finally:
            self._passes_through = False

    def _call(self, model: Callable[..., Any], batch: MicroBatch, **inputs: Any) -> torch.Tensor:
        self._picked = batch.predicts
        try:
            found: torch.Tensor = model(input_ids=batch.ids, **{"use_cache": False, **inputs}).logits
        finally:
            self._picked = None
        return found[0]

    def _pick(self, _module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...] | None:
        if self._picked is None:
            return None
        return (inputs[0][self._picked].unsqueeze(0), *inputs[1:])

    def _forward(self, hidden: torch.Tensor) -> Any:
        return hidden if self._passes_through else self._head_forward(hidden)

    @torch.no_grad()
    def _can_be_fused(self, causal: Any) -> bool:
        """Ask the model itself, with a word of two tokens, whether it hands on what its output layer says.

        For this once the layer says large numbers of both signs, which no scaling or capping would leave alone.
        """
        head = self._head
        is_plain = type(head) is nn.Linear and head.bias is None and not head.weight.requires_grad
        if not is_plain or hasattr(head.weight, "ds_id"):
            return False
        ids = torch.zeros((1, 2), dtype=torch.int64, device=head.weight.device)
        said = torch.linspace(-1000, 1000, head.out_features, dtype=causal.dtype, device=ids.device).expand(1, 2, -1)
        was_training = causal.training
        causal.eval()
        head.forward = lambda _hidden: said
        heard = self.logits(causal, MicroBatch(ids=ids, predicts=torch.ones_like(ids, dtype=torch.bool), labels=ids[0]))
        head.forward = self._forward
        causal.train(was_training)
        return torch.equal(heard, said[0].float())


class _LinearCrossEntropy(torch.autograd.Function):
    """Sum of cross-entropies of `hidden W^T`: hidden [n, width], W [vocabulary, width] (not trained), labels [n].

    The gradient of the hidden states is made in the forward pass, while the logits are there.
    """

    @staticmethod
    def forward(ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        grad = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        size = ROWS_AT_ONCE["cuda" if hidden.is_cuda else "cpu"]
        for start in range(0, len(labels), size):
            rows, wanted = hidden[start : start + size], labels[start : start + size, None]
            logs = torch.log_softmax((rows @ weight.t()).float(), dim=-1)
            total -= logs.gather(1, wanted).sum()
            if grad is not None:
                # The derivative by the logits is the softmax, less 1 at the label.
                share = logs.exp_()
                share.scatter_add_(1, wanted, torch.full_like(wanted, -1, dtype=share.dtype))
                torch.mm(share.to(weight.dtype), weight, out=grad[start : start + size])
        ctx.save_for_backward(grad)
        return total

    @staticmethod
    def backward(ctx: Any, scale: torch.Tensor) -> tuple[Any, ...]:
        (grad,) = ctx.saved_tensors
        return grad * scale.to(grad.dtype), None, None
