"""Whether something works on this machine: tried once in a process, and remembered.

Nothing here decides what `auto` chooses (`machine.facts.trains_faster_in_bf16` does): an ability is only the way by
which the same numbers are had sooner, up to rounding. Whoever has an ability to offer gives its trial.
"""

import importlib
import logging
from collections.abc import Callable

import torch

from machine.facts import BF16_FLAGS, WITHOUT, Ability, is_forced_off, processor_flags

log = logging.getLogger(__name__)

Trial = Callable[[], str]
"""Says why not; an empty text when it works."""

NEEDS = {
    Ability.GPU_BF16: Ability.GPU,
    Ability.LIGER: Ability.GPU,
    Ability.NATIVE_ATTENTION: Ability.COMPILER,
    Ability.NATIVE_RMS_NORM: Ability.COMPILER,
    Ability.NATIVE_SWIGLU: Ability.COMPILER,
    Ability.NATIVE_NARROW: Ability.COMPILER,
}
HOMES = {
    Ability.LIGER: "trainer.fused_passes",
    Ability.COMPILER: "trainer.native.trials",
    Ability.NATIVE_ATTENTION: "trainer.native.trials",
    Ability.NATIVE_RMS_NORM: "trainer.native.trials",
    Ability.NATIVE_SWIGLU: "trainer.native.trials",
    Ability.NATIVE_NARROW: "trainer.native.trials",
}
"""Where trials stand that are not ours: imported only when somebody asks, since they import what they try."""
ONEDNN = {torch.float32: Ability.ONEDNN_FLOAT32, torch.bfloat16: Ability.ONEDNN_BFLOAT16}
CLOSE = {torch.float32: 1e-5, torch.bfloat16: 2e-2}

_trials: dict[Ability, Trial] = {}
_reasons: dict[Ability, str] = {}


def can(ability: Ability) -> bool:
    """Whether this machine has `ability`."""
    return not why_not(ability)


def why_not(ability: Ability) -> str:
    """Return why this machine lacks `ability`, or an empty text."""
    if is_forced_off(ability):
        return f"{WITHOUT} names {ability.value}"
    if ability in NEEDS and (reason := why_not(NEEDS[ability])):
        return reason
    if ability not in _reasons:
        if ability not in _trials:
            importlib.import_module(HOMES[ability])
        _reasons[ability] = _try(ability)
    return _reasons[ability]


def lays_out(dtype: torch.dtype) -> bool:
    """Whether oneDNN computes products of `dtype` with weights that it has laid out."""
    return dtype in ONEDNN and can(ONEDNN[dtype])


def trial(ability: Ability) -> Callable[[Trial], Trial]:
    """Make a function the one that tries `ability`."""

    def register(function: Trial) -> Trial:
        _trials[ability] = function
        return function

    return register


def _try(ability: Ability) -> str:
    try:
        reason = _trials[ability]()
    except MemoryError:
        raise  # which says nothing about the machine
    except Exception as error:  # whatever a trial ends in, the answer is no
        reason = str(error) or type(error).__name__
    if reason:
        log.info("This machine has no %s: %s", ability.value, reason)
    return reason


@trial(Ability.GPU)
def _gpu() -> str:
    return "" if torch.cuda.is_available() else "PyTorch sees no GPU"


@trial(Ability.GPU_BF16)
def _gpu_bf16() -> str:
    return "" if torch.cuda.is_bf16_supported(including_emulation=False) else "this GPU has no units for bfloat16"


@trial(Ability.BF16_UNITS)
def _bf16_units() -> str:
    has_none = processor_flags().isdisjoint(BF16_FLAGS)
    return "this processor has no units for bfloat16" if has_none else ""


@trial(Ability.ONEDNN_FLOAT32)
def _onednn_float32() -> str:
    return _onednn(torch.float32)


@trial(Ability.ONEDNN_BFLOAT16)
def _onednn_bfloat16() -> str:
    return _onednn(torch.bfloat16)


def _onednn(dtype: torch.dtype) -> str:
    """Compute every kind of product that we ask of oneDNN: weights laid out for any or many rows, or as they lie."""
    if not torch.backends.mkldnn.is_available():
        return "this PyTorch has no oneDNN"
    draw = torch.Generator().manual_seed(0)
    rows, weight, added = (torch.randn(shape, generator=draw).to(dtype) for shape in ((5, 32), (16, 32), (5, 16)))
    expected = rows.float() @ weight.float().t()
    product = torch.ops.mkldnn._linear_pointwise
    with torch.no_grad():
        for laid_out in (weight, *(torch.ops.mkldnn._reorder_linear_weight(weight, count) for count in (None, 1024))):
            plain = product(rows, laid_out, None, "none", [], "")
            summed = product.binary(rows, added, laid_out, None, "add")
            for found, right in ((plain, expected), (summed, expected + added.float())):
                if not is_close(found, right, CLOSE[dtype]):
                    return f"oneDNN's products in {str(dtype).removeprefix('torch.')} are wrong here"
    return ""


def is_close(found: torch.Tensor, expected: torch.Tensor, tolerance: float) -> bool:
    """Whether two tensors differ by less than `tolerance` of the second's length; NaN is never close."""
    return bool((found.float() - expected).norm() < tolerance * expected.norm())
