"""A line that says how far something is, below the lines that have been said. On a terminal only."""

from __future__ import annotations

import shutil
import sys
import time

from luthier.cli.base import Run, size_of, span_of
from luthier.speaking import _

WIDTH = 24
ERASE = "\r\x1b[K"


class Bar:
    """Drawn to standard error, so that what is printed stays what was asked for."""

    def __init__(self, run: Run) -> None:
        self.is_shown = sys.stderr.isatty() and not run.as_json
        self.began = time.monotonic()
        self.line = ""

    def bytes(self, done: int, total: int) -> None:
        """Show how much of a file is there."""
        self.draw(done, total, f"{size_of(done)} / {size_of(total)}")

    def draw(self, done: int, total: int, text: str) -> None:
        """Show `done` of `total`, with a text behind it."""
        share = min(1.0, done / total) if total else 0.0
        filled = round(share * WIDTH)
        left = self._left(share)
        self.show(f"[{'█' * filled}{'·' * (WIDTH - filled)}] {share:4.0%}  {text}{left}")

    def show(self, line: str) -> None:
        """Put a line where the last one stood."""
        self.line = line[: shutil.get_terminal_size().columns - 1]
        if self.is_shown:
            print(f"{ERASE}{self.line}", end="", file=sys.stderr, flush=True)

    def above(self, run: Run, sentence: str) -> None:
        """Say something above the line."""
        self.clear()
        run.tell(sentence)
        if self.is_shown and self.line:
            print(self.line, end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self.is_shown:
            print(ERASE, end="", file=sys.stderr, flush=True)

    def _left(self, share: float) -> str:
        """Return how long the rest should take, once that can be said."""
        spent = time.monotonic() - self.began
        if not 0.02 < share < 1 or spent < 2:
            return ""
        return "  " + _("{time} left").format(time=span_of(spent / share - spent))
