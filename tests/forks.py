"""Processes that begin with the heavy libraries imported, as Runs of a node do: forks of one server for all tests.

What starts from nothing is tried by the tests of the command line, and by one of each other kind.
"""

import functools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from forkserver.server import CODE, EXIT_FILE, LARGEST_MESSAGE
from machine.facts import may_have_gpu
from rundir import RunDirectory

ROOT = Path(__file__).resolve().parent.parent
PRELOADS = ["trainer.preload", "serving.preload"]


class Fork:
    """`python -m MODULE RUN_DIR`, in a session of its own, as far as a test needs of `subprocess.Popen`."""

    def __init__(self, pid: int, run_dir: Path) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._exit = run_dir / EXIT_FILE

    def poll(self) -> int | None:
        if self.returncode is None and self._exit.exists():
            ended = json.loads(self._exit.read_text())
            if ended["pid"] == self.pid:  # not what ran here before
                self.returncode = ended["exit_code"]
        return self.returncode

    def wait(self, timeout: float = 300) -> int:
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("a fork", timeout)
            time.sleep(0.02)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start(module: str, run_dir: Path, environment: Mapping[str, str]) -> "Fork | subprocess.Popen[bytes]":
    """Start `python -m MODULE RUN_DIR`, which writes into RUN_DIR/log.txt; from nothing where a GPU might be lost."""
    with RunDirectory(run_dir).log.open("ab") as log:
        if may_have_gpu():
            command = [sys.executable, "-m", module, str(run_dir)]
            return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True)
        gate, opening = os.pipe()
        control = _server()
        request = {"module": module, "run_dir": str(run_dir), "environment": dict(environment)}
        socket.send_fds(control, [json.dumps(request).encode()], [gate, log.fileno()])
        pid = json.loads(control.recv(LARGEST_MESSAGE))["pid"]
        os.write(opening, b"\n")
        for end in (gate, opening):
            os.close(end)
    return Fork(pid, run_dir)


@functools.cache
def _server() -> socket.socket:
    """Start it; it ends with this process, which holds the other end of its socket."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DS_ACCELERATOR": "cpu", "CUDA_VISIBLE_DEVICES": ""}
    with theirs:
        subprocess.Popen([sys.executable, "-c", CODE], env=environment, stdin=theirs.fileno(), start_new_session=True)
    ours.send(json.dumps({"preload": PRELOADS}).encode())
    ours.settimeout(120)
    assert ours.recv(LARGEST_MESSAGE), "the fork server ended"
    return ours
