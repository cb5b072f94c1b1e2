"""Linear layers whose weights oneDNN has laid out for the processor.

Plain products of few rows reach a third of the memory's speed on some processors (MKL on AMD: 6-10 GB/s where packed
weights reach 20, measured on two Zen 4 cores with products of decoding's sizes), and decoding is nothing but such
products. What that gains a whole answer has not been measured on a quiet machine.
"""

import logging
from typing import Any

import torch
from torch import nn

from machine.answers import lays_out

log = logging.getLogger("serving")


class PackedLinear(nn.Module):
    """A linear layer on a CPU, [..., in_features] to [..., out_features]; its weight cannot be trained."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features = linear.in_features
        self.out_features = linear.out_features
        self._bias = None if linear.bias is None else linear.bias.detach()
        # No batch size is given: one layout serves every number of rows.
        self._packed = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), None)

    @property
    def weight(self) -> torch.Tensor:
        """A plain copy of the weight, [out_features, in_features], made again each time."""
        plain: torch.Tensor = self._packed.to_dense()
        return plain

    @property
    def bias(self) -> torch.Tensor | None:
        return self._bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = x.reshape(-1, self.in_features)
        out: torch.Tensor = torch.ops.mkldnn._linear_pointwise(rows, self._packed, self._bias, "none", [], "")
        return out.view(*x.shape[:-1], self.out_features)


def pack_linears(model: Any, dtype: torch.dtype) -> None:
    """Replace the linear layers of `model`, which must be on the CPU, one by one, so that memory grows by one only.

    A weight shared with the embedding (the output layer's, mostly) stays where the embedding needs it.
    """
    if not lays_out(dtype):
        log.info("Linear layers are computed by PyTorch's own products, which are slower: oneDNN lays out none here.")
        return
    with torch.inference_mode():
        for parent in list(model.modules()):
            for name, child in list(parent.named_children()):
                if type(child) is nn.Linear and child.weight.dtype == dtype:
                    setattr(parent, name, PackedLinear(child))
