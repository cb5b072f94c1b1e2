"""Environment variables that libraries read only once, when they are imported."""

import os
import sys
from pathlib import Path

from machine.facts import may_have_gpu


def prepare_environment(threads: int | None = None) -> None:
    """Set them for this process and those it starts; `threads` bounds OpenMP's pool."""
    if threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(threads)
    for name, value in (
        ("HF_HUB_OFFLINE", "1"),
        ("HF_HUB_DISABLE_PROGRESS_BARS", "1"),
        ("TRANSFORMERS_VERBOSITY", "error"),
        ("TOKENIZERS_PARALLELISM", "false"),
        # PyTorch asks for large pages for large tensors: page faults were some 5 % of a step without.
        ("THP_MEM_ALLOC_ENABLE", "1"),
    ):
        os.environ.setdefault(name, value)
    if not may_have_gpu():
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
    # DeepSpeed compiles with the ninja that it finds: the one beside this Python, also in an environment that is not
    # activated.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
