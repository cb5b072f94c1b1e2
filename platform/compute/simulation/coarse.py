"""When Runs far back in line should start: a pool whose devices are only counted, so that long lines cost little.

Who comes first is the scheduler's rule; nodes, checkpoints and backfill are left out. Where a guarantee takes devices
back, the pool is overdrawn instead: nobody who borrows starts until it is paid back, which is as late in sum.
"""

import heapq
import math
import random
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter

from compute.scheduler import Held, Snapshot, Waiting
from compute.scheduler.beside import parted
from compute.scheduler.limits import Limits
from compute.scheduler.line import URGENT
from compute.simulation.forecasts import Bounds, Expected, Forecast, Spread, length_of, range_of

REFRESH = 0.02
"""Shares are worked out anew after so much of the time that has passed since the snapshot."""
REFRESH_SECONDS = 30.0

Key = tuple[int, int | None, bool]
"""Whose queue: team, the person where each has a limit, and whether it counts in the quota."""


def coarse_forecast(
    snapshot: Snapshot, expected: Mapping[str, Expected], *, spread: Spread, bounds: Bounds
) -> Forecast:
    """Return when each Run in line will start, near enough."""
    deadline = time.monotonic() + bounds.seconds
    _, _, snapshot = parted(snapshot)
    waits: dict[str, list[float]] = {run.run_id: [] for run in snapshot.waiting}
    for number in range(bounds.futures):
        draw = random.Random(number)  # noqa: S311
        lengths = {
            run_id: length_of(one, spread.ratios, draw, is_middle=number == 0) for run_id, one in expected.items()
        }
        starts = _Flow(snapshot, lengths).starts()
        for run_id, seen in waits.items():
            seen.append(starts.get(run_id, math.inf))
        if time.monotonic() > deadline:
            break
    return Forecast(ranges={run_id: found for run_id, seen in waits.items() if (found := range_of(seen)) is not None})


@dataclass
class _Queue:
    """Runs of which none passes another."""

    runs: list[tuple[int, Waiting]] = field(default_factory=list)
    """With their places; the next one last."""
    version: int = 0
    """Offers of an older one are out of date."""


class _Flow:
    """One future."""

    def __init__(self, snapshot: Snapshot, lengths: Mapping[str, float]) -> None:
        self._snapshot, self._lengths = snapshot, lengths
        self._now = self._refreshed_at = 0.0
        sizes = [len(node.device_ids) for node in snapshot.nodes if node.is_open(snapshot.now)]
        self._largest, self._free = max(sizes, default=0), sum(sizes)
        self._held: dict[int, int] = defaultdict(int)
        self._of_person: dict[Key, int] = defaultdict(int)
        self._usage: dict[int, tuple[float, float]] = {team: (used, 0.0) for team, used in snapshot.usage.items()}
        """Decayed device-seconds by team, and when they were that."""
        self._ends: list[tuple[float, int, Key]] = []
        self._starts: dict[str, float] = {}
        self._heads: list[tuple[tuple[float, ...], int, Key]] = []
        self._queues: dict[Key, _Queue] = {}
        self._of_team: dict[int, list[Key]] = {}
        for held in snapshot.held:
            left = held.checkpoint_seconds if held.stopping else lengths.get(held.run_id, math.inf)
            self._take(self._key(held), len(held.device_ids), left)
        self._queues, self._of_team = self._lines()

    def starts(self) -> dict[str, float]:
        """Return the seconds until each Run starts; one that never does is absent."""
        self._refresh()
        self._dispatch()
        while self._ends and len(self._starts) < len(self._snapshot.waiting):
            self._now = self._ends[0][0]
            if self._now == math.inf:
                break
            while self._ends and self._ends[0][0] <= self._now:
                _, number, key = heapq.heappop(self._ends)
                self._change(key, -number)
            if self._now - self._refreshed_at > max(REFRESH_SECONDS, REFRESH * self._now):
                self._refresh()
            self._dispatch()
        return self._starts

    def _lines(self) -> tuple[dict[Key, _Queue], dict[int, list[Key]]]:
        limits = Limits(self._snapshot)
        queues: dict[Key, _Queue] = {}
        line = sorted(self._snapshot.waiting, key=attrgetter("priority"), reverse=True)
        for place, run in reversed(list(enumerate(line))):
            if not run.stop_requested and run.least <= self._largest and limits.never(run) is None:
                queues.setdefault(self._key(run), _Queue()).runs.append((place, run))
        of_team: dict[int, list[Key]] = defaultdict(list)
        for key in queues:
            of_team[key[0]].append(key)
        return queues, of_team

    def _key(self, run: Waiting | Held) -> Key:
        is_limited = run.counts_in_quota and run.team_id in self._snapshot.per_user
        return run.team_id, run.user_id if is_limited else None, run.counts_in_quota

    # -- who is next --------------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        self._refreshed_at = self._now
        self._heads.clear()
        for team in self._of_team:
            self._offer(team)

    def _offer(self, team: int) -> None:
        """Enter the first Run of each of a team's queues with what it counts now; those at a limit are left out."""
        for key in self._of_team.get(team, ()):
            queue = self._queues[key]
            queue.version += 1
            if queue.runs and self._may_start(key, queue.runs[-1][1]):
                heapq.heappush(self._heads, (self._rank(*queue.runs[-1]), queue.version, key))

    def _may_start(self, key: Key, run: Waiting) -> bool:
        team, person, counts = key
        if not counts:
            return True
        ceiling = self._snapshot.quotas.get(team, math.inf)
        most = self._snapshot.per_user.get(team, math.inf) if person is not None else math.inf
        return self._held[team] + run.least <= ceiling and self._of_person[key] + run.least <= most

    def _rank(self, place: int, run: Waiting) -> tuple[float, ...]:
        if run.counts_in_quota and run.least <= self._guarantee(run.team_id) - self._held[run.team_id]:
            return 0, -run.priority, place
        return 1, run.priority < URGENT, self._share(run.team_id) if run.counts_in_quota else 0, -run.priority, place

    def _guarantee(self, team: int) -> int:
        return self._snapshot.guarantees.get(team, 0)

    def _share(self, team: int) -> float:
        return (self._used(team) + self._snapshot.horizon * self._held[team]) / max(1, self._guarantee(team))

    def _used(self, team: int) -> float:
        used, at = self._usage.get(team, (0.0, self._now))
        passed, half_life = self._now - at, self._snapshot.half_life
        return used * (0.5 ** (passed / half_life) if half_life else 1.0) + passed * self._held[team]

    # -- what happens -------------------------------------------------------------------------------------------------

    def _dispatch(self) -> None:
        while self._heads:
            rank, version, key = self._heads[0]
            queue = self._queues[key]
            if version == queue.version:
                run = queue.runs[-1][1]
                if run.least > self._free and not (rank[0] == 0 and run.least <= self._lent()):
                    return
                queue.runs.pop()
                self._starts[run.run_id] = self._now
                self._take(key, self._size(run), self._lengths.get(run.run_id, math.inf))
            else:
                heapq.heappop(self._heads)

    def _lent(self) -> int:
        """Return how many devices could be taken back."""
        return sum(max(0, held - self._guarantee(team)) for team, held in self._held.items())

    def _size(self, run: Waiting) -> int:
        if run.accelerators is not None:
            return run.accelerators
        left = self._guarantee(run.team_id) - self._held[run.team_id]
        return run.kept_accelerators or max(run.least, min(left, self._free, self._largest))

    def _take(self, key: Key, number: int, seconds: float) -> None:
        heapq.heappush(self._ends, (self._now + max(0.0, seconds), number, key))
        self._change(key, number)

    def _change(self, key: Key, number: int) -> None:
        team, _, counts = key
        self._free -= number
        if counts:
            self._usage[team] = self._used(team), self._now
            self._held[team] += number
            self._of_person[key] += number
        self._offer(team)
