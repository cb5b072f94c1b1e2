"""Random kills among the processes of a platform."""

import json
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.journeys.extra_node import ExtraNode
from tests.journeys.harness import RunningPlatform, with_no_such_process
from tests.journeys.invariants import Trainer, trainers_in
from tests.journeys.measuring import servers

WEIGHTS = {"trainer": 10, "worker": 4, "control worker": 2, "beat": 1, "Valkey": 2}
LEAST_AGE = {"trainer": 0, "worker": 60, "control worker": 20, "beat": 10, "Valkey": 15}
"""Seconds that a process has lived before it may be killed: one that dies before it has done anything tests nothing,
and a real trainer needs some to begin."""
MOST_OF_ONE_JOB = 2
"""Three attempts lost in a row without a new step fail a job, as they should."""


@dataclass(kw_only=True)
class Killer:
    """Kills one process now and then, by a seeded choice; what was killed stands in `told`."""

    platform: RunningPlatform
    nodes: list[ExtraNode]
    choice: random.Random
    every: tuple[float, float]
    counts: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)
    next_at: float = 0.0
    of_job: Counter[str] = field(default_factory=Counter)

    def tick(self, jobs_of: dict[str, str]) -> None:
        """Kill when it is time to; `jobs_of` says which job a Run belongs to."""
        for node in self.nodes:
            node.look_after()
        if time.monotonic() < self.next_at:
            return
        self.next_at = time.monotonic() + self.choice.uniform(*self.every)
        kind = self.choice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        victim = self._trainer(jobs_of) if kind == "trainer" else self._process(kind)
        if victim is None:
            return
        with_no_such_process(lambda: victim.send_signal(signal.SIGKILL))
        self.counts[kind] += 1

    def _process(self, kind: str) -> psutil.Process | None:
        words = {"control worker": ("celery", "control"), "beat": ("celery", "beat")}
        if kind == "Valkey":
            found = servers(self.platform, "valkey-server")
        elif kind == "worker":
            extra = [node.process.pid for node in self.nodes if node.process and node.process.poll() is None]
            found = [*self.platform.node_workers(), *map(psutil.Process, extra)]
        else:
            found = self.platform.processes(*words[kind])
        found = [one for one in found if time.time() - one.create_time() >= LEAST_AGE[kind]]
        if not found:
            return None
        victim = self.choice.choice(found)
        self.told.append(f"{time.strftime('%H:%M:%S')} {kind} {victim.pid}")
        return victim

    def _trainer(self, jobs_of: dict[str, str]) -> psutil.Process | None:
        """Choose a trainer that has made a step and whose job was spared until now, or nearly."""
        homes = [self.platform.home, *(node.home for node in self.nodes)]
        known = [one for one in trainers_in(homes) if one.run in jobs_of]
        spared = [one for one in known if self.of_job[jobs_of[one.run]] < MOST_OF_ONE_JOB]
        found = [one for one in spared if _made_steps(one, homes)]
        if not found:
            return None
        victim = self.choice.choice(sorted(found, key=lambda one: one.run))
        self.of_job[jobs_of[victim.run]] += 1
        self.told.append(f"{time.strftime('%H:%M:%S')} trainer {victim.pid} of {victim.run}, {jobs_of[victim.run]}")
        with suppress(psutil.Error):
            return psutil.Process(victim.pid)
        return None


def _made_steps(trainer: Trainer, homes: list[Path]) -> bool:
    for home in homes:
        with suppress(OSError, ValueError):
            lines = (home / "runs" / trainer.run / "events.jsonl").read_bytes().splitlines()
            return any(json.loads(line)["type"] == "metrics" for line in lines)
    return False
