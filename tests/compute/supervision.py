"""A kind of work whose tree is a few lines of Python, and how the tests look at it."""

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import psutil
from django.db import connections

from accounts.models import AuditEvent
from compute import services
from compute.models import Run
from compute.node.hold import Hold
from compute.node.supervisor import Supervisor
from compute.work import Command
from rundir import Event, RunDirectory

Supervise = Callable[[str], "SupervisorThread"]

PREAMBLE = """
import os, signal, sys, time
from pathlib import Path
from rundir import EventWriter
root = Path(sys.argv[1])
events = EventWriter(root / "events.jsonl")
def on_term(number, frame):
    events.write("stopped", "Stopped as asked.", step=3, reason="signal")
    os._exit(0)
signal.signal(signal.SIGTERM, on_term)
events.write("started")
def wait_for(name):
    while not (root / name).exists():
        time.sleep(0.01)
"""
SUCCEED = PREAMBLE + 'events.write("metrics", step=1)\nevents.write("succeeded", "Done.", steps=1)\n'
LINGER = PREAMBLE + 'wait_for("go")\nevents.write("succeeded", "Done.", steps=1)\n'


class ScriptWork:
    """Runs `script`; stores events as audit rows, so that a lost or doubled one can be seen."""

    kind = "script"
    preload = ""

    def __init__(self) -> None:
        self.script = SUCCEED
        self.num_prepared = 0
        self.concluded: list[tuple[str, str]] = []
        self.num_attended = 0
        self.on_prepare: Callable[[Run], None] = lambda run: None
        self.on_record: Callable[[Run], None] = lambda run: None
        self.on_conclude: Callable[[Run], None] = lambda run: None

    def prepare(self, run: Run, directory: RunDirectory) -> None:
        self.num_prepared += 1
        self.on_prepare(run)
        (directory.root / "script.py").write_text(self.script)

    def command(self, run: Run, directory: RunDirectory) -> Command:
        return Command(argv=(sys.executable, str(directory.root / "script.py"), str(directory.root)))

    def record(self, run: Run, events: list[Event]) -> None:
        for event in events:
            AuditEvent.record(actor=None, action=f"event.{event.type}", target=run.pk, seq=event.seq)
        self.on_record(run)

    def attend(self, run: Run, directory: RunDirectory) -> None:
        self.num_attended += 1

    def conclude(self, run: Run, directory: RunDirectory, outcome: str) -> None:
        assert not run.allocations.filter(released_at=None).exists()
        self.on_conclude(run)
        self.concluded.append((run.pk, outcome))


class SupervisorThread(threading.Thread):
    """A supervisor as a worker has it: in a thread with connections of its own."""

    def __init__(self, run_id: str) -> None:
        super().__init__(daemon=True)
        self.stopping = threading.Event()
        self.supervisor = Supervisor(run_id, "test", stopping=self.stopping)
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.supervisor.run()
        except BaseException as error:
            self.error = error
        finally:
            connections.close_all()

    def end(self, seconds: float = 15) -> None:
        """Wait for its own end."""
        self.join(seconds)
        assert not self.is_alive(), "the supervisor has not returned"
        if self.error is not None:
            raise self.error

    def let_go(self) -> None:
        """Ask it to return as a worker that stops does."""
        self.stopping.set()
        self.end()


def wait_until(condition: Callable[[], Any], seconds: float = 15, what: str = "the condition") -> Any:
    """Return the condition's first true value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.01)
    return value


def tree_of(run: Run) -> list[psutil.Process]:
    """Return the living processes with the Run's directory in their command line."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(run.directory.root) in " ".join(process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def event_rows(run: Run) -> list[tuple[int, str]]:
    rows = AuditEvent.objects.filter(target=run.pk, action__startswith="event.").order_by("pk")
    return [(row.after["seq"], row.action.removeprefix("event.")) for row in rows]


def wait_for_state(run: Run, state: str) -> None:
    wait_until(lambda: Run.objects.get(pk=run.pk).state == state, what=f"{run.pk} to be {state}")
    run.refresh_from_db()


def wait_for_event(run: Run, type: str) -> None:
    wait_until(lambda: type in [name for _, name in event_rows(run)], what=f"the event {type}")


def request_stop_now(run: Run, reason: str = "cancel") -> bool:
    return services.request_stop(run=run, reason=reason)


def lingering(run: Run, supervise: Supervise, script_work: ScriptWork, script: str = LINGER) -> SupervisorThread:
    """Start a supervisor whose tree works until it is told to go on."""
    script_work.script = script
    thread = supervise(run.pk)
    wait_for_event(run, "started")
    run.refresh_from_db()
    return thread


def go_on(run: Run) -> None:
    (run.directory.root / "go").touch()


def release(*holds: Hold) -> None:
    for hold in holds:
        if hold._lock is not None:
            hold._lock.release()
