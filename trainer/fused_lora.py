"""LoRA's linear layer as one function: the same arithmetic as PEFT's, without its passes over whole activations.

PEFT multiplies by the base, by A and by B, scales, and adds; each of these and of their gradients reads and writes a
tensor of the layer's full width. Here the narrow products are added by the wide ones while those are written, and only
the layer's input and `x A^T` (rank wide) are kept for the backward pass. It is what Unsloth and Liger do on GPUs.
"""

import functools
from typing import Any

import torch
from torch import nn

ADAPTER = "default"


def fuse(model: nn.Module) -> int:
    """Replace the forward pass of every LoRA layer that allows it, while it trains; return how many these are.

    Left to PEFT are layers with dropout, DoRA or a trained base weight, and every pass outside of training.
    """
    from peft.tuners.lora import Linear

    fused = 0
    for layer in model.modules():
        if isinstance(layer, Linear) and _is_plain(layer):
            layer.forward = functools.partial(_forward, layer)  # type: ignore[method-assign]
            fused += 1
    return fused


def _is_plain(layer: Any) -> bool:
    base = layer.get_base_layer()
    return (
        type(base) is nn.Linear
        and not base.weight.requires_grad
        and not (base.bias is not None and base.bias.requires_grad)
        and list(layer.lora_A) == [ADAPTER]
        and isinstance(layer.lora_dropout[ADAPTER], nn.Identity)
        and layer.lora_A[ADAPTER].bias is None
        and layer.lora_B[ADAPTER].bias is None
        and not layer.lora_variant
    )


def _forward(layer: Any, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
    if not layer.training or layer.disable_adapters or layer.merged or args or kwargs:
        plain: torch.Tensor = type(layer).forward(layer, x, *args, **kwargs)
        return plain
    base = layer.get_base_layer()
    a, b = layer.lora_A[ADAPTER].weight, layer.lora_B[ADAPTER].weight
    fused: torch.Tensor = _FusedLora.apply(x, base.weight, base.bias, a, b, layer.scaling[ADAPTER])  # type: ignore[no-untyped-call]
    return fused


class _FusedLora(torch.autograd.Function):
    """`x W^T + bias + scale (x A^T) B^T`: x [..., in], W [out, in], A [rank, in], B [out, rank].

    A and B may be wider than the rest (fp32 beside bf16): products are then computed in x's format, and the gradients
    that A and B get are in their own.
    """

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, a: torch.Tensor, b: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:  # fmt: skip
        rows = x.reshape(-1, x.shape[-1])
        low = (rows @ a.t().to(x.dtype)).mul_(scale)
        out = rows @ weight.t() if bias is None else torch.addmm(bias, rows, weight.t())
        out.addmm_(low, b.t().to(x.dtype))
        ctx.save_for_backward(rows, low, weight, a, b)
        ctx.scale = scale
        return out.view(*x.shape[:-1], weight.shape[0])

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[Any, ...]:
        rows, low, weight, a, b = ctx.saved_tensors
        wide = grad.reshape(-1, grad.shape[-1])
        narrow = (wide @ b.to(wide.dtype)).mul_(ctx.scale)
        grad_x = None
        if ctx.needs_input_grad[0]:
            grad_x = wide @ weight
            grad_x.addmm_(narrow, a.to(wide.dtype))
            grad_x = grad_x.view(*grad.shape[:-1], weight.shape[1])
        grad_a = (narrow.t() @ rows).to(a.dtype)
        # With the narrow side first: the same product is twice as fast on CPUs.
        grad_b = (low.t() @ wide).t().to(b.dtype)
        return grad_x, None, None, grad_a, grad_b, None
