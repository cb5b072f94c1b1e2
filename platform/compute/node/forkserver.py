"""The node worker's fork server: process trees that begin with the heavy libraries already imported."""

import json
import logging
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from compute.node.child_environment import environment_for
from compute.work import preloads
from forkserver.server import LARGEST_MESSAGE, code_for
from rundir import RunDirectory

logger = logging.getLogger(__name__)

LONGEST_START = 60.0
"""Seconds that the imports may take; a server that takes longer is given up."""
PATIENCE = 15.0
"""Seconds that a Run waits for a server that is importing already: it is ahead of a start from nothing."""
ANSWER_SECONDS = 5.0
PAUSE = 60.0
"""Seconds before a server that failed is started again."""


class ForkServer:
    """One process that forks on request. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._started_at = 0.0
        self._is_ready = False
        self._room = 0
        self._rest_until = 0.0

    def start(self) -> None:
        """Begin importing, unless that is done, switched off, or failed a moment ago."""
        with self._lock:
            self._start()

    def fork(
        self, argv: Sequence[str], environment: Mapping[str, str], directory: RunDirectory, gate: int, log: int
    ) -> int | None:
        """Return the pid of a fork that waits at `gate` to become `argv`; None when there is none to be had.

        `argv` is (python, "-m", module, run directory), as for a start from nothing.
        """
        if not _is_forkable(argv, directory):
            return None
        with self._lock:
            self._start()
            if self._room != _room(argv) or not self._wait_until_ready(PATIENCE):
                return None
            request = {"module": argv[2], "run_dir": argv[3], "environment": dict(environment)}
            return self._ask(request, gate, log)

    def stop(self) -> None:
        """Let the server end; its forks live on."""
        with self._lock:
            self._give_up()
            self._rest_until = 0.0

    def _start(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self._give_up()
        if not settings.FORK_SERVER or time.monotonic() < self._rest_until:
            return
        self._rest_until = time.monotonic() + PAUSE
        home = RunDirectory(settings.LUTHIER_HOME / "runs" / "forkserver")
        example = (settings.TRAINER_PYTHON, "-m", "trainer", str(home.root.with_name("run-" + "0" * 24)))
        code = code_for(example)
        if code is None:
            return
        self._room = _room(example)
        home.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, (home.root / "log.txt").open("wb") as log:
            self._process = subprocess.Popen(
                [settings.TRAINER_PYTHON, "-c", code], env=_environment(home), cwd=home.root, stdin=theirs.fileno(),
                stdout=log, stderr=log, start_new_session=True, close_fds=True,
            )  # fmt: skip
        ours.send(json.dumps({"preload": preloads()}).encode())
        self._control, self._started_at, self._is_ready = ours, time.monotonic(), False

    def _wait_until_ready(self, seconds: float) -> bool:
        if self._control is None or self._is_ready:
            return self._is_ready
        left = self._started_at + LONGEST_START - time.monotonic()
        self._control.settimeout(max(0.1, min(seconds, left)))
        try:
            self._is_ready = bool(self._control.recv(LARGEST_MESSAGE))
            if not self._is_ready:
                self._give_up()
        except TimeoutError:
            if left <= seconds:
                self._give_up()
        except OSError as error:
            logger.warning("The fork server broke off: %s", error)
            self._give_up()
        return self._is_ready

    def _ask(self, request: Mapping[str, object], gate: int, log: int) -> int | None:
        assert self._control is not None
        try:
            self._control.settimeout(ANSWER_SECONDS)
            socket.send_fds(self._control, [json.dumps(request).encode()], [gate, log])
            answer = self._control.recv(LARGEST_MESSAGE)
            if answer:
                return int(json.loads(answer)["pid"])
        except (OSError, ValueError) as error:
            logger.warning("The fork server did not answer, so the Run starts from nothing: %s", error)
        self._give_up()
        return None

    def _give_up(self) -> None:
        """Close the socket, at which the server ends; one that hangs in an import is killed."""
        if self._control is not None:
            self._control.close()
        if self._process is not None and self._process.poll() is None:
            if not self._is_ready:
                self._process.kill()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(ANSWER_SECONDS)
        self._process = self._control = None
        self._is_ready = False


def _is_forkable(argv: Sequence[str], directory: RunDirectory) -> bool:
    return len(argv) == 4 and argv[0] == settings.TRAINER_PYTHON and argv[1] == "-m" and argv[3] == str(directory.root)


def _room(argv: Sequence[str]) -> int:
    return len("\0".join(argv).encode())


def _environment(home: RunDirectory) -> dict[str, str]:
    """Return a tree's environment without any device: what libraries read at import must be the same in both."""
    environment = environment_for((), home)
    if Path("/dev/nvidiactl").exists() and settings.NODE_ACCELERATORS != "cpu":
        # A fork can use CUDA only if this process has never begun to: ask NVML instead, and hide nothing yet.
        environment |= {"PYTORCH_NVML_BASED_CUDA_CHECK": "1", "DS_ACCELERATOR": "cuda"}
        del environment["CUDA_VISIBLE_DEVICES"]
    return environment


FORK_SERVER = ForkServer()
"""This worker's own; started when the worker is ready, or by the first Run."""
