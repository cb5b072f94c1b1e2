"""Starting a process tree on this host, finding it again, and ending it."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NotRequired, TypedDict

from compute.beside import step_back
from compute.messages import message
from compute.models import Device, Node
from compute.node.child_environment import environment_for
from compute.node.devices import boot_id
from compute.node.forkserver import FORK_SERVER
from compute.node.processes import facts_of, living_members, out_of_memory_kills, send
from compute.work import Command, WorkError
from forkserver.server import EXIT_FILE
from rundir import RunDirectory
from wording import Message

GATE = 'read -r go || exit 125; exec "$@" </dev/null'
"""Waits for a line, then becomes the command; an end of the pipe instead means that the supervisor died."""
KILL_SECONDS = 5.0
EXIT_SECONDS = 1.0


class Handle(TypedDict):
    """What is stored of a tree."""

    pid: int
    started: int
    """In ticks after boot."""
    boot_id: str
    oom_kills: int
    """Kills before its start."""
    exit_file: NotRequired[str]
    """Where the fork server writes how it ended."""


@dataclass(frozen=True)
class Spawned:
    """A process tree that waits at its gate: it becomes the command only when `release` is called.

    So the handle can be stored first. Were it stored afterwards, a supervisor killed in between would leave a tree
    that nobody knows of, and the next supervisor would start a second one.
    """

    handle: Handle
    _gate: IO[bytes]
    _child: "subprocess.Popen[bytes] | None"
    """None for a fork, whose parent is the fork server."""

    def release(self) -> None:
        """Let the tree begin."""
        self._tell(b"go\n")

    def abandon(self) -> None:
        """Let the waiting process end without ever becoming the command."""
        self._tell(b"")
        if self._child is not None:
            self._child.wait()

    def _tell(self, line: bytes) -> None:
        with suppress(OSError), self._gate:  # it may have died already, which is found out as any other death is
            self._gate.write(line)


@dataclass(frozen=True, kw_only=True)
class Death:
    """How a tree ended, as far as it is known."""

    exit_code: int | None = None
    """As Popen has it: negative for a signal; None when another process was its parent."""
    out_of_memory: bool = False

    @property
    def code(self) -> str:
        return "out_of_memory" if self.out_of_memory else "killed" if (self.exit_code or 0) < 0 else "vanished"

    @property
    def message(self) -> Message:
        if self.out_of_memory:
            return message("process_out_of_memory")
        if self.exit_code is None:
            return message("process_ended_silently")
        if self.exit_code < 0:
            return message("process_killed", signal=-self.exit_code, name=_signal_name(-self.exit_code))
        return message("process_exited", status=self.exit_code)


class LocalLauncher:
    """Process trees as sessions of this host."""

    _children: dict[int, "subprocess.Popen[bytes]"] = {}
    """Trees that this very process started: it must reap them, and it alone learns their exit status."""
    _guard = threading.Lock()

    def start(self, command: Command, devices: Sequence[Device], directory: RunDirectory) -> Spawned:
        """Start `command` behind a gate, bound to the held cores, with its output in log.txt.

        Raises WorkError when the system cannot start it.
        """
        environment = environment_for(devices, directory) | command.environment
        try:
            with directory.log.open("ab") as log:
                spawned = self._fork(command, environment, directory, log) or self._spawn(
                    command, environment, directory, log
                )
        except OSError as error:
            said = message("process_not_started", reason=error.strerror)
            raise WorkError(said, code="launch_failed") from error
        try:
            _bind(spawned.handle["pid"], devices)
        except WorkError:
            spawned.abandon()
            raise
        return spawned

    def _fork(
        self, command: Command, environment: dict[str, str], directory: RunDirectory, log: IO[bytes]
    ) -> Spawned | None:
        """Start from the fork server, which has the libraries in memory; None when that cannot be."""
        (directory.root / EXIT_FILE).unlink(missing_ok=True)
        inner, outer = os.pipe()
        gate = os.fdopen(outer, "wb", buffering=0)
        try:
            pid = FORK_SERVER.fork(command.argv, environment, directory, inner, log.fileno())
        finally:
            os.close(inner)
        if pid is None:
            gate.close()
            return None
        return Spawned({**_handle(pid), "exit_file": str(directory.root / EXIT_FILE)}, gate, None)

    def _spawn(self, command: Command, environment: dict[str, str], directory: RunDirectory, log: IO[bytes]) -> Spawned:
        child = subprocess.Popen(
            ["/bin/sh", "-c", GATE, "luthier", *command.argv], env=environment, cwd=directory.root,
            stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True, close_fds=True,
        )  # fmt: skip
        assert child.stdin is not None
        with self._guard:
            self._children[child.pid] = child
        return Spawned(_handle(child.pid), child.stdin, child)

    def alive(self, handle: Handle) -> bool:
        """Say whether the tree's first process lives: the same process, not another one under its pid."""
        self._reap(handle["pid"])
        if handle["boot_id"] != boot_id():
            return False
        facts = facts_of(handle["pid"])
        return facts is not None and facts.started == handle["started"] and facts.is_alive

    def terminate(self, handle: Handle) -> None:
        """Ask the first process to finish its step, checkpoint and stop; it tells its own children."""
        if self.alive(handle):
            send([handle["pid"]], signal.SIGTERM)

    def kill(self, handle: Handle) -> bool:
        """Kill every process of the tree's session; True when none is left."""
        deadline = time.monotonic() + KILL_SECONDS
        while members := self._members(handle):
            if time.monotonic() > deadline:
                return False
            send(members, signal.SIGKILL)
            time.sleep(0.01)
        self._reap(handle["pid"])
        return True

    def death(self, handle: Handle) -> Death:
        """Return how a tree that lives no more has ended."""
        with self._guard:
            child = self._children.get(handle["pid"])
        exit_code = child.poll() if child else _written_exit(handle)
        killed = exit_code in (-signal.SIGKILL, 128 + signal.SIGKILL) or exit_code is None
        same_boot = handle["boot_id"] == boot_id()
        starved = same_boot and killed and out_of_memory_kills() > handle.get("oom_kills", 0)
        return Death(exit_code=exit_code, out_of_memory=starved)

    def forget(self, handle: Handle) -> None:
        """Let go of a tree that has ended."""
        with self._guard:
            self._children.pop(handle["pid"], None)

    def _members(self, handle: Handle) -> list[int]:
        self._reap(handle["pid"])
        if handle["boot_id"] != boot_id():
            return []
        return living_members(handle["pid"], started=handle["started"])

    def _reap(self, pid: int) -> None:
        """Collect an ended child, which would stay a zombie otherwise."""
        with self._guard:
            child = self._children.get(pid)
        if child is not None:
            child.poll()


def _handle(pid: int) -> Handle:
    facts = facts_of(pid)
    return {
        "pid": pid,
        "started": facts.started if facts else 0,
        "boot_id": boot_id(),
        "oom_kills": out_of_memory_kills(),
    }


def _written_exit(handle: Handle) -> int | None:
    """Return the exit status that the fork server has written down; it may need a moment, or have died itself."""
    path = handle.get("exit_file")
    deadline = time.monotonic() + EXIT_SECONDS
    while path is not None:
        with suppress(OSError, ValueError):
            found = json.loads(Path(path).read_bytes())
            if found["pid"] == handle["pid"]:
                return int(found["exit_code"])
        if time.monotonic() > deadline:
            return None
        time.sleep(0.02)
    return None


def _bind(pid: int, devices: Sequence[Device]) -> None:
    """Bind the waiting process to its cores; what it becomes and starts later inherits that.

    Whatever this worker's own scheduling is, the Run gets the usual one.
    """
    with suppress(OSError, AttributeError):
        os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0))
    if not devices:
        step_back(pid)
    held = {device.index for device in devices if device.kind == Node.Kind.CPU}
    if held:
        try:
            os.sched_setaffinity(pid, held)
        except ProcessLookupError:
            return  # died at once: found out as any other death is
        except OSError as error:
            said = message("process_not_bound", cores=sorted(held), reason=error.strerror)
            raise WorkError(said, code="launch_failed") from error


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
