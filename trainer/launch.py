"""Several ranks on one machine without a launcher: this process starts them, forwards its signals and buries them."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from rundir import EventWriter, RunDirectory, read_events
from trainer.failures import Failure
from trainer.messages import message
from trainer.stopping import REASONS

PR_SET_PDEATHSIG = 1
POLL_SECONDS = 0.2
REASON_SECONDS = 3.0
GRACE_SECONDS = 10.0
"""How long other ranks may live after one has failed: they would wait for it in a collective for ever."""


def launch_ranks(directory: RunDirectory, world_size: int) -> int:
    """Run `world_size` copies of `python -m trainer RUN_DIR` to their end; return the worst exit status."""
    _forget_reasons(directory)
    port = _free_port()
    libc = ctypes.CDLL(None)
    ranks = [
        subprocess.Popen(
            [sys.executable, "-m", "trainer", str(directory.root)],
            env=_environment(rank, world_size, port),
            # The kernel kills a rank whose launcher has died, however it died.
            preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
        )
        for rank in range(world_size)
    ]
    for number in REASONS:
        signal.signal(number, lambda number, _frame: _forward(ranks, number))
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


def _environment(rank: int, world_size: int, port: int) -> dict[str, str]:
    return {
        **os.environ,
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(world_size),
        "LOCAL_WORLD_SIZE": str(world_size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }


def _forward(ranks: list[subprocess.Popen[bytes]], number: int) -> None:
    for rank in ranks:
        if rank.poll() is None:
            rank.send_signal(number)


def _wait(ranks: list[subprocess.Popen[bytes]]) -> int:
    """Wait for all; once one has failed, the others get a grace and are killed."""
    failed_at = None
    while None in (states := [rank.poll() for rank in ranks]):
        if failed_at is None and any(states):
            failed_at = time.monotonic()
        if failed_at is not None and time.monotonic() - failed_at > GRACE_SECONDS:
            for rank in ranks:
                rank.kill()
        time.sleep(POLL_SECONDS)
    return max(abs(rank.returncode) for rank in ranks)


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
