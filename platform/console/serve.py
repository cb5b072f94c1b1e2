"""`make serve`: the whole platform on one machine under one supervisor.

Starts the embedded servers (unless DATABASE_URL and BROKER_URL name others), migrates, starts web, workers and beat,
restarts whichever dies, and stops everything when asked, with no process left behind.
"""

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from console.embedded import EmbeddedError, Home, PostgreSQL, Valkey

PR_SET_PDEATHSIG = 1
LONGEST_BACKOFF_SECONDS = 10.0
STEADY_SECONDS = 30.0


class AlreadyServing(RuntimeError):
    """Another supervisor holds this home."""


@dataclass
class Child:
    """One process that must live, restarted when it dies; a short life delays the next start."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    is_patient: bool = False
    """Whether it waits for a core's turn, and never takes it from what computes: see `be_patient`."""
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    backoff_seconds: float = 0.5
    restart_at: float = field(default=0.0)

    def start(self) -> None:
        stream = self.log.open("ab")
        self.process = subprocess.Popen(
            self.command, env=self.environment, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
            start_new_session=True, preexec_fn=self._prepare,
        )  # fmt: skip
        stream.close()
        self.started_at = time.monotonic()

    def _prepare(self) -> None:
        die_with_parent()
        if self.is_patient:
            be_patient()

    def look_after(self, say: Callable[[str], None]) -> None:
        """Restart the process if it has died and its backoff is over."""
        if self.process is None or self.process.poll() is None:
            return
        now = time.monotonic()
        if not self.restart_at:
            if now - self.started_at > STEADY_SECONDS:
                self.backoff_seconds = 0.5
            self.restart_at = now + self.backoff_seconds
            say(f"{self.name} ended ({_ending(self.process.returncode)}) and is started again; its log is {self.log}")
        elif now >= self.restart_at:
            self.backoff_seconds = min(2 * self.backoff_seconds, LONGEST_BACKOFF_SECONDS)
            self.restart_at = 0.0
            self.start()

    def ask_to_stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def wait(self, deadline: float) -> None:
        """Wait until `deadline` (monotonic), then kill."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def die_with_parent() -> None:
    """Have the kernel end this child when the supervisor is killed: kill -9 must leave no orphaned server."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def be_patient() -> None:
    """Let this process wait for its turn where all cores compute (SCHED_BATCH), and interrupt no training.

    What is taken from one thread of a training is lost to all of them. A Run that this process starts is not patient.
    """
    with suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def hold(root: Path) -> int:
    """Take the home for this supervisor, or raise AlreadyServing."""
    descriptor = os.open(root / "serve.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise AlreadyServing(
            f"{root} is already being served. Stop that one, or choose another LUTHIER_HOME."
        ) from None
    return descriptor


class Platform:
    """Everything that `make serve` runs, in the order in which it starts."""

    def __init__(self, *, home: Home, children: list[Child], embedded: list[PostgreSQL | Valkey]) -> None:
        self.home = home
        self.children = children
        self.embedded = embedded
        self._asked_to_stop = False

    def watch_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    @property
    def is_stopping(self) -> bool:
        return self._asked_to_stop

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._asked_to_stop = True

    def start_servers(self) -> None:
        for server in self.embedded:
            server.start()

    def start_children(self) -> None:
        for child in self.children:
            child.start()

    def run_until_asked(self, each_tick: Callable[[], None]) -> None:
        """Look after every process until a signal comes."""
        while not self._asked_to_stop:
            for server in self.embedded:
                self._look_after_server(server)
            for child in self.children:
                child.look_after(say)
            each_tick()
            time.sleep(0.2)

    def _look_after_server(self, server: PostgreSQL | Valkey) -> None:
        if server.process is not None and server.process.poll() is not None:
            say(f"{server.name} ended ({_ending(server.process.returncode)}) and is started again")
            try:
                server.start()
            except EmbeddedError as error:
                say(str(error))

    def stop(self, drain: Callable[[], None]) -> None:
        """Ask the trees to checkpoint while their supervisors live, then stop the children, then the servers."""
        try:
            drain()
        finally:
            for child in self.children:
                child.ask_to_stop()
            deadline = time.monotonic() + 15
            for child in self.children:
                child.wait(deadline)
            for server in reversed(self.embedded):
                server.stop()


def say(text: str) -> None:
    print(text, flush=True)


def platform_children(*, home: Path, port: int, host: str, node_queue: str, num_supervisors: int) -> list[Child]:
    """Return the processes of one machine: web, a control worker, a node worker, beat."""
    root = Path(__file__).resolve().parent.parent.parent
    environment = dict(os.environ, LUTHIER_HOME=str(home), PORT=str(port), PYTHONPATH=_python_path(root))
    celery = [sys.executable, "-m", "celery", "-A", "console"]
    worker = [
        *celery,
        "worker",
        "-P",
        "threads",
        "--loglevel",
        "WARNING",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
    ]
    commands = {
        "web": [
            sys.executable, "-m", "uvicorn", "console.web:application", "--host", host, "--port", str(port),
            "--log-level", "warning", "--no-access-log", "--timeout-graceful-shutdown", "5", "--no-proxy-headers",
        ],
        "node worker": [*worker, "-c", str(num_supervisors), "-Q", node_queue, "-n", "node@%h"],
        "control worker": [*worker, "-c", "8", "-Q", "control", "-n", "control@%h"],
        "beat": [*celery, "beat", "-s", str(home / "beat-schedule"), "--pidfile=", "--loglevel", "WARNING"],
    }  # fmt: skip
    return [
        Child(
            name=name,
            command=command,
            environment=environment,
            log=home / f"{name.replace(' ', '-')}.log",
            is_patient=name != "web",
        )
        for name, command in commands.items()
    ]


def _python_path(root: Path) -> str:
    parts = [str(root), str(root / "platform"), str(root / "client")]
    return os.pathsep.join(
        parts + [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p and p not in parts]
    )


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit status {code}"
