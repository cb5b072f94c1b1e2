"""Several ranks on one machine without a launcher: this process starts them, forwards its signals and buries them."""

import ctypes
import gc
import importlib
import json
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from machine.facts import may_have_gpu
from rundir import EventWriter, RunDirectory, read_events
from trainer.environment import prepare_environment
from trainer.failures import Failure
from trainer.messages import message
from trainer.stopping import REASONS

PR_SET_PDEATHSIG = 1
POLL_SECONDS = 0.2
REASON_SECONDS = 3.0
PRELOAD = "trainer.preload"
GRACE_SECONDS = 10.0
"""How long other ranks may live after one has failed: they would wait for it in a collective for ever."""


@dataclass
class Rank:
    """One of the processes that train together."""

    pid: int
    status: int | None = None
    """Its exit status, or the negative number of the signal that ended it; None while it lives."""

    def poll(self) -> int | None:
        """Return the status, looked up once."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = os.waitstatus_to_exitcode(status) if pid else None
        return self.status

    def send(self, number: int) -> None:
        """Send a signal, from the handler of one as well; it has no effect on a rank that has ended."""
        if self.status is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def launch_ranks(directory: RunDirectory, world_size: int, train: Callable[[int], int]) -> int:
    """Run `world_size` ranks to their end and return the worst exit status.

    Each is a fork of this process, which has imported the heavy libraries once for all of them, and calls
    `train(rank)`; where such a fork would not be sound, it becomes `python -m trainer RUN_DIR`.
    """
    _forget_reasons(directory)
    os.environ.update(_common_environment(world_size))
    # A signal that comes before the last fork is for all of them, and waits until all can be told.
    signal.pthread_sigmask(signal.SIG_BLOCK, REASONS)
    shares_imports = _import_once()
    sys.stdout.flush()
    sys.stderr.flush()
    ranks: list[Rank] = []
    for rank in range(world_size):
        pid = os.fork()
        if pid == 0:
            _become(rank, directory, train if shares_imports else None)
        ranks.append(Rank(pid))
    for number in REASONS:
        signal.signal(number, lambda number, _frame: _forward(ranks, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, REASONS)
    status = _wait(ranks)
    _ensure_terminal_event(directory, status)
    return status


def error_file(directory: RunDirectory, rank: int) -> Path:
    """Return where a rank other than the first leaves the reason of its end for the launcher."""
    return directory.root / f"rank-{rank}.error.json"


def reason_of_others(directory: RunDirectory) -> Failure | None:
    """Return why another rank ended, if one says so soon: this rank has only seen the connection break."""
    deadline = time.monotonic() + REASON_SECONDS
    while time.monotonic() < deadline:
        for path in sorted(directory.root.glob("rank-*.error.json")):
            return Failure.from_json(json.loads(path.read_bytes()))
        time.sleep(POLL_SECONDS)
    return None


def _free_port() -> int:
    """Return a TCP port of this machine that is free now, for the ranks to meet at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _common_environment(world_size: int) -> dict[str, str]:
    return {
        "WORLD_SIZE": str(world_size),
        "LOCAL_WORLD_SIZE": str(world_size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(_free_port()),
    }


def _import_once() -> bool:
    """Import what every rank needs, unless the fork server has; return whether forks can go on with it.

    A fork has only the thread that forked: locks that others held would stay locked for ever. Nor does CUDA work in it
    once it has begun, and imports may begin it where nothing keeps them from it, as the fork server does.
    """
    if "torch" not in sys.modules and not may_have_gpu():
        prepare_environment(threads=1)  # else NumPy starts some when it is imported; each rank sets its own number
        with suppress(Exception):  # each rank meets it, too, and can say so
            importlib.import_module(PRELOAD)
    gc.freeze()  # what is shared stays shared: the collector writes into no page of it
    return "torch" in sys.modules and len(os.listdir("/proc/self/task")) == 1


def _become(rank: int, directory: RunDirectory, train: Callable[[int], int] | None) -> NoReturn:
    """Be a rank from here on, in a fork of the launcher."""
    status = 1
    try:
        # The kernel kills a rank whose launcher has died, however it died.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.environ.update({"RANK": str(rank), "LOCAL_RANK": str(rank)})
        signal.pthread_sigmask(signal.SIG_UNBLOCK, REASONS)
        if train is None:
            os.execv(sys.executable, [sys.executable, "-m", "trainer", str(directory.root)])  # noqa: S606
        status = train(rank)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _forward(ranks: list[Rank], number: int) -> None:
    for rank in ranks:
        rank.send(number)


def _wait(ranks: list[Rank]) -> int:
    """Wait for all; once one has failed, the others get a grace and are killed."""
    failed_at = None
    while None in (states := [rank.poll() for rank in ranks]):
        if failed_at is None and any(states):
            failed_at = time.monotonic()
        if failed_at is not None and time.monotonic() - failed_at > GRACE_SECONDS:
            for rank in ranks:
                rank.send(signal.SIGKILL)
        time.sleep(POLL_SECONDS)
    return max(abs(rank.status or 0) for rank in ranks)


def _ensure_terminal_event(directory: RunDirectory, status: int) -> None:
    """Say why the tree ended if rank 0 could not: with all ranks dead, the launcher is the only writer."""
    events = read_events(directory.events)
    if status != 0 and not (events and events[-1].is_terminal):
        ended = message("rank_ended").followed_by(message("details_in_log"))
        failure = reason_of_others(directory) or Failure("rank_lost", ended)
        writer = EventWriter(directory.events)
        writer.write("failed", failure.message, level="error", code=failure.code)
        writer.close()
    _forget_reasons(directory)


def _forget_reasons(directory: RunDirectory) -> None:
    for path in directory.root.glob("rank-*.error.json"):
        path.unlink(missing_ok=True)
