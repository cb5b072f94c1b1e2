"""Four ways to share a pool that others use, over the scheduler's own snapshots: FIFO, Slurm's, Kueue's two.

They are what is known of those schedulers, not those programs, and place a Run as ours does: on the fullest node with
room. Each is an object that `Simulation` calls like `decide`.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable

from benchmarks.traces import Job, Trace
from compute.scheduler import Decision, Held, Snapshot, Start, Stop, Waiting

SLURM_AGE, SLURM_FAIR_SHARE = 1000, 10_000
"""PriorityWeightAge and PriorityWeightFairshare: fairness weighs ten times as much as age."""
SLURM_MOST_AGE = 7 * 86_400.0
"""PriorityMaxAge."""
SLURM_HALF_LIFE = 7 * 86_400.0
"""PriorityDecayHalfLife."""
SLURM_TESTED = 500
"""bf_max_job_test: how many Runs are looked at for backfill."""


class Room:
    """The free devices of each node."""

    def __init__(self, snapshot: Snapshot) -> None:
        taken = {device for held in snapshot.held for device in held.device_ids}
        self.free = {
            node.node_id: [device for device in node.device_ids if device not in taken] for node in snapshot.nodes
        }
        self.total = sum(map(len, self.free.values()))

    def place(self, waiting: Waiting, *, without: frozenset[int] | set[int] = frozenset()) -> Start | None:
        """Take the devices for a Run on the fullest node with room, or None."""
        asked = waiting.accelerators or 1
        fitting = [(len(free), node) for node, free in self.free.items() if len(free) >= asked and node not in without]
        if not fitting:
            return None
        return self.place_on(min(fitting)[1], waiting)

    def place_on(self, node: int, waiting: Waiting) -> Start:
        asked = waiting.accelerators or 1
        devices, self.free[node] = tuple(self.free[node][:asked]), self.free[node][asked:]
        self.total -= asked
        return Start(run_id=waiting.run_id, node_id=node, device_ids=devices)


class Rival:
    """What the three share."""

    name = ""

    def __init__(self, trace: Trace) -> None:
        self.jobs: dict[str, Job] = {job.run_id: job for job in trace.jobs}
        self.guarantees = trace.guarantees
        self.clock: Callable[[], float] = lambda: 0.0
        """Now; set by the simulation's caller."""

    def __call__(self, snapshot: Snapshot) -> list[Decision]:
        raise NotImplementedError


class FirstCome(Rival):
    """The line in its order, up to the first Run that does not fit."""

    name = "FIFO"

    def __call__(self, snapshot: Snapshot) -> list[Decision]:
        room = Room(snapshot)
        decisions: list[Decision] = []
        for waiting in snapshot.waiting:
            if (start := room.place(waiting)) is None:
                break
            decisions.append(start)
        return decisions


class Multifactor(Rival):
    """Slurm's priority/multifactor by age and fair share of decayed use, with sched/backfill; nothing is preempted."""

    name = "Slurm-like"

    def __init__(self, trace: Trace) -> None:
        super().__init__(trace)
        self._usage: dict[int, float] = defaultdict(float)
        self._seen_at = 0.0
        self._ends: dict[str, float] = {}

    def __call__(self, snapshot: Snapshot) -> list[Decision]:
        self._account(snapshot)
        room, now = Room(snapshot), self.clock()
        ends = self._expected_ends(snapshot)
        decisions: list[Decision] = []
        reserved: dict[int, float] = {}
        for waiting in heapq.nsmallest(SLURM_TESTED, snapshot.waiting, key=self._key(now)):
            until = now + self.jobs[waiting.run_id].estimate
            too_late = {node for node, begins in reserved.items() if until > begins}
            if (start := room.place(waiting, without=too_late)) is not None:
                decisions.append(start)
                self._ends[waiting.run_id] = until
                ends[start.node_id].append((until, len(start.device_ids)))
            elif len(reserved) < len(room.free):
                node, begins = self._earliest(room, ends, waiting.accelerators or 1, reserved)
                reserved[node] = begins
            if not room.total:
                break
        return decisions

    def _account(self, snapshot: Snapshot) -> None:
        passed = self.clock() - self._seen_at
        self._seen_at = self.clock()
        kept = 0.5 ** (passed / SLURM_HALF_LIFE)
        for team in self._usage:
            self._usage[team] *= kept
        for held in snapshot.held:
            self._usage[held.team_id] += passed * len(held.device_ids)

    def _key(self, now: float) -> Callable[[Waiting], tuple[float, float]]:
        whole = sum(self._usage.values()) or 1.0
        shares = sum(self.guarantees.values())
        fair = {
            team: 2 ** -((self._usage[team] / whole) / (guarantee / shares))
            for team, guarantee in self.guarantees.items()
        }

        def key(waiting: Waiting) -> tuple[float, float]:
            at = self.jobs[waiting.run_id].at
            age = min(1.0, (now - at) / SLURM_MOST_AGE)
            return -(SLURM_AGE * age + SLURM_FAIR_SHARE * fair[waiting.team_id]), at

        return key

    def _expected_ends(self, snapshot: Snapshot) -> dict[int, list[tuple[float, int]]]:
        ends: dict[int, list[tuple[float, int]]] = {node.node_id: [] for node in snapshot.nodes}
        for held in snapshot.held:
            ends[held.node_id].append((max(self.clock(), self._ends[held.run_id]), len(held.device_ids)))
        return ends

    def _earliest(
        self, room: Room, ends: dict[int, list[tuple[float, int]]], asked: int, reserved: dict[int, float]
    ) -> tuple[int, float]:
        """Return the node that should first have that many free devices, and when."""
        best = (float("inf"), -1)
        for node, free in room.free.items():
            if node in reserved:
                continue
            number = len(free)
            for at, released in sorted(ends[node]):
                number += released
                if number >= asked:
                    best = min(best, (at, node))
                    break
        return best[1], best[0]


class Cohort(Rival):
    """Kueue: a ClusterQueue for each team in one cohort, nominal quotas, borrowing, reclaimWithinCohort: Any.

    Fair sharing is off, as by default. Within a queue BestEffortFIFO; of the queues' heads those that need not borrow
    come first, then the older.
    """

    name = "Kueue-like"
    preempts_while_borrowing = False

    def __init__(self, trace: Trace) -> None:
        super().__init__(trace)
        self._admitted: dict[str, float] = {}

    def __call__(self, snapshot: Snapshot) -> list[Decision]:
        room = Room(snapshot)
        used: dict[int, int] = defaultdict(int)
        for held in snapshot.held:
            used[held.team_id] += len(held.device_ids)
        queues: dict[int, list[Waiting]] = defaultdict(list)
        for waiting in reversed(snapshot.waiting):
            queues[waiting.team_id].append(waiting)
        decisions: list[Decision] = []
        borrowers = self._borrowers(snapshot, used)
        heads = [self._head(queue, used) for queue in queues.values()]
        heapq.heapify(heads)
        tried: dict[int, set[int]] = defaultdict(set)
        while heads:
            *_, team = heapq.heappop(heads)
            waiting = queues[team].pop()
            asked = waiting.accelerators or 1
            borrows = used[team] + asked > self.guarantees[team]
            if asked not in tried[team]:  # what does not fit now is passed over, and so are later ones of its size
                if (start := room.place(waiting)) is not None:
                    decisions.append(start)
                    used[team] += asked
                    borrowers.started(team, asked)
                    self._admitted[waiting.run_id] = self.clock()
                else:
                    tried[team].add(asked)
                    if not borrows or self.preempts_while_borrowing:
                        decisions += borrowers.make_room(room, team, asked)
            if queues[team] and (room.total or not borrows) and len(tried[team]) < 4:
                heapq.heappush(heads, self._head(queues[team], used))
        return decisions

    def _borrowers(self, snapshot: Snapshot, used: dict[int, int]) -> "_Borrowers":
        return _Borrowers(snapshot, used, self.guarantees, self._admitted)

    def _head(self, queue: list[Waiting], used: dict[int, int]) -> tuple[float, float, int]:
        head = queue[-1]
        borrows = used[head.team_id] + (head.accelerators or 1) > self.guarantees[head.team_id]
        return borrows, self.jobs[head.run_id].at, head.team_id


class _Borrowers:
    """Runs that can be preempted for a queue within its nominal quota: those of queues beyond theirs, newest first."""

    def __init__(
        self, snapshot: Snapshot, used: dict[int, int], guarantees: dict[int, int], admitted: dict[str, float]
    ) -> None:
        self._used, self._guarantees = dict(used), guarantees
        self._on: dict[int, list[Held]] = defaultdict(list)
        self._coming: dict[int, int] = defaultdict(int)
        self._promised: set[int] = set()
        for held in sorted(snapshot.held, key=lambda one: admitted.get(one.run_id, 0.0), reverse=True):
            if held.stopping:
                self._coming[held.node_id] += len(held.device_ids)
                self._used[held.team_id] -= len(held.device_ids)
            else:
                self._on[held.node_id].append(held)

    def started(self, team: int, asked: int) -> None:
        self._used[team] = self._used.get(team, 0) + asked

    def make_room(self, room: Room, team: int, asked: int) -> list[Decision]:
        """Return the Stops that free `asked` devices on one node, the fewest; none where devices come free anyway."""
        best: list[Held] | None = None
        for node, free in room.free.items():
            if node in self._promised:
                continue
            lacking = asked - len(free) - self._coming[node]
            if lacking <= 0:
                self._promised.add(node)
                return []
            chosen = self._choose(node, team, asked, lacking)
            if chosen and (best is None or len(chosen) < len(best)):
                best = chosen
        if best is None:
            return []
        self._promised.add(best[0].node_id)
        for held in best:
            self._used[held.team_id] -= len(held.device_ids)
            self._on[held.node_id].remove(held)
            self._coming[held.node_id] += len(held.device_ids)
        return [Stop(run_id=held.run_id) for held in best]

    def _choose(self, node: int, team: int, asked: int, lacking: int) -> list[Held]:
        chosen: list[Held] = []
        used = dict(self._used)
        for held in self._on[node]:
            if lacking <= 0:
                break
            if held.team_id != team and self._may_take(held, team, asked, used):
                used[held.team_id] -= len(held.device_ids)
                lacking -= len(held.device_ids)
                chosen.append(held)
        return chosen if lacking <= 0 else []

    def _may_take(self, held: Held, team: int, asked: int, used: dict[int, int]) -> bool:
        return used[held.team_id] > self._guarantees[held.team_id]


class FairCohort(Cohort):
    """Kueue with fair sharing: of the queues' heads that of the smallest share comes first, and shares are evened out.

    A queue's share is what it borrows over its weight, its nominal quota here. It may preempt while it borrows, by
    LessThanOrEqualToFinalShare: where its own share stays no larger than what is left to the other.
    """

    name = "Kueue fair"
    preempts_while_borrowing = True

    def _borrowers(self, snapshot: Snapshot, used: dict[int, int]) -> "_Borrowers":
        return _FairBorrowers(snapshot, used, self.guarantees, self._admitted)

    def _head(self, queue: list[Waiting], used: dict[int, int]) -> tuple[float, float, int]:
        head = queue[-1]
        after = used[head.team_id] + (head.accelerators or 1)
        return _borrowed(after, self.guarantees[head.team_id]), self.jobs[head.run_id].at, head.team_id


class _FairBorrowers(_Borrowers):
    """Runs of queues that borrow more than the one that preempts would, even without them."""

    def _may_take(self, held: Held, team: int, asked: int, used: dict[int, int]) -> bool:
        if not super()._may_take(held, team, asked, used):
            return False
        left = used[held.team_id] - len(held.device_ids)
        own = _borrowed(used.get(team, 0) + asked, self._guarantees[team])
        return own <= _borrowed(left, self._guarantees[held.team_id])


def _borrowed(used: int, nominal: int) -> float:
    return max(0, used - nominal) / nominal


RIVALS = (FirstCome, Multifactor, Cohort)
