"""RMSNorm and SwiGLU as one pass each: a pass costs what it moves.

Transformers composes them of plain operations, each of which reads, writes and keeps whole tensors for its gradient.
On processors ours are used, in fp32; on GPUs Liger's Triton kernels (arXiv:2410.10989), where they are installed. Each
module is asked with random numbers whether it computes what the function does.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from machine.answers import can, trial
from machine.facts import Ability
from trainer.internals import is_spread
from trainer.native import passes, serves
from trainer.questions import is_same

SAME = {torch.float32: 1e-5, torch.bfloat16: 1e-2, torch.float16: 2e-3}
"""So far apart may the plain and the fused output be, relative to their size: a few units in the last place."""

Forward = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class Functions:
    """What a device has."""

    rms_norm: Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor]
    """Of x, weight and epsilon."""
    swiglu: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    """silu of the first, times the second."""


@torch.no_grad()
def fuse_passes(causal: nn.Module) -> int:
    """Replace the forward pass of norms and gated layers while they train; return how many these are.

    Norms whose weights are learned themselves are left alone.
    """
    replaced = 0
    for module in causal.modules():
        fused, weight = _as_norm(module) or _as_gated(module) or (None, None)
        if fused is not None and weight is not None and _computes(module, fused, weight):
            module.forward = functools.partial(_forward, module, fused)  # type: ignore[method-assign]
            replaced += 1
    return replaced


def _forward(module: Any, fused: Forward, x: torch.Tensor) -> torch.Tensor:
    if module.training and torch.is_grad_enabled():
        return fused(x)
    plain: torch.Tensor = type(module).forward(module, x)
    return plain


def _as_norm(module: Any) -> tuple[Forward, torch.Tensor] | None:
    epsilon = getattr(module, "variance_epsilon", getattr(module, "eps", None))
    weight: Any = getattr(module, "weight", None)
    functions = _functions_for(weight, Ability.NATIVE_RMS_NORM)
    if functions is None or not isinstance(epsilon, float) or weight.requires_grad or list(module.children()):
        return None
    return lambda x: functions.rms_norm(x, weight, epsilon), weight


def _as_gated(module: Any) -> tuple[Forward, torch.Tensor] | None:
    gate, up, down = (getattr(module, f"{name}_proj", None) for name in ("gate", "up", "down"))
    weight: Any = getattr(gate, "weight", None)
    functions = _functions_for(weight, Ability.NATIVE_SWIGLU)
    if functions is None or up is None or down is None:
        return None
    return lambda x: down(functions.swiglu(gate(x), up(x))), weight  # type: ignore[misc]


def _functions_for(weight: Any, native: Ability) -> Functions | None:
    """Return the functions that take activations of such a weight; on processors `native` is the one that is meant."""
    if not isinstance(weight, torch.Tensor) or is_spread(weight):
        return None
    if weight.device.type == "cuda":
        return liger() if can(Ability.LIGER) else None
    return NATIVE if serves(weight, native) else None


def _computes(module: nn.Module, fused: Forward, weight: torch.Tensor) -> bool:
    x = torch.randn((1, 3, weight.shape[-1]), generator=torch.Generator().manual_seed(0))
    x = x.to(weight.device, weight.dtype)
    try:
        expected, found = module(x), fused(x)
    except (TypeError, ValueError, AttributeError, RuntimeError):  # it is given something else than one tensor
        return False
    return isinstance(expected, torch.Tensor) and is_same(found, expected, tolerance=SAME[weight.dtype])


NATIVE = Functions(
    rms_norm=lambda x, weight, epsilon: passes.RMSNorm.apply(x, weight, epsilon),  # type: ignore[no-untyped-call]
    swiglu=lambda gate, up: passes.SwiGLU.apply(gate, up),  # type: ignore[no-untyped-call]
)


@functools.cache
def liger() -> Functions | None:
    """Return Liger's functions, or None where they are not installed."""
    try:
        from liger_kernel.ops.rms_norm import LigerRMSNormFunction
        from liger_kernel.ops.swiglu import LigerSiLUMulFunction
    except ImportError:
        return None
    return Functions(
        # No offset, Llama's casts, and the gradient not written over what came in: others may still need it.
        rms_norm=lambda x, weight, epsilon: LigerRMSNormFunction.apply(x, weight, epsilon, 0.0, "llama", False),
        swiglu=lambda gate, up: LigerSiLUMulFunction.apply(gate, up),
    )


@trial(Ability.LIGER)
def _has_liger() -> str:
    return "" if liger() else "liger-kernel is not installed"
