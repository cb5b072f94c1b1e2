"""A job looked at from its platform's database while something happens to it, and what may be done to a trainer."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil

from tests.journeys.database import AWAY, PlatformDatabase
from tests.journeys.harness import RunningPlatform, wait_until, with_no_such_process

ATTEMPTS = """
SELECT attempt.number, attempt.reached_step, attempt.resumed_from_step, attempt.started_at, run.id AS run, run.state,
       run.outcome, run.fencing, run.started_at AS given_at, node.name AS node
FROM jobs_attempt attempt JOIN compute_run run ON run.id = attempt.run_id
LEFT JOIN compute_node node ON node.id = run.node_id
WHERE attempt.job_id = %s ORDER BY attempt.number
"""
BREATH_SECONDS = 0.05


class Observed:
    """One job."""

    def __init__(self, platform: RunningPlatform, job_id: str) -> None:
        self.job_id = job_id
        self.database = PlatformDatabase(platform.home)

    def attempts(self) -> list[dict[str, Any]]:
        """Return its attempts, oldest first; none while the database is away."""
        with suppress(*AWAY):
            return self.database.rows(ATTEMPTS, self.job_id)
        return []

    def is_given_devices(self, number: int = 1) -> bool:
        """Whether attempt `number` has been started by the scheduler."""
        return any(one["number"] == number and one["given_at"] for one in self.attempts())

    def trains(self, number: int) -> bool:
        """Whether attempt `number` has begun its first step."""
        return any(one["number"] == number and one["started_at"] for one in self.attempts())

    def steps_lost(self) -> int:
        """Return how many steps were done more than once in all."""
        reached = lost = 0
        for one in self.attempts():
            if one["resumed_from_step"] is not None:
                lost += max(0, reached - one["resumed_from_step"])
            reached = max(reached, one["reached_step"])
        return lost


def seconds_until(condition: Callable[[], Any], *, seconds: float, what: str, since: float | None = None) -> float:
    """Return the seconds from `since` (monotonic; now) until `condition` holds."""
    began = time.monotonic() if since is None else since
    wait_until(condition, seconds=seconds, what=what)
    return time.monotonic() - began


def is_gone(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    return True


@contextmanager
def slowed(process: psutil.Process, *, share: float = 0.1) -> Iterator[None]:
    """Let `process` run for only a share of the time while the block runs: a fault then meets it at its work."""
    ended = threading.Event()

    def breathe() -> None:
        while not ended.is_set():
            with_no_such_process(process.resume)
            ended.wait(BREATH_SECONDS)
            with_no_such_process(process.suspend)
            ended.wait(BREATH_SECONDS / share)

    thread = threading.Thread(target=breathe, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        with_no_such_process(process.resume)


@contextmanager
def without_restarts(platform: RunningPlatform) -> Iterator[None]:
    """Have nothing that dies started again while the block runs."""
    assert platform.process is not None
    platform.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        platform.process.send_signal(signal.SIGCONT)


def kill_node_workers(platform: RunningPlatform) -> None:
    for worker in platform.node_workers():
        with_no_such_process(worker.kill)


def servers(platform: RunningPlatform, name: str) -> list[psutil.Process]:
    """Return the processes whose program is `name`, such as postgres."""
    found = []
    for process in platform.processes():
        with suppress(psutil.Error):
            if process.name().startswith(name):
                found.append(process)
    return found


@contextmanager
def suspended(processes: list[psutil.Process]) -> Iterator[None]:
    """SIGSTOP `processes` while the block runs."""
    for process in processes:
        with_no_such_process(process.suspend)
    try:
        yield
    finally:
        for process in processes:
            with_no_such_process(process.resume)
