"""The pass over the line; the package's docstring has the rules."""

import heapq
import math
from bisect import bisect_left
from collections.abc import Iterator
from operator import attrgetter
from typing import NamedTuple, cast

from compute.explanations import Code, Explanation, NextEnd
from compute.scheduler.beside import decide_beside, parted
from compute.scheduler.limits import Limits
from compute.scheduler.preempting import cheapest
from compute.scheduler.reclaiming import borrowers
from compute.scheduler.rooms import Claim, Room, let_own_go, rooms_of
from compute.scheduler.snapshot import Decision, End, Held, Snapshot, Start, Stop, Wait, Waiting
from compute.scheduler.windows import (
    UNPREDICTED,
    Reach,
    before_maintenance,
    closed_nodes,
    closings_of,
    drained,
    going_on,
    iso,
    reaches_of,
)

URGENT = 2
"""The priority that an administrator grants: it comes before other teams' shares."""


def decide(snapshot: Snapshot) -> list[Decision]:
    """Return one decision for each waiting Run, in the order in which they come, and a Stop for each that must go."""
    waiting, beside, line = parted(snapshot)
    return [*drained(snapshot), *decide_beside(waiting, beside, line), *_Line(line).decisions()]


class Kept(NamedTuple):
    """A Run whose claim is kept."""

    run: Waiting
    room: Room
    asked: int
    claim: Claim | None
    """None: it starts."""


class _Line:
    """Holds what is left after each decision."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        closed = closed_nodes(snapshot)
        self._over = [one for one in snapshot.held if _is_over(one, snapshot.now) and one.node_id not in closed]
        over = {one.run_id for one in self._over}
        self._limits = Limits(snapshot)
        lent = [one for one in borrowers(snapshot.held, snapshot.guarantees) if one.run_id not in over]
        self._rooms = rooms_of(snapshot, lent)
        self._num_free = sum(len(room.free) for room in self._rooms)
        self._total = sum(room.size for room in self._rooms)
        sizes = [len(node.device_ids) for node in snapshot.nodes]
        self._largest = max(sizes, default=0)
        self._closings = closings_of(self._rooms)
        self._reaches = reaches_of(self._rooms, self._closings)
        self._largest_open = self._reaches[0].largest
        self._decisions: list[Decision] = []
        self._kind = "cuda" if any(node.kind == "cuda" for node in snapshot.nodes) else "cpu"
        self._is_alone = sum(not run.stop_requested for run in snapshot.waiting) == 1
        self._nevers: dict[object, Explanation | None] = {}
        self._said: dict[object, Explanation] = {}
        self._next_ends = self._next_end_of_each_team()

    def decisions(self) -> list[Decision]:
        for held in self._over:
            self._decisions.append(Stop(run_id=held.run_id, reason="limit"))
        line = sorted(self._snapshot.waiting, key=attrgetter("priority"), reverse=True)
        guarantees = self._snapshot.guarantees
        borrowing: list[Waiting] = []
        kept = self._keep_claims(line)
        settled = {one.run.run_id for one in kept}
        for run in line:
            if run.run_id in settled:
                continue
            if run.stop_requested:
                self._decisions.append(End(run_id=run.run_id))
            elif run.team_id in guarantees and self._is_guaranteed(run):
                self._place(run, is_guaranteed=True)
            else:
                borrowing.append(run)
        self._settle(kept)
        for run in self._by_share(borrowing):
            refusal = self._never(run) or self._refusal(run)
            if refusal is not None:
                self._decisions += [Stop(run_id=one.run_id) for one in let_own_go(self._rooms, run, refusal)]
                self._wait(run, refusal)
            else:
                self._place(run, is_guaranteed=False)
        return self._decisions

    def _is_guaranteed(self, run: Waiting) -> bool:
        return self._limits.is_guaranteed(run) and self._never(run) is None

    def _keep_claims(self, line: list[Waiting]) -> list[Kept]:
        """Give Runs what is free for them, and keep what comes free, before others see it."""
        kept = []
        for run in line:
            if run.claimed_node is None or (found := self._claimed(run)) is None:
                continue
            room, asked = found
            if asked <= len(room.free):
                self._start(run, room, asked)
                kept.append(Kept(run, room, asked, None))
            else:
                self._limits.enter(run, asked)
                kept.append(Kept(run, room, asked, self._claim(room, asked)))
        return kept

    def _settle(self, kept: list[Kept]) -> None:
        """Let Runs that keep a claim start elsewhere at once where nobody else within a guarantee has use for that."""
        for run, room, asked, claim in kept:
            if claim is None:
                continue
            if (other := self._fitting(run, asked, self._reach_of(run))) is None:
                said: Explanation = {"code": "reclaiming", "asked": asked, **self._numbers()}
                self._wait(run, said, claimed_node=run.claimed_node)
                continue
            self._give(run, other, asked)
            room.give_back(claim)
            self._num_free += len(claim.free)
            for reach in self._reaches:
                reach.forget()

    def _claimed(self, run: Waiting) -> tuple[Room, int] | None:
        """Return the node that `run` claims devices of, and how many; None where they are not to be had any more."""
        reach = self._reach_of(run)
        room = next((one for one in reach.rooms if one.node.node_id == run.claimed_node), None)
        if room is None or run.stop_requested or not self._is_guaranteed(run):
            return None
        wanted, least = self._sizes(run, reach, is_guaranteed=True)
        there = len(room.free) + room.coming
        if wanted is None or least > there:
            return None
        return room, wanted if wanted <= there else least

    def _by_share(self, runs: list[Waiting]) -> Iterator[Waiting]:
        """Yield Runs that would borrow; the share of a team grows with what it is given meanwhile."""
        teams: dict[tuple[int, bool], list[tuple[int, Waiting]]] = {}
        for place, run in enumerate(runs):
            teams.setdefault((run.team_id, run.counts_in_quota), []).append((place, run))
        queues = {team: iter(queue) for team, queue in teams.items()}
        heads: list[tuple[bool, float, int, int, tuple[int, bool], Waiting]] = []
        for team, queue in queues.items():
            place, run = next(queue)
            heapq.heappush(heads, (*self._key(run), place, team, run))
        while heads:
            *_, team, run = heapq.heappop(heads)
            yield run
            if (following := next(queues[team], None)) is not None:
                place, run = following
                heapq.heappush(heads, (*self._key(run), place, team, run))

    def _key(self, run: Waiting) -> tuple[bool, float, int]:
        share = self._limits.share(run.team_id) if run.counts_in_quota else 0.0
        return run.priority < URGENT, share, -run.priority

    # -- why a Run cannot start ---------------------------------------------------------------------------------------

    def _never(self, run: Waiting) -> Explanation | None:
        """Return what keeps `run` from starting whatever becomes free, or None."""
        alike = run.team_id, run.user_id is None, run.counts_in_quota, run.least
        if alike not in self._nevers:
            self._nevers[alike] = self._never_like(run)
        return self._nevers[alike]

    def _never_like(self, run: Waiting) -> Explanation | None:
        if not self._largest:
            return {"code": "no_node"}
        if (refusal := self._limits.never(run)) is not None:
            return refusal
        if run.least > self._largest:
            return {"code": "too_large", "asked": run.least, "largest": self._largest}
        if run.least > self._largest_open and (found := going_on(self._snapshot, run.least)) is not None:
            return {"code": "maintenance", "ends_at": iso(found.ends_at)}
        if run.least > self._largest_open:
            return {"code": "node_away" if any(node.heard for node in self._snapshot.nodes) else "no_node"}
        return None

    def _refusal(self, run: Waiting) -> Explanation | None:
        refusal = self._limits.refusal(run)
        if refusal is not None and refusal["code"] == "quota":
            return cast(Explanation, {**refusal, **self._next_ends.get(run.team_id, {})})
        return refusal

    def _next_end_of_each_team(self) -> dict[int, NextEnd]:
        """Return the first predicted end among each team's own Runs; other teams' names are not its business."""
        first: dict[int, Held] = {}
        for held in self._snapshot.held:
            if held.counts_in_quota and held.ends_at is not None:
                before = first.setdefault(held.team_id, held)
                if before.ends_at is not None and held.ends_at < before.ends_at:
                    first[held.team_id] = held
        return {
            team: {
                "next_label": held.label,
                "next_end_at": iso(held.ends_at or 0.0),
            }
            for team, held in first.items()
        }

    # -- where a Run goes ---------------------------------------------------------------------------------------------

    def _place(self, run: Waiting, *, is_guaranteed: bool) -> None:
        """Start a Run on the fullest node with room, make room for it, or reserve a node."""
        reach = self._reach_of(run)
        if run.least > reach.largest:
            self._wait(run, before_maintenance(self._rooms, run, self._snapshot.now))
            return
        wanted, least = self._sizes(run, reach, is_guaranteed=is_guaranteed)
        if wanted is None:
            self._place_alone(run, reach)
            return
        room = self._fitting(run, wanted, reach)
        if room is None and is_guaranteed and self._reclaim(run, wanted, reach):
            return
        if room is None and least < wanted:
            room = max(_open(reach), key=lambda one: len(one.free), default=None)
            if room is not None and len(room.free) < least:
                room = None
        room = room or self._fitting(run, least, reach) or self._backfill(run, least, reach)
        if room is not None:
            self._start(run, room, min(wanted, len(room.free)))
        elif not (is_guaranteed and self._reclaim(run, least, reach)):
            self._wait_for_room(run, least, reach, is_guaranteed=is_guaranteed)

    def _reach_of(self, run: Waiting) -> Reach:
        """Return the nodes on which `run` would have ended before they are maintained."""
        if not self._closings:
            return self._reaches[0]
        return self._reaches[bisect_left(self._closings, self._snapshot.now + _lasts(run))]

    def _sizes(self, run: Waiting, reach: Reach, *, is_guaranteed: bool) -> tuple[int | None, int]:
        """Return how many devices to look for and the fewest to begin with; None: all of a node that it may have."""
        if run.accelerators is not None:
            return run.accelerators, run.accelerators
        left = self._limits.left(run)
        most = reach.largest if left is None else min(left, reach.largest)
        if run.kept_accelerators is not None and run.kept_accelerators <= most:
            return run.kept_accelerators, run.kept_accelerators
        if self._is_alone:
            return None, run.least
        guaranteed = self._limits.guarantee_left(run) if is_guaranteed else 0
        return max(run.least, min(guaranteed, most)), run.least

    def _fitting(self, run: Waiting, asked: int, reach: Reach) -> Room | None:
        """Return the fullest node with so many free devices; of these the one that `run` keeps busy least longer."""
        if asked >= reach.too_large or asked > self._num_free:
            return None
        fitting = [room for room in reach.rooms if room.reserved_from is None and len(room.free) >= asked]
        if not fitting:
            reach.too_large = asked
            return None
        fewest = min(len(room.free) for room in fitting)
        ends_at = self._snapshot.now + (run.expected_seconds or run.most_seconds or UNPREDICTED)
        return min((room for room in fitting if len(room.free) == fewest), key=lambda room: room.outlasted_by(ends_at))

    def _backfill(self, run: Waiting, asked: int, reach: Reach) -> Room | None:
        """Return a reserved node whose devices `run` gives back before they are needed, or that are not needed."""
        if asked > self._num_free:
            return None
        ends_at = self._snapshot.now + (run.expected_seconds or run.most_seconds or math.inf)
        if asked in reach.too_late and ends_at >= reach.too_late[asked]:
            return None
        for room in reach.rooms:
            if room.lets_in(asked, ends_at):
                room.let_in(asked, ends_at)
                return room
        reach.too_late[asked] = ends_at
        return None

    def _reclaim(self, run: Waiting, asked: int, reach: Reach) -> bool:
        """Preempt the fewest on the node where that takes least; idle Runs there give way first."""
        if asked >= reach.unreclaimable:
            return False
        found = cheapest(_open(reach), asked)
        if found is None:
            reach.unreclaimable = asked
            return False
        room, chosen = found.room, found.chosen
        self._make_way(room, asked - len(room.free) - room.coming - sum(len(one.device_ids) for one in chosen))
        self._decisions += [Stop(run_id=one.run_id, reason="preempt") for one in chosen]
        room.reclaiming(chosen)
        self._claim(room, asked)
        self._limits.enter(run, asked)
        code: Code = "reclaiming" if chosen else "yielding" if room.is_yielding else "room"
        self._wait(run, {"code": code, "asked": asked, **self._numbers()}, claimed_node=room.node.node_id)
        return True

    def _wait_for_room(self, run: Waiting, asked: int, reach: Reach, *, is_guaranteed: bool) -> None:
        """Claim what comes free where that is enough, idle Runs' devices included; else reserve a node."""
        if is_guaranteed:
            self._limits.promise(run, asked)
        for one in reach.rooms if asked < reach.out_of_reach else ():
            one.count_on_ends()
        room = self._best_to_wait_for(run, asked, reach)
        if room is not None and room.reach >= asked:
            lacking = asked - len(room.free) - room.coming
            is_yielding = lacking > 0 or room.is_yielding
            self._make_way(room, lacking)
            self._claim(room, asked)
            self._wait(run, {"code": "yielding" if is_yielding else "room", "asked": asked, **self._numbers()})
            return
        if room is not None:
            room.reserve(asked)
            for other in self._reaches:
                other.too_late.clear()
        key = ("room", asked, run.team_id, self._num_free)
        if (said := self._said.get(key)) is None:
            ends = self._next_ends.get(run.team_id, {})
            said = self._said[key] = cast(
                Explanation, {"code": "room", "asked": asked, **self._numbers(), **ends, "kind": self._kind}
            )
        self._decisions.append(Wait(run_id=run.run_id, explanation=said))

    def _best_to_wait_for(self, run: Waiting, asked: int, reach: Reach) -> Room | None:
        """Return the node that nobody has reserved on which so many devices should be free first."""
        if asked >= reach.out_of_reach:
            return None
        rooms = [room for room in _open(reach) if room.size >= asked]
        if not rooms:
            reach.out_of_reach = asked
            return None
        enough = [room for room in rooms if room.reach >= asked]
        if enough:
            return max(enough, key=lambda r: (len(r.free) + r.coming, len(r.free)))
        in_time = [room for room in rooms if room.available_at(asked) + _lasts(run) <= room.closes_at]
        return min(in_time, key=lambda r: (r.available_at(asked), -r.reach, -len(r.free)), default=None)

    def _place_alone(self, run: Waiting, reach: Reach) -> None:
        """Give a Run all it may have of the best node; idle Runs there give way first, since it will hold for long."""
        left = self._limits.left(run)

        def share(room: Room) -> int:
            most = len(room.free) + room.num_idle + (room.coming if room.is_yielding else 0)
            return most if left is None else min(left, most)

        room = max(reach.rooms, key=lambda r: (share(r), len(r.free), r.coming))
        wanted = share(room)
        if wanted >= run.least and wanted <= len(room.free):
            self._start(run, room, wanted)
            return
        if (
            wanted < run.least
            and self._limits.guarantee_left(run) >= run.least
            and self._reclaim(run, run.least, reach)
        ):
            return
        self._make_way(room, wanted - len(room.free) - (room.coming if room.is_yielding else 0))
        code: Code = "yielding" if wanted else "room"
        ends = self._next_ends.get(run.team_id, {})
        self._wait(run, cast(Explanation, {"code": code, "asked": run.least, **self._numbers(), **ends}))

    # -- what is decided ----------------------------------------------------------------------------------------------

    def _make_way(self, room: Room, lacking: int) -> None:
        self._decisions += [Stop(run_id=held.run_id) for held in room.yielding(lacking)]

    def _claim(self, room: Room, asked: int) -> Claim:
        claim = room.claim(asked)
        self._num_free -= len(claim.free)
        return claim

    def _start(self, run: Waiting, room: Room, number: int) -> None:
        self._limits.enter(run, number)
        self._give(run, room, number)

    def _give(self, run: Waiting, room: Room, number: int) -> None:
        devices, room.free = tuple(room.free[:number]), room.free[number:]
        self._num_free -= number
        self._decisions.append(Start(run_id=run.run_id, node_id=room.node.node_id, device_ids=devices))

    def _wait(self, run: Waiting, explanation: Explanation, *, claimed_node: int | None = None) -> None:
        said: Explanation = {**explanation, "kind": self._kind}
        self._decisions.append(Wait(run_id=run.run_id, explanation=said, claimed_node=claimed_node))

    def _numbers(self) -> Explanation:
        """Return how many devices are free to the line, and how many there are."""
        return {"free": self._num_free, "total": self._total}


def _open(reach: Reach) -> list[Room]:
    return [room for room in reach.rooms if room.reserved_from is None]


def _lasts(run: Waiting) -> float:
    return UNPREDICTED if run.most_seconds is None else run.most_seconds


def _is_over(held: Held, now: float) -> bool:
    return held.must_end_at is not None and held.must_end_at <= now and not held.stopping
