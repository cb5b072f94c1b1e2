"""The lease file: how a process tree learns that no supervisor looks after it any more."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from rundir.paths import write_atomically


def write_lease(path: Path, value: str) -> None:
    """Write a value that differs from the one before; a watching tree takes that as a sign of life."""
    write_atomically(path, value.encode())


class LeaseWatch(threading.Thread):
    """Watch `path` and call `on_silent` once at `checkpoint_seconds` and `on_expired` once at `timeout_seconds`.

    Times are this process's monotonic clock since the last new value, so no clock needs to agree with another. A
    process that was itself stopped (SIGSTOP, suspended host) finds out at its first breath, since CLOCK_BOOTTIME
    counts sleep where the system has it.
    """

    def __init__(
        self,
        path: Path,
        *,
        checkpoint_seconds: float,
        timeout_seconds: float,
        on_silent: Callable[[], None],
        on_expired: Callable[[], None],
    ) -> None:
        super().__init__(name="lease-watch", daemon=True)
        self._path = path
        self._checkpoint_seconds = checkpoint_seconds
        self._timeout_seconds = timeout_seconds
        self._on_silent = on_silent
        self._on_expired = on_expired
        self._interval = min(1.0, timeout_seconds / 20)
        self._stopped = threading.Event()

    def stop(self) -> None:
        self._stopped.set()

    def run(self) -> None:
        value = self._read()
        seen_at = _now()
        silent = False
        while not self._stopped.wait(self._interval):
            current = self._read()
            if current is not None and current != value:
                value, seen_at, silent = current, _now(), False
            age = _now() - seen_at
            if age >= self._timeout_seconds:
                self._on_expired()
                return
            if age >= self._checkpoint_seconds and not silent:
                silent = True
                self._on_silent()

    def _read(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except OSError:
            return None


def _now() -> float:
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()
