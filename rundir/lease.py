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

    Times are this process's own clock, so no clock needs to agree with another; CLOCK_BOOTTIME counts the sleep of a
    suspended host where the system has it. A new value is as old as the look before it, for it may have been written
    right after that: a process that was itself stopped (SIGSTOP) finds out at its first breath, whatever was written
    meanwhile by a supervisor that has fallen silent since.
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
        self._interval = min(1.0, checkpoint_seconds / 8, timeout_seconds / 20)
        self._stopped = threading.Event()

    def stop(self) -> None:
        self._stopped.set()

    def run(self) -> None:
        self.begin()
        while not self._stopped.wait(self._interval):
            if self.has_expired():
                self._on_expired()
                return

    def begin(self) -> None:
        """Take the value that is there as written now."""
        self._value = self._read()
        self._looked_at = self._written_at = _now()
        self._silent = False

    def has_expired(self) -> bool:
        """Look once, call `on_silent` if it is time for that, and return whether the lease has run out."""
        before, self._looked_at = self._looked_at, _now()
        current = self._read()
        if current is not None and current != self._value:
            self._value, self._written_at, self._silent = current, before, False
        age = self._looked_at - self._written_at
        if age >= self._timeout_seconds:
            return True
        if age >= self._checkpoint_seconds and not self._silent:
            self._silent = True
            self._on_silent()
        return False

    def _read(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except OSError:
            return None


def _now() -> float:
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()
