"""Figures with their proof: `python -m benchmarks.NAME [--quick]` prints one JSON line last."""

import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "platform"))  # after the root, as manage.py puts it
