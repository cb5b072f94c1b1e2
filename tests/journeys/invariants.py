"""What must hold at every moment, whatever is killed: looked at again and again, in processes and in the database."""

import os
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.journeys.database import AWAY, PlatformDatabase
from tests.journeys.harness import RunningPlatform

PAUSE_SECONDS = 0.2
EVENTS_EVERY = 10
"""Looks between two at the numbers of all events."""

HOLDERS = """
SELECT run.id AS run, run.state, run.accelerators, team.name AS team, quota.ceiling, attempt.job_id AS job,
       array_remove(array_agg(device.index), NULL) AS devices
FROM compute_run run
JOIN accounts_team team ON team.id = run.team_id
LEFT JOIN compute_quota quota ON quota.team_id = run.team_id AND quota.pool_id = run.pool_id
LEFT JOIN jobs_attempt attempt ON attempt.run_id = run.id
LEFT JOIN compute_allocation allocation ON allocation.run_id = run.id AND allocation.released_at IS NULL
LEFT JOIN compute_device device ON device.id = allocation.device_id
WHERE run.state IN ('starting', 'running', 'concluding') OR allocation.id IS NOT NULL
GROUP BY run.id, team.name, quota.ceiling, attempt.job_id
"""
GAPS = """
SELECT job.id AS job, job.num_events, count(*) AS events, min(event.number) AS first, max(event.number) AS last
FROM jobs_finetuningjob job JOIN jobs_jobevent event ON event.job_id = job.id
GROUP BY job.id HAVING count(*) <> job.num_events OR min(event.number) <> 1 OR max(event.number) <> count(*)
"""


@dataclass(frozen=True, kw_only=True)
class Trainer:
    """The first process of a training's tree."""

    pid: int
    run: str


class Invariants(threading.Thread):
    """Samples until it is told to end; `broken` holds a sentence for each thing that must never be, once."""

    def __init__(self, platform: RunningPlatform, *, homes: Sequence[Path] = ()) -> None:
        super().__init__(daemon=True, name="invariants")
        self._homes = [platform.home, *homes]
        self._database = PlatformDatabase(platform.home)
        self._ended = threading.Event()
        self.broken: list[str] = []
        self.most = 0
        """Trainers alive at once in any job's name."""
        self.num_looks = 0
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            while not self._ended.wait(PAUSE_SECONDS):
                with suppress(*AWAY):  # the fault itself may be that the database is away
                    self._look()
        except BaseException as error:
            self.error = error
        finally:
            self._database.close()

    def end(self) -> None:
        self._ended.set()
        self.join()
        if self.error is not None:
            raise self.error

    def _look(self) -> None:
        """Look at processes before and after the database: what is there both times was there meanwhile."""
        before = set(trainers_in(self._homes))
        held = {row["run"]: row for row in self._database.rows(HOLDERS)}
        there = [one for one in trainers_in(self._homes) if one in before]
        for one in there:
            row = held.get(one.run)
            if row is None or row["state"] not in ("starting", "running") or not row["devices"]:
                self._note(f"a trainer of {one.run} lives, which is {row and row['state']} and holds nothing")
            elif (cores := _cores(one.pid)) and not cores <= set(row["devices"]):
                self._note(f"a trainer of {one.run} may use the cores {cores}, and holds {row['devices']}")
        jobs = Counter(held[one.run]["job"] for one in there if one.run in held)
        self.most = max(self.most, *jobs.values(), 0)
        for job, count in jobs.items():
            if count > 1:
                self._note(f"{count} trainers of {job} live at once")
        self._look_at_reservations(list(held.values()))
        if self.num_looks % EVENTS_EVERY == 0:
            for row in self._database.rows(GAPS):
                self._note(f"the events of {row['job']} are not numbered from 1 without gaps: {row}")
        self.num_looks += 1

    def _look_at_reservations(self, held: list[dict[str, object]]) -> None:
        in_use: Counter[tuple[object, object]] = Counter()
        for row in held:
            devices = row["devices"]
            assert isinstance(devices, list)
            runs = row["state"] in ("starting", "running")
            if devices and not runs:
                self._note(f"{row['run']} is {row['state']} and holds {len(devices)} devices")
            if runs and not devices and row["accelerators"] != 0:
                self._note(f"{row['run']} is {row['state']} and holds no device")
            in_use[row["team"], row["ceiling"]] += len(devices)
        for (team, ceiling), count in in_use.items():
            if isinstance(ceiling, int) and count > ceiling:
                self._note(f"{team} holds {count} devices, and may hold {ceiling}")

    def _note(self, sentence: str) -> None:
        if sentence not in self.broken:
            self.broken.append(sentence)


@contextmanager
def holding(platform: RunningPlatform, *, homes: Sequence[Path] = ()) -> Iterator[Invariants]:
    """Look while the block runs, and fail at its end with what was broken."""
    invariants = Invariants(platform, homes=homes)
    invariants.start()
    try:
        yield invariants
    finally:
        invariants.end()
    assert not invariants.broken, "\n".join(invariants.broken)
    assert invariants.num_looks > 0
    assert invariants.most <= 1


def trainers_in(homes: Sequence[Path]) -> Iterator[Trainer]:
    """Find the living trainers of Runs in `homes`: what `python -m MODULE RUN_DIR` is, without what those start."""
    marks = [os.fsencode(home / "runs") + b"/run-" for home in homes]
    found: dict[int, str] = {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdecimal():
            continue
        with suppress(OSError):
            words = Path(entry.path, "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
            if len(words) == 4 and words[1] == b"-m" and any(words[3].startswith(mark) for mark in marks):
                found[int(entry.name)] = Path(os.fsdecode(words[3])).name
    for pid, run in found.items():
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            if process.ppid() not in found and process.status() != psutil.STATUS_ZOMBIE:
                yield Trainer(pid=pid, run=run)


def _cores(pid: int) -> set[int]:
    """Return the cores that any thread of the process, or of what it has started, may use; none once it is gone."""
    found: set[int] = set()
    with suppress(psutil.Error, OSError):
        leader = psutil.Process(pid)
        for process in (leader, *leader.children(recursive=True)):
            for task in os.listdir(f"/proc/{process.pid}/task"):
                found |= os.sched_getaffinity(int(task))
    return found
