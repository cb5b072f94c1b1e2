"""What this machine can do: device, number format, threads. Asked, never assumed."""

import resource
from dataclasses import dataclass

import torch

from machine import facts
from machine.answers import can, lays_out
from machine.facts import Ability
from trainer.failures import Failure
from trainer.messages import message
from wording import Message

CPU_TOKEN_BUDGET = 512
"""Padded tokens of one micro-batch on a CPU: as fast as larger ones at half the memory (measured)."""
LARGEST_CPU_BUDGET = 2048
ACTIVATION_BYTES = 2 * 2**30
"""What a micro-batch without padding may fill on a CPU: a whole batch at once is 10 % faster than halves (measured)."""
GPU_TOKEN_BUDGET = 16_384

NATIVE = (
    Ability.NATIVE_ATTENTION, Ability.NATIVE_RMS_NORM, Ability.NATIVE_SWIGLU, Ability.NATIVE_NARROW,
)  # fmt: skip

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
    token_budget: int
    """Padded tokens of one micro-batch."""

    @property
    def dtype_name(self) -> str:
        return str(self.dtype).removeprefix("torch.")


def survey(*, dtype: str, threads: int, local_rank: int) -> Hardware:
    """Choose for this process."""
    torch.set_num_threads(threads)
    if can(Ability.GPU):
        device = torch.device("cuda", local_rank)
        torch.cuda.set_device(device)
        chosen = torch.bfloat16 if can(Ability.GPU_BF16) else torch.float16
        name, budget = torch.cuda.get_device_name(device), GPU_TOKEN_BUDGET
    else:
        device = torch.device("cpu")
        chosen = torch.bfloat16 if facts.trains_faster_in_bf16() else torch.float32
        if dtype == "float16":
            raise Failure("unsupported", message("no_float16_on_processors"))
        name, budget = facts.processor_name(), CPU_TOKEN_BUDGET
    return Hardware(
        device=device,
        device_name=name,
        dtype=chosen if dtype == "auto" else DTYPES[dtype],
        threads=threads,
        token_budget=budget,
    )


def peak_memory_bytes(device: torch.device) -> int:
    """Return the most memory held so far: of the GPU's allocator, or of this process on a CPU."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def shortcomings(hardware: Hardware) -> list[Message]:
    """Return what this processor is slower without; what is computed is the same up to rounding."""
    if hardware.device.type != "cpu":
        return []
    found = []
    if hardware.dtype == torch.bfloat16 and not can(Ability.BF16_UNITS):
        found.append(message("no_bf16_units"))
    elif not lays_out(hardware.dtype):
        found.append(message("no_layouts"))
    if not can(Ability.COMPILER):
        found.append(message("no_compiler"))
    elif not all(can(ability) for ability in NATIVE):
        found.append(message("no_own_functions"))
    return found
