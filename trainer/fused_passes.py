"""RMSNorm and SwiGLU as one pass each, on processors, where a pass costs what it moves.

Transformers composes them of plain operations, each of which reads, writes and keeps whole tensors for its gradient.
Each module is asked with random numbers whether it computes what the function does.
"""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from trainer.native import MULTIPLE, library
from trainer.native.passes import RMSNorm, SwiGLU
from trainer.questions import is_same

SAME = 1e-5
"""So far apart may the plain and the fused output be, relative to their size."""

Forward = Callable[[torch.Tensor], torch.Tensor]


@torch.no_grad()
def fuse_passes(causal: nn.Module) -> int:
    """Replace the forward pass of norms and gated layers while they train; return how many these are.

    Norms whose weights are learned themselves, and formats other than fp32, are left alone.
    """
    if library() is None:
        return 0
    replaced = 0
    for module in causal.modules():
        fused, width = _as_norm(module) or _as_gated(module) or (None, 0)
        if fused is not None and _is_same(module, fused, width):
            module.forward = functools.partial(_forward, module, fused)  # type: ignore[method-assign]
            replaced += 1
    return replaced


def _forward(module: Any, fused: Forward, x: torch.Tensor) -> torch.Tensor:
    if module.training and torch.is_grad_enabled():
        return fused(x)
    plain: torch.Tensor = type(module).forward(module, x)
    return plain


def _as_norm(module: Any) -> tuple[Forward, int] | None:
    epsilon = getattr(module, "variance_epsilon", getattr(module, "eps", None))
    weight: Any = getattr(module, "weight", None)
    if not isinstance(epsilon, float) or not _is_served(weight) or weight.requires_grad or list(module.children()):
        return None
    return lambda x: RMSNorm.apply(x, weight, epsilon), len(weight)  # type: ignore[no-untyped-call]


def _as_gated(module: Any) -> tuple[Forward, int] | None:
    gate, up, down = (getattr(module, f"{name}_proj", None) for name in ("gate", "up", "down"))
    weight: Any = getattr(gate, "weight", None)
    if up is None or down is None or not _is_served(weight):
        return None
    return lambda x: down(SwiGLU.apply(gate(x), up(x))), weight.shape[1]  # type: ignore[misc, no-untyped-call]


def _is_served(weight: Any) -> bool:
    return (
        isinstance(weight, torch.Tensor)
        and weight.shape[-1] % MULTIPLE == 0
        and weight.dtype == torch.float32
        and weight.device.type == "cpu"
        and not hasattr(weight, "ds_id")
    )


def _is_same(module: nn.Module, fused: Forward, width: int) -> bool:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn((1, 3, width), generator=draw)
    try:
        expected, found = module(x), fused(x)
    except (TypeError, ValueError, AttributeError, RuntimeError):  # it is given something else than one tensor
        return False
    return isinstance(expected, torch.Tensor) and is_same(found, expected, tolerance=SAME)
