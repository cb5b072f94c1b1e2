"""Processes as /proc shows them: which one a pid is, and which belong to its session."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
GONE = ("Z", "X", "x")
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class ProcessFacts:
    """A line of /proc/PID/stat."""

    pid: int
    state: str
    session: int
    started: int
    """Clock ticks after boot; with the pid it names one process for the whole boot."""

    @property
    def is_alive(self) -> bool:
        return self.state not in GONE


def facts_of(pid: int) -> ProcessFacts | None:
    """Return what /proc says of `pid`, or None when there is no such process."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the name before it may hold spaces and brackets
    return ProcessFacts(pid=pid, state=fields[0], session=int(fields[3]), started=int(fields[19]))


def living_members(session: int, *, started: int) -> list[int]:
    """Return the living processes of the session whose leader had this pid and start.

    While any member lives, the kernel gives the leader's pid to nobody else; so a stranger under that pid means that
    the session is empty.
    """
    leader = facts_of(session)
    if leader is not None and leader.started != started:
        return []
    found = []
    for entry in PROC.iterdir():
        if entry.name.isdecimal():
            facts = facts_of(int(entry.name))
            if facts is not None and facts.session == session and facts.is_alive and facts.started >= started:
                found.append(facts.pid)
    return found


def cpu_seconds_of(pid: int) -> float:
    """Return the processor time that a process has taken, its threads' and its own; 0 for one that is gone."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return 0.0
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def own_memory_of(pid: int) -> int:
    """Return a process's memory in bytes, of what it shares with others its part; 0 for one that is gone."""
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def send(pids: list[int], number: signal.Signals) -> None:
    """Send a signal to each process that is still there."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def out_of_memory_kills() -> int:
    """Return how often the kernel has killed for want of memory: on this host, or in this process's cgroup."""
    return _counter(PROC / "vmstat", "oom_kill") + _counter(_own_cgroup() / "memory.events", "oom_kill")


def _own_cgroup() -> Path:
    try:
        line = (PROC / "self" / "cgroup").read_text().splitlines()[-1]
    except (OSError, IndexError):
        return Path("/sys/fs/cgroup")
    return Path("/sys/fs/cgroup") / line.rpartition(":")[2].lstrip("/")


def _counter(path: Path, name: str) -> int:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.split()[:1] == [name]), 0)
