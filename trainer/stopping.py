"""Being asked to stop: by SIGTERM, by Ctrl-C, or by a lease that is no longer renewed."""

import os
import signal
import sys
from types import FrameType

from rundir import LeaseWatch, RunDirectory
from trainer.spec import TrainingSpec

REASONS = {signal.SIGTERM: "sigterm", signal.SIGINT: "sigint"}
EXPIRED = 75
"""Exit status after an expired lease (sysexits' EX_TEMPFAIL)."""


class StopRequest:
    """A request that the loop looks at after every step."""

    def __init__(self) -> None:
        self.reason: str | None = None

    def listen(self) -> None:
        """Take SIGTERM and SIGINT as the request to stop after the current step."""
        for number in REASONS:
            signal.signal(number, self._on_signal)

    def ask(self, reason: str) -> None:
        self.reason = self.reason or reason

    def watch_lease(self, directory: RunDirectory, spec: TrainingSpec) -> None:
        """Checkpoint and stop when the lease is no longer renewed; leave at once when it has expired."""
        if spec.lease_checkpoint_seconds is None or spec.lease_timeout_seconds is None:
            return
        LeaseWatch(
            directory.lease,
            checkpoint_seconds=spec.lease_checkpoint_seconds,
            timeout_seconds=spec.lease_timeout_seconds,
            on_silent=lambda: self.ask("lease_silent"),
            on_expired=_leave,
        ).start()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self.ask(REASONS[signal.Signals(number)])


def _leave() -> None:
    """End this process whatever it is doing: another one may take the job over from now on."""
    sys.stderr.write("The lease was not renewed in time; this process ends now.\n")
    sys.stderr.flush()
    os._exit(EXPIRED)
