"""What is promised for each fault, and what was measured: a table at the end of `make faults` (`-p` names this module).

A test says by `@pytest.mark.fault(row)` which promise it is about. What cannot be had on any machine that runs the
tests, such as a second boot of the host, is a test of the code that deals with it: `contract=True`.
"""

import os
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import pytest

REAL_TIMES = bool(os.environ.get("LUTHIER_TEST_REAL_TIMES") or os.environ.get("LUTHIER_TEST_FULL"))
PROPERTY = "fault figures"

PROMISES = {
    "trainer killed": "seen within 5 s; at most save_steps steps lost; resumed",
    "worker killed": "the trainer works on; re-attached within 10 s of the next worker's start; no step lost",
    "worker killed for good": "the trainer is gone within 50 s; requeued within lease + 10 s of a worker's return",
    "worker stopped past its lease": "the old trainer is gone before the new one starts; late writes change no row",
    "web killed before it enqueued": "the job starts within 10 s",
    "broker killed or flushed": "running jobs unaffected; queued ones start within 10 s of its return",
    "database away": "20 s: the run goes on; 60 s: it fences itself and resumes",
    "network cut": "the old trainer is dead before a new one starts",
    "message delivered 100 times": "exactly one attempt",
    "batch of events sent twice": "the log is byte-identical",
    "disk full in a checkpoint": "the previous checkpoint is kept; a typed, plain error",
    "object storage down at the end": "retried, never retrained",
    "damaged checkpoint": "its hash rejects it; one further back is used",
    "worker's clock wrong by an hour": "no early take-over",
    "two schedulers at once": "never over-admitted",
    "cancel racing with finish": "one terminal state",
    "host restarted": "everything resumes, nothing twice",
}


@dataclass
class Figures:
    """Takes what one test measures of its fault, in seconds and steps."""

    _item: pytest.Item

    def detected(self, seconds: float, *, promised: float | None = None) -> None:
        self._note("detected", f"{seconds:.1f} s")
        self._hold("detected", seconds, promised)

    def recovered(self, seconds: float, *, promised: float | None = None) -> None:
        """Hold to `promised` on a machine that has a core for each process: most of it is the start of programs."""
        self._note("recovered", f"{seconds:.1f} s")
        self._hold("recovered", seconds, promised and promised * max(1.0, processes_of_a_core()))

    def lost(self, steps: int, *, promised: int) -> None:
        self._note("steps lost", str(steps))
        assert steps <= promised, f"{steps} steps were lost, and {promised} are the most that may be"

    def _note(self, name: str, value: str) -> None:
        self._item.user_properties.append((PROPERTY, (name, value)))

    def _hold(self, what: str, seconds: float, promised: float | None) -> None:
        """Hold to a promised time where the times are real, and the machine is this test's alone."""
        if promised is not None and REAL_TIMES:
            assert seconds <= promised, f"{what} after {seconds:.1f} s, and {promised:.1f} s are promised"


def processes_of_a_core() -> float:
    """Return how many processes have wanted a core lately, for each that there is."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        for marker in item.iter_markers("fault"):
            assert marker.args[0] in PROMISES, f"{item.nodeid}: no such fault: {marker.args[0]}"
            item.user_properties.append((PROPERTY, ("row", marker.args[0])))
            if marker.kwargs.get("contract"):
                item.user_properties.append((PROPERTY, ("recovered", "contract")))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print a line for each test of each fault."""
    found: dict[str, list[tuple[str, dict[str, str]]]] = defaultdict(list)
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            told = [value for name, value in getattr(report, "user_properties", []) if name == PROPERTY]
            rows = [value for name, value in told if name == "row"]
            if rows and (report.when == "call" or outcome != "passed"):
                found[rows[0]].append((outcome, dict(told)))
    terminalreporter.section("faults")
    say = terminalreporter.write_line
    say(f"At the end {processes_of_a_core():.1f} processes wanted each core.")
    say(f"{'fault':32} {'detected':>9} {'recovered':>10} {'steps lost':>10}  {'':8} promised")
    for row, promise in PROMISES.items():
        for outcome, told in found.get(row, [("no test", {})]):
            cells = (told.get("detected", ""), told.get("recovered", ""), told.get("steps lost", ""))
            say(f"{row:32} {cells[0]:>9} {cells[1]:>10} {cells[2]:>10}  {outcome:8} {promise}")
