"""What the operating system says of this machine, standard library only, and which answers are forced to "no"."""

import functools
import os
from enum import StrEnum
from pathlib import Path

WITHOUT = "LUTHIER_MACHINE_WITHOUT"
"""The environment variable with the abilities to treat as missing, separated by commas ("all": every one)."""
ALL = "all"


class Ability(StrEnum):
    """What may be asked for."""

    GPU = "gpu"
    GPU_BF16 = "gpu_bf16"
    """Its units for bfloat16, not an emulation."""
    LIGER = "liger"
    """Liger's Triton kernels."""
    BF16_UNITS = "bf16_units"
    """The processor's."""
    ONEDNN_FLOAT32 = "onednn_float32"
    """Products with weights that oneDNN has laid out."""
    ONEDNN_BFLOAT16 = "onednn_bfloat16"
    COMPILER = "compiler"
    """The trainer's own functions are compiled and loaded."""
    NATIVE_ATTENTION = "native_attention"
    NATIVE_RMS_NORM = "native_rms_norm"
    NATIVE_SWIGLU = "native_swiglu"
    NATIVE_NARROW = "native_narrow"


BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""Flags in /proc/cpuinfo of processors with bfloat16 units (x86, x86 with AMX, Arm)."""
ONEDNN_LIMIT = "ONEDNN_MAX_CPU_ISA"
ONEDNN_WITHOUT_BF16 = frozenset({"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI"})
"""Values of oneDNN's variable by which it does without bfloat16 units."""
FAST_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
"""Of those, where a training in bfloat16 was measured to be faster than one in float32."""


def is_forced_off(ability: Ability) -> bool:
    """Whether the environment says to treat this machine as one without `ability`."""
    return ability in _forced(os.environ.get(WITHOUT, ""))


def processor_flags() -> frozenset[str]:
    """Return the flags in /proc/cpuinfo: "flags" on x86, "Features" on Arm; without units that oneDNN may not use.

    Whoever holds oneDNN to an older instruction set takes its bfloat16 away: it would compute without the units then,
    a hundred times slower.
    """
    found = frozenset((_cpuinfo("flags") or _cpuinfo("Features")).split())
    allowed = os.environ.get(ONEDNN_LIMIT, "").upper()
    return found - BF16_FLAGS if allowed in ONEDNN_WITHOUT_BF16 else found


def trains_faster_in_bf16() -> bool:
    """Whether `auto` trains in bfloat16 on this processor: without the units that is up to seven times slower.

    The flags are asked, not the clock and no trial: either could answer differently from one attempt to the next, and
    a resumed run would then go on with other numbers than an undisturbed one.
    """
    return not is_forced_off(Ability.BF16_UNITS) and not processor_flags().isdisjoint(FAST_BF16_FLAGS)


def processor_name() -> str:
    """Return the processor's own name, or "CPU" where it has none (Arm)."""
    return _cpuinfo("model name") or "CPU"


def available_cores() -> int:
    """Return the number of cores that this process may run on."""
    return len(os.sched_getaffinity(0))


def may_have_gpu() -> bool:
    """Whether NVIDIA's driver is there; PyTorch, which knows, need not be imported for this."""
    return not is_forced_off(Ability.GPU) and Path("/dev/nvidiactl").exists()


@functools.cache
def _forced(value: str) -> frozenset[Ability]:
    names = {name.strip() for name in value.split(",")} - {""}
    known = {ability.value for ability in Ability}
    if names - known - {ALL}:
        raise ValueError(
            f"{WITHOUT} is {value!r}, but an ability is one of {', '.join(sorted(known))}; {ALL!r} means every one."
        )
    return frozenset(Ability) if ALL in names else frozenset(Ability(name) for name in names)


def _cpuinfo(key: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.split("\t")[0] == key), "")
