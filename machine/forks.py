"""CUDA in a process that was forked from one with the libraries already imported."""

import os
import sys
from pathlib import Path


def begin_anew_without_cuda(module: str, run_dir: Path) -> None:
    """Become a fresh process where CUDA cannot be used in this fork, because an import had begun to use it.

    Whoever computes asks, not whoever only forks once more: CUDA would have begun there, and be lost to its forks.
    """
    if not os.environ.get("CUDA_VISIBLE_DEVICES") or "torch" not in sys.modules:
        return
    try:
        sys.modules["torch"].cuda.init()
    except Exception:
        os.execv(sys.executable, [sys.executable, "-m", module, str(run_dir)])  # noqa: S606
