"""What a simulated pool was like for its teams: utilisation, slowdown, fairness, guarantees."""

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.traces import Trace
from compute.simulation import Costs, Lived, Stay

SHORT_SECONDS = 60.0
"""Slowdowns are bounded: what computes for less counts as if it took so long."""
LEAST_BACKLOG = 0.02
"""Teams that had work waiting for less than this share of the time say nothing about fairness."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Of one scheduler on one trace."""

    utilisation: float
    """Share of all device-seconds, while jobs arrived, in which something was computed that was not lost."""
    mean_slowdown: float
    p95_slowdown: float
    """Of arrival to end, over what it computes."""
    jain: float
    """Of the teams' shares over their guarantees while they had work waiting; 1: all alike."""
    below_guarantee: float
    """Seconds: the longest that a device was owed to a team within its guarantee."""
    starved: int
    """Jobs that never ended."""
    longest_wait: float
    preempted: int


def figures_of(trace: Trace, stays: Sequence[Stay], lived: Mapping[str, Lived], costs: Costs) -> Figures:
    """Return what became of all jobs of `trace`."""
    slowdowns = sorted(
        max(1.0, (lived[job.run_id].ended_at - job.at) / max(job.seconds, SHORT_SECONDS)) for job in trace.jobs
    )
    shares, below = [], 0.0
    for team, changes in _changes(trace, stays).items():
        share, longest = _share(changes, trace.guarantees[team], trace.seconds)
        below = max(below, longest)
        if share is not None:
            shares.append(share)
    useful = sum(
        stay.num_devices * max(0.0, min(stay.stopped_at, trace.seconds) - min(stay.since + costs.start, trace.seconds))
        for stay in stays
    )
    return Figures(
        utilisation=useful / (trace.num_devices * trace.seconds),
        mean_slowdown=sum(slowdowns) / len(slowdowns),
        p95_slowdown=slowdowns[int(0.95 * len(slowdowns))],
        jain=jain(shares),
        below_guarantee=below,
        starved=sum(one.ended_at == float("inf") for one in lived.values()),
        longest_wait=max(lived[job.run_id].started_at - job.at for job in trace.jobs),
        preempted=sum(one.num_preempted for one in lived.values()),
    )


def jain(shares: Sequence[float]) -> float:
    """Return Jain's index: 1 where all are alike, 1/n where one has everything."""
    squares = sum(share * share for share in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares else 1.0


Change = tuple[float, int, int, int]
"""When, by how many devices held changes, and which job enters the line (its place and size) or leaves it (-size)."""


def _changes(trace: Trace, stays: Sequence[Stay]) -> dict[int, list[Change]]:
    """Return what happens to each team, in order."""
    by_run: dict[str, list[Stay]] = defaultdict(list)
    for stay in stays:
        by_run[stay.run_id].append(stay)
    changes: dict[int, list[Change]] = defaultdict(list)
    for place, job in enumerate(trace.jobs):
        own, since = changes[job.team_id], job.at
        for stay in by_run[job.run_id]:
            own.append((since, 0, place, job.accelerators))
            own.append((stay.since, stay.num_devices, place, -job.accelerators))
            own.append((stay.until, -stay.num_devices, place, 0))
            since = stay.until
    for own in changes.values():
        own.sort()
    return changes


def _share(changes: Sequence[Change], guarantee: int, seconds: float) -> tuple[float | None, float]:
    """Return what a team held over its guarantee while work of it waited, and the longest that a device was owed it."""
    backlog = held_then = 0.0
    owed = Owed()
    for since, until, held, line in _moments(changes, seconds):
        if line:
            backlog += until - since
            held_then += held * (until - since)
        owed.note(since, _lacking(line, guarantee - held))
    owed.note(seconds, 0)
    if backlog < LEAST_BACKLOG * seconds:
        return None, owed.longest
    return held_then / (guarantee * backlog), owed.longest


def _lacking(line: Mapping[int, int], left: int) -> int:
    """Return for how many devices the jobs in line ask that fit what is left of a guarantee, in their order."""
    lacking = 0
    for place in sorted(line) if left > 0 else ():
        if line[place] <= left - lacking:
            lacking += line[place]
    return lacking


class Owed:
    """Devices that a team lacks of its guarantee, each since when; what it gets settles the oldest."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._since: deque[float] = deque()

    def note(self, now: float, lacking: int) -> None:
        while len(self._since) > lacking:
            self.longest = max(self.longest, now - self._since.popleft())
        self._since.extend([now] * (lacking - len(self._since)))

    def age(self, now: float) -> float:
        """Return for how long the oldest has been lacking."""
        return now - self._since[0] if self._since else 0.0


def _moments(changes: Sequence[Change], seconds: float) -> Iterator[tuple[float, float, int, Mapping[int, int]]]:
    """Yield the stretches in which nothing changes, while jobs arrive: from, until, devices held, sizes by place."""
    held, last = 0, 0.0
    line: dict[int, int] = {}
    for moment, devices, place, size in changes:
        at = min(moment, seconds)
        if at > last:
            yield last, at, held, line
            last = at
        held += devices
        if size > 0:
            line[place] = size
        elif size < 0:
            del line[place]
