"""How far a download is, recorded at most twice a second."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

INTERVAL_SECONDS = 0.5


@dataclass(kw_only=True)
class Progress:
    """Counts bytes and calls `report(done, total)` now and then; `say(sentence)` marks a stage."""

    report: Callable[[int, int], None] = lambda done, total: None
    say: Callable[[str], None] = lambda sentence: None
    done: int = 0
    total: int = 0
    _told_at: float = field(default=float("-inf"), init=False)

    def begin(self, total: int) -> None:
        self.done, self.total = 0, total
        self.tell()

    def add(self, count: int) -> None:
        self.done += count
        if time.monotonic() - self._told_at >= INTERVAL_SECONDS:
            self.tell()

    def tell(self) -> None:
        self._told_at = time.monotonic()
        self.report(self.done, self.total)
