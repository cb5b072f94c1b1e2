"""Passes over fp32 activations on processors, in C++: one each where PyTorch takes many, compiled for this processor.

`library()` gives them; whether one works here says machine.answers, and every caller has an alternative.
"""

import ctypes
import functools
import hashlib
import os
import platform
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import torch

from machine.answers import can
from machine.facts import Ability, processor_flags

MULTIPLE = 32
"""Widths of activations and heads are multiples of it: two registers of AVX-512."""
SOURCES = Path(__file__).parent
FLAGS = (
    "-O3", "-std=c++17", "-fPIC", "-shared", "-fopenmp", "-ffp-contract=fast", "-fassociative-math",
    "-freciprocal-math", "-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros",
)  # fmt: skip
"""Sums may be taken in another order; NaN stays NaN."""
TARGETS = (("-march=native",), ())
"""In turn, until the compiler takes one: not each knows the processor that it runs on. Without, it is slower code."""
COMPILER_SECONDS = 300


@functools.cache
def library() -> ctypes.CDLL:
    """Return the compiled functions of `SOURCES`, compiled now if they are not yet; raise as `compile_to` does."""
    path = _folder() / f"{_key()}.so"
    if not path.exists():
        compile_to(path)
    return ctypes.CDLL(str(path))  # PyTorch has loaded OpenMP: both share its threads


def compile_to(path: Path) -> None:
    """Compile `SOURCES`; raise OSError or SubprocessError when that cannot be done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        made = Path(scratch) / path.name
        sources = sorted(str(source) for source in SOURCES.glob("*.cpp"))
        for target in TARGETS:
            command = [os.environ.get("CXX", "g++"), *FLAGS, *target, *sources, "-o", str(made)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=COMPILER_SECONDS)
            if done.returncode == 0:
                break
        done.check_returncode()
        os.replace(made, path)


def serves(tensor: torch.Tensor, function: Ability) -> bool:
    """Whether `function` takes `tensor`."""
    return (
        tensor.dtype == torch.float32
        and tensor.device.type == "cpu"
        and tensor.shape[-1] % MULTIPLE == 0
        and can(function)
    )


def call(name: str, *arguments: Any) -> None:
    """Call a function of the library with tensors, whole numbers and values of C, and the number of threads."""
    getattr(library(), name)(*(_as_c(argument) for argument in arguments), ctypes.c_int(torch.get_num_threads()))


def _as_c(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return ctypes.c_void_p(value.data_ptr())
    return ctypes.c_int64(value) if isinstance(value, int) else value


def _folder() -> Path:
    """Return where DeepSpeed's operators are as well."""
    chosen = os.environ.get("TORCH_EXTENSIONS_DIR")
    return Path(chosen or Path.home() / ".cache" / "torch_extensions") / "luthier_native"


def _key() -> str:
    """Return a name that changes with the sources and with what the processor can do."""
    parts = [source.read_bytes() for source in sorted(SOURCES.glob("*.[ch]*"))]
    words = (*FLAGS, *(flag for target in TARGETS for flag in target), platform.machine(), *sorted(processor_flags()))
    parts.append(" ".join(words).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
