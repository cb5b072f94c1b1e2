"""Work for a pool that exists only in memory, shaped as three published traces of GPU clusters say.

What was taken from where, and what was not, stands in docs/benchmarks.md. One seed gives one trace.
"""

import math
import random
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

DEVICES_PER_NODE = 8
LONGEST_SECONDS = 86_400.0
"""Runs are cut here, as a quota's longest run cuts them."""
SHORTEST_SECONDS = 10.0
PHILLY_RUNTIMES = (
    (0.0, 5.0), (0.01, 17.0), (0.05, 48.0), (0.1, 61.0), (0.25, 131.0), (0.5, 1186.0), (0.6, 1871.0),
    (0.7, 2590.0), (0.75, 3342.0), (0.8, 4700.0), (0.9, 12860.0), (0.95, 49969.0), (0.98, 167785.0),
    (0.99, 287333.0), (1.0, 1361908.0),
)  # fmt: skip
"""Shares of Philly's jobs with their seconds: quantiles of 83,154 runtimes."""
HELIOS_MEDIAN, HELIOS_MEAN = 206.0, 6651.7
"""Seconds of Helios' 1,580,464 GPU jobs."""
PAI_MEDIAN, PAI_MEAN = 1380.0, 5038.7
"""Seconds of PAI's tasks: the median, and the mean of the 20,000 jobs of its simulator."""
PHILLY_NODES = (64, 32, 16, 64, 64, 16, 32, 16, 8, 8, 32)
"""Nodes of Philly's virtual clusters: how uneven the shares of teams are."""
SIZES = {
    "philly": ((1, 0.80), (2, 0.06), (4, 0.07), (8, 0.07)),
    "helios": ((1, 0.56), (2, 0.11), (4, 0.11), (8, 0.22)),
    "pai": ((1, 0.70), (2, 0.12), (4, 0.10), (8, 0.08)),
}
"""Devices of a job with their shares. A Run lives on one node, so that what is larger counts as a whole one."""
BURST = 6
"""Jobs that a person submits together, on average: a sweep."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One job of a trace; times in seconds."""

    run_id: str
    team_id: int
    at: float
    accelerators: int
    seconds: float
    estimate: float
    """What its owner, or the platform, expects."""


@dataclass(frozen=True, kw_only=True)
class Trace:
    """Jobs in the order of their arrival, for a pool and its teams."""

    name: str
    jobs: Sequence[Job]
    num_devices: int
    guarantees: dict[int, int]
    seconds: float
    """While jobs arrive."""


def make_trace(
    name: str, *, num_jobs: int, num_devices: int, num_teams: int, load: float, seed: int = 1, at_once: int = 0
) -> Trace:
    """Return a trace in which jobs ask for `load` times what the pool can compute while they arrive.

    The first `at_once` of them wait from the beginning.
    """
    draw = random.Random(f"{name}-{seed}")  # noqa: S311
    guarantees = _guarantees(num_devices, num_teams)
    teams, weights = list(guarantees), _demand(num_teams, draw)
    bodies = []
    while len(bodies) < num_jobs:
        team = draw.choices(teams, weights)[0]
        for _ in range(min(num_jobs - len(bodies), 1 + int(draw.expovariate(1 / (BURST - 1))))):
            bodies.append((team, _size(name, draw), _seconds(name, draw)))
    work = sum(size * seconds for _, size, seconds in bodies[at_once:])
    span = work / (load * num_devices)
    jobs, moment, last_team = [], 0.0, None
    for number, (team, size, seconds) in enumerate(bodies):
        if number < at_once:
            moment = 0.0
        elif team != last_team:
            moment = span * _day((number - at_once) / max(1, num_jobs - at_once))
        last_team = team
        estimate = seconds * draw.lognormvariate(0, 0.35)
        jobs.append(
            Job(
                run_id=f"run-{number:05}",
                team_id=team,
                at=moment,
                accelerators=size,
                seconds=seconds,
                estimate=estimate,
            )
        )
    jobs.sort(key=lambda job: job.at)
    return Trace(name=name, jobs=jobs, num_devices=num_devices, guarantees=guarantees, seconds=span)


def _guarantees(num_devices: int, num_teams: int) -> dict[int, int]:
    """Return nine tenths of the pool by team, as uneven as Philly's virtual clusters."""
    weights = [PHILLY_NODES[number % len(PHILLY_NODES)] for number in range(num_teams)]
    share = 0.9 * num_devices / sum(weights)
    return {number + 1: max(1, math.floor(weight * share)) for number, weight in enumerate(weights)}


def _demand(num_teams: int, draw: random.Random) -> list[float]:
    """Return how much each team asks for: a few ask for most, and not those with the largest guarantees."""
    weights = [1 / (rank + 1) ** 0.8 for rank in range(num_teams)]
    draw.shuffle(weights)
    return weights


def _size(name: str, draw: random.Random) -> int:
    sizes, shares = zip(*SIZES[name], strict=True)
    return int(draw.choices(sizes, shares)[0])


def _seconds(name: str, draw: random.Random) -> float:
    if name == "philly":
        seconds = _between(PHILLY_RUNTIMES, draw.random())
    else:
        median, mean = (HELIOS_MEDIAN, HELIOS_MEAN) if name == "helios" else (PAI_MEDIAN, PAI_MEAN)
        seconds = draw.lognormvariate(math.log(median), math.sqrt(2 * math.log(mean / median)))
    return min(LONGEST_SECONDS, max(SHORTEST_SECONDS, seconds))


def _between(table: Sequence[tuple[float, float]], share: float) -> float:
    """Return the value at `share`, between its neighbours on a logarithmic scale."""
    above = max(1, bisect_left([one for one, _ in table], share))
    (low, small), (high, large) = table[above - 1], table[above]
    return math.exp(math.log(small) + (share - low) / (high - low) * (math.log(large) - math.log(small)))


def _day(share: float) -> float:
    """Return when `share` of the jobs have come: twice as many an hour by day as by night, two days long."""
    return share + math.sin(4 * math.pi * share) / (12 * math.pi)
