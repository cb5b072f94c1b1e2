"""Why and when a replica stops. Standard library only: it must work while torch is still being imported."""

import os
import signal
import threading
from typing import Protocol

from rundir import LeaseWatch, RunDirectory


class StopRequested(Exception):
    """The run was asked to stop while it was starting."""


class Leased(Protocol):
    """A spec that says how long its process may do without a lease."""

    @property
    def lease_checkpoint_seconds(self) -> float | None: ...

    @property
    def lease_timeout_seconds(self) -> float | None: ...


class StopSwitch:
    """One switch for SIGTERM, SIGINT and a silent lease."""

    def __init__(self) -> None:
        self.reason = ""
        self._set = threading.Event()

    def obey_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, frame: self.request("signal"))

    def obey_lease(self, directory: RunDirectory, spec: Leased) -> None:
        """Stop when the lease falls silent; end the process when it has expired, whatever it is doing."""
        if spec.lease_timeout_seconds is None:
            return
        silent = spec.lease_checkpoint_seconds
        LeaseWatch(
            directory.lease,
            checkpoint_seconds=spec.lease_timeout_seconds * 0.8 if silent is None else silent,
            timeout_seconds=spec.lease_timeout_seconds,
            on_silent=lambda: self.request("lease"),
            on_expired=lambda: os._exit(1),
        ).start()

    def request(self, reason: str) -> None:
        self.reason = self.reason or reason
        self._set.set()

    @property
    def is_requested(self) -> bool:
        return self._set.is_set()

    def check(self) -> None:
        """Raise StopRequested if a stop was requested; called between the stages of the start."""
        if self.is_requested:
            raise StopRequested
