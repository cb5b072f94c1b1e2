"""What this machine can do: device, number format, threads, attention. Asked, never assumed."""

import os
import resource
from dataclasses import dataclass
from pathlib import Path

import torch

from trainer.failures import Failure

CPU_TOKEN_BUDGET = 512
"""Padded tokens of one micro-batch on a CPU: as fast as larger ones at half the memory (measured)."""
LARGEST_CPU_BUDGET = 2048
ACTIVATION_BYTES = 2 * 2**30
"""What a micro-batch without padding may fill on a CPU: a whole batch at once is 10 % faster than halves (measured)."""
GPU_TOKEN_BUDGET = 16_384
EAGER_LIMIT = 512
"""Tokens up to which eager attention is used on CPU: faster there, but its memory grows with the square."""

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """Where and how one rank computes."""

    device: torch.device
    device_name: str
    """For people: the processor's own name."""
    dtype: torch.dtype
    """Of weights and activations; trainable weights always have an fp32 master."""
    threads: int
    attention: str
    """attn_implementation for Transformers."""
    token_budget: int
    """Padded tokens of one micro-batch."""

    @property
    def dtype_name(self) -> str:
        return str(self.dtype).removeprefix("torch.")


def survey(*, dtype: str, threads: int, local_rank: int, longest: int) -> Hardware:
    """Choose for this process; `longest` is the longest conversation in tokens."""
    torch.set_num_threads(threads)
    if torch.cuda.is_available():
        device = torch.device("cuda", local_rank)
        torch.cuda.set_device(device)
        chosen = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
        name, attention, budget = torch.cuda.get_device_name(device), "sdpa", GPU_TOKEN_BUDGET
    else:
        device = torch.device("cpu")
        chosen = torch.bfloat16 if dtype == "auto" and _cpu_has_bf16() else torch.float32
        if dtype == "float16":
            raise Failure("unsupported", "Processors do not train in float16. Choose the dtype float32 or bfloat16.")
        name, attention, budget = _cpu_name(), "eager" if longest <= EAGER_LIMIT else "sdpa", CPU_TOKEN_BUDGET
    return Hardware(
        device=device,
        device_name=name,
        dtype=chosen if dtype == "auto" else DTYPES[dtype],
        threads=threads,
        attention=attention,
        token_budget=budget,
    )


def peak_memory_bytes(device: torch.device) -> int:
    """Return the most memory held so far: of the GPU's allocator, or of this process on a CPU."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def available_cores() -> int:
    """Return the number of cores that this process may run on."""
    return len(os.sched_getaffinity(0))


def _cpu_has_bf16() -> bool:
    """Ask the processor's flags, not the clock: without the units bf16 is up to seven times slower than fp32.

    Timing would answer differently from one attempt to the next on a busy machine, and a resumed run would then go on
    with other numbers than an undisturbed one.
    """
    return not {"amx_bf16", "avx512_bf16"}.isdisjoint(_cpuinfo("flags").split())


def _cpu_name() -> str:
    return _cpuinfo("model name") or "CPU"


def _cpuinfo(key: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.split("\t")[0] == key), "")
