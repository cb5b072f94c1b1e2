"""Holding a Run: a lease by the database's clock, a fencing number, and the lock that shows a living supervisor."""

import logging
import os
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType
from typing import Any, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, models
from django.db.models import F
from django.db.models.functions import Now

from compute.models import NotHeld, Run
from compute.node.devices import node_name
from rundir import RunDirectory, SupervisorLock, write_lease

logger = logging.getLogger(__name__)

DATABASE_AWAY = (OperationalError, InterfaceError)
STOPPING = threading.Event()
"""Set when this worker is asked to stop: its supervisors return and leave their trees running."""

T = TypeVar("T")


class LetGo(Exception):
    """The worker is stopping; the Run stays as it is for the next one."""


class Hold:
    """One supervisor's hold on a Run; renews itself in its own thread while entered."""

    def __init__(
        self, *, run_id: str, fencing: int, directory: RunDirectory | None, lock: SupervisorLock | None,
        stopping: threading.Event, taken_at: float,
    ) -> None:  # fmt: skip
        self.run_id = run_id
        self.fencing = fencing
        self.directory = directory
        """None where the Run's directory is on another node, or was never made."""
        self.lost = threading.Event()
        self._lock = lock
        self._stopping = stopping
        self._taken_at = taken_at
        self._ended = threading.Event()
        self._writing = threading.Lock()
        self._num_values = 0
        self._thread = threading.Thread(target=self._keep, name=f"lease-{run_id}", daemon=True)

    @classmethod
    def take(cls, run_id: str, *, holder: str, stopping: threading.Event = STOPPING) -> "Hold | None":
        """Take the Run with a new fencing number if nobody holds it, else return None.

        Nobody holds it when its lease has ended, or when, on its own node, the lock is free that a living
        supervisor holds: so a dead worker is replaced at once and a slow one never doubled. Another node may only
        conclude what is over.
        """
        run = Run.objects.live().select_related("node").filter(pk=run_id).first()
        if run is None:
            return None
        is_here = run.node is not None and run.node.name == node_name()
        if not is_here and run.state != Run.State.CONCLUDING:
            return None
        lock = _locked(run.directory) if is_here else None
        taken_at = _clock()
        is_taken = False
        try:
            is_taken = _advance(run, holder=holder, even_if_leased=lock is not None)
        finally:
            if not is_taken and lock is not None:
                lock.release()
        if not is_taken:
            return None
        directory = run.directory if is_here else None
        return cls(
            run_id=run_id, fencing=run.fencing + 1, directory=directory, lock=lock, stopping=stopping, taken_at=taken_at
        )

    def __enter__(self) -> "Hold":
        self._tell_tree(self._taken_at)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._writing:
            self._ended.set()
        self._thread.join(timeout=settings.TIMES.lease_retry_seconds)
        self._give_back_lease()
        if self._lock is not None:
            self._lock.release()

    def rows(self) -> models.QuerySet[Run]:
        """Return the Run as a query that finds nothing once another supervisor holds it."""
        return Run.objects.held_by(self.run_id, self.fencing)

    def row(self) -> Run:
        """Return the Run as it is now, or raise NotHeld."""
        run = self.rows().first()
        if run is None:
            raise self._not_held()
        return run

    def write(self, **changes: Any) -> None:
        """Write to the Run, or raise NotHeld, which rolls the caller's transaction back."""
        if not self.rows().update(**changes):
            raise self._not_held()

    def _not_held(self) -> NotHeld:
        return NotHeld(f"{self.run_id} is no longer held under fencing number {self.fencing}.")

    def wait(self, seconds: float) -> None:
        """Wait, or raise LetGo when the worker is asked to stop, NotHeld when the Run was taken."""
        if self._stopping.wait(seconds):
            raise LetGo
        if self.lost.is_set():
            raise NotHeld(f"{self.run_id} was taken by another supervisor.")

    def patiently(self, action: Callable[[], T]) -> T:
        """Do `action`, again and again while the database is away."""
        while True:
            try:
                return action()
            except DATABASE_AWAY as error:
                logger.warning("The database did not answer for %s: %s", self.run_id, error)
                connection.close()
                self.wait(settings.TIMES.lease_retry_seconds)

    def _keep(self) -> None:
        """Renew the lease until the hold ends."""
        delay = settings.TIMES.lease_renew_seconds
        while not self._ended.wait(delay):
            delay = self._renew()
        connection.close()

    def _renew(self) -> float:
        """Renew once and return the seconds until the next try."""
        asked_at = _clock()
        until = Now() + timedelta(seconds=settings.TIMES.lease_seconds)
        try:
            num_changed = self.rows().update(lease_until=until)
        except DATABASE_AWAY:
            connection.close()
            return settings.TIMES.lease_retry_seconds
        if not num_changed:
            self.lost.set()
            self._ended.set()
            return 0
        self._retake_lock()
        told = self._tell_tree(asked_at)
        return settings.TIMES.lease_renew_seconds if told else 0

    def _give_back_lease(self) -> None:
        """Let the reconciler see at once that the Run is not held; the tree lives on until its own lease is silent."""
        try:
            self.rows().update(lease_until=None)
        except DATABASE_AWAY:
            connection.close()

    def _tell_tree(self, asked_at: float) -> bool:
        """Write a new value for the tree; False when the renewal was too slow for that.

        The tree lives `lease_timeout_seconds` on from a value that it sees, and the lease ends `lease_seconds` after
        it was asked for: a value written later than the difference would let the tree outlive the lease.
        """
        times = settings.TIMES
        with self._writing:
            if self._ended.is_set() or self.directory is None:
                return True
            if _clock() - asked_at >= times.lease_seconds - times.lease_timeout_seconds:
                return False
            self._num_values += 1
            try:
                write_lease(self.directory.lease, f"{self.fencing}.{self._num_values}.{time.time_ns()}")
            except OSError as error:  # a full disk: the next renewal tries again, and in the end the tree checkpoints
                logger.warning("The lease of %s could not be written: %s", self.run_id, error)
        return True

    def _retake_lock(self) -> None:
        """Take the lock once a stopped predecessor has released it, so that this supervisor can be replaced at once."""
        if self._lock is None and self.directory is not None:
            self._lock = _locked(self.directory)


def _locked(directory: RunDirectory) -> SupervisorLock | None:
    directory.create()
    lock = SupervisorLock(directory.supervisor_lock)
    return lock if lock.acquire() else None


def _advance(run: Run, *, holder: str, even_if_leased: bool) -> bool:
    """Give the Run its next fencing number; False when another supervisor was faster or holds it."""
    rows = Run.objects.live() if even_if_leased else Run.objects.unheld()
    until = Now() + timedelta(seconds=settings.TIMES.lease_seconds)
    return bool(
        rows.filter(pk=run.pk, fencing=run.fencing).update(
            fencing=F("fencing") + 1, lease_until=until, holder=f"{holder} ({os.getpid()})"
        )
    )


def _clock() -> float:
    """Return seconds of a clock that also counts the host's sleep, where there is one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
