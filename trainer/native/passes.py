"""RMSNorm, SwiGLU and LoRA's narrow products with their gradients."""

from ctypes import c_float, c_void_p
from typing import Any

import torch

from trainer.native import call


class RMSNorm(torch.autograd.Function):
    """`x / sqrt(mean(x^2) + epsilon) * weight` over the last dimension (arXiv:1910.07467); weight is not learned."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, epsilon: float) -> torch.Tensor:
        x, weight = x.contiguous(), weight.contiguous()
        width = x.shape[-1]
        out, inverse = torch.empty_like(x), x.new_empty(x.numel() // width)
        call("rms_norm_forward", x, weight, c_float(epsilon), out, inverse, len(inverse), width)
        ctx.save_for_backward(x, weight, inverse)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[Any, ...]:
        x, weight, inverse = ctx.saved_tensors
        grad, grad_x = grads[0].contiguous(), torch.empty_like(x)
        call("rms_norm_backward", grad, x, weight, inverse, grad_x, len(inverse), x.shape[-1])
        return grad_x, None, None


class SwiGLU(torch.autograd.Function):
    """`silu(gate) * up` (arXiv:2002.05202), both of one shape."""

    @staticmethod
    def forward(ctx: Any, gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
        gate, up = gate.contiguous(), up.contiguous()
        out = torch.empty_like(gate)
        call("swiglu_forward", gate, up, out, out.numel())
        ctx.save_for_backward(gate, up)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[Any, ...]:
        gate, up = ctx.saved_tensors
        grad, grad_gate, grad_up = grads[0].contiguous(), torch.empty_like(gate), torch.empty_like(up)
        call("swiglu_backward", grad, gate, up, grad_gate, grad_up, grad.numel())
        return grad_gate, grad_up


def narrow(x: torch.Tensor, a: torch.Tensor, scale: float) -> torch.Tensor:
    """Return `scale * x a^T` [tokens, rank] of x [tokens, width], a [rank, width]."""
    x, a = x.contiguous(), a.contiguous()
    low = x.new_empty((len(x), len(a)))
    call("narrow", x, a, c_float(scale), low, len(x), x.shape[1], len(a))
    return low


def narrow_and_gather(
    wide: torch.Tensor, b: torch.Tensor, scale: float, low: torch.Tensor, said: torch.Tensor
) -> torch.Tensor:
    """Write `scale * wide b^T` into `said` and return `low^T wide`, in one pass over wide [tokens, width].

    b is [rank, width]; low and said are [tokens, rank], and may be columns of something wider.
    """
    wide, b = wide.contiguous(), b.contiguous()
    grad_b = torch.empty_like(b)
    sizes = (len(wide), wide.shape[1], len(b))
    call("narrow_and_gather", wide, b, c_float(scale), said, said.stride(0), low, low.stride(0), grad_b, *sizes)
    return grad_b


def gather(wide: torch.Tensor, low: torch.Tensor) -> torch.Tensor:
    """Return `low^T wide` [rank, width] of wide [tokens, width], low [tokens, rank]."""
    wide = wide.contiguous()
    found = wide.new_empty((low.shape[1], wide.shape[1]))
    sizes = (len(wide), wide.shape[1], low.shape[1])
    call("narrow_and_gather", wide, found, c_float(0), c_void_p(), 0, low, low.stride(0), found, *sizes)
    return found
