"""Each function once with small numbers, against what PyTorch computes: see machine.answers."""

import subprocess
from collections.abc import Callable, Sequence

import torch
from torch.nn import functional

from machine.answers import is_close, trial
from machine.facts import Ability
from trainer.native import library, passes
from trainer.native.attention import PackedAttention

CLOSE = 1e-4


@trial(Ability.COMPILER)
def _compiles() -> str:
    try:
        library()
    except FileNotFoundError as error:
        return f"there is no {error.filename}"
    except (OSError, subprocess.SubprocessError) as error:
        return str(getattr(error, "stderr", None) or error)
    return ""


@trial(Ability.NATIVE_RMS_NORM)
def _rms_norm() -> str:
    x, weight = _drawn((5, 64), (64,))
    return _differs(
        [x],
        lambda x: passes.RMSNorm.apply(x, weight, 1e-6),  # type: ignore[no-untyped-call]
        lambda x: x * (x.square().mean(-1, keepdim=True) + 1e-6).rsqrt() * weight,
    )


@trial(Ability.NATIVE_SWIGLU)
def _swiglu() -> str:
    return _differs(
        _drawn((5, 64), (5, 64)),
        lambda gate, up: passes.SwiGLU.apply(gate, up),  # type: ignore[no-untyped-call]
        lambda gate, up: functional.silu(gate) * up,
    )


@trial(Ability.NATIVE_NARROW)
def _narrow() -> str:
    wide, b, low = _drawn((7, 64), (5, 64), (7, 5))
    said = torch.empty(7, 5)
    of_b = passes.narrow_and_gather(wide, b, 0.5, low, said)
    pairs = [
        (passes.narrow(wide, b, 2.0), 2 * wide @ b.t()),
        (passes.gather(wide, low), low.t() @ wide),
        (of_b, low.t() @ wide),
        (said, 0.5 * wide @ b.t()),
    ]
    return _first_that_differs(pairs)


@trial(Ability.NATIVE_ATTENTION)
def _attention() -> str:
    lengths = (3, 50)
    ends = torch.tensor([0, *lengths]).cumsum(0)

    def plainly(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        rows = zip(*(side.split(lengths, 2) for side in (query, key, value)), strict=True)
        outs = [
            functional.scaled_dot_product_attention(own, keys, values, is_causal=True, scale=0.2, enable_gqa=True)
            for own, keys, values in rows
        ]
        return torch.cat(outs, 2).transpose(1, 2)

    return _differs(
        _drawn((1, 4, 53, 32), (1, 2, 53, 32), (1, 2, 53, 32)),
        lambda query, key, value: PackedAttention.apply(query, key, value, ends, 0.2),  # type: ignore[no-untyped-call]
        plainly,
    )


def _drawn(*shapes: tuple[int, ...]) -> list[torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=draw) for shape in shapes]


@torch.enable_grad()
def _differs(
    given: Sequence[torch.Tensor], ours: Callable[..., torch.Tensor], plain: Callable[..., torch.Tensor]
) -> str:
    """Compare outputs and gradients."""
    learned = [side.requires_grad_() for side in given]
    pairs = [(ours(*learned), plain(*learned))]
    (said,) = _drawn(tuple(pairs[0][1].shape))
    pairs += zip(*(torch.autograd.grad(out, learned, said) for out in pairs[0]), strict=True)
    return _first_that_differs(pairs)


def _first_that_differs(pairs: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> str:
    for found, expected in pairs:
        if not is_close(found.detach(), expected.detach(), CLOSE):
            return "it computes something else than PyTorch here"
    return ""
