"""A pool run through time: events change it, the scheduler decides, and what it decided becomes events."""

import heapq
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from compute.scheduler import Decision, End, Held, Snapshot, Start, Stop, Wait, Waiting, decide
from compute.scheduler.usage import decayed, with_use

Decide = Callable[[Snapshot], Sequence[Decision]]


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A Run that enters the queue later."""

    at: float
    waiting: Waiting


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What time is lost to, in seconds."""

    start: float = 0.0
    """From having devices to the first step, each time."""
    checkpoint: float = 0.0
    """From being asked to give way to giving the devices back."""
    between_passes: float = 0.0
    """The scheduler looks at most so often; 0: at every event."""


@dataclass(kw_only=True)
class Lived:
    """What became of a Run."""

    arrived_at: float
    started_at: float = math.inf
    """When it first had devices; never: infinity."""
    ended_at: float = math.inf
    device_ids: tuple[int, ...] = ()
    """What it had first."""
    num_preempted: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Stay:
    """Devices that a Run has held."""

    run_id: str
    team_id: int
    num_devices: int
    since: float
    until: float
    stopped_at: float
    """From when on it only wrote its checkpoint; `until`, where it ended on its own."""


@dataclass
class _Running:
    held: Held
    waiting: Waiting | None
    """What queues again when it is preempted; None for a replica, which is woken by requests and not by the queue."""
    since: float
    left: float
    """Seconds of work left at `since`."""
    stopped_at: float | None = None


class Simulation:
    """A pool from a snapshot on.

    `seconds` says how long each Run computes in all, or, if it holds devices already, from now on. A Run without an
    entry never ends. `estimates` is what the scheduler is told of that. Times are seconds since the snapshot.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        seconds: Mapping[str, float],
        estimates: Mapping[str, float] | None = None,
        arrivals: Iterable[Arrival] = (),
        costs: Costs | None = None,
        decide: Decide = decide,
    ) -> None:
        self.now = 0.0
        self.num_passes = 0
        self.line = [one if one.claimed_node is None else replace(one, claimed_node=None) for one in snapshot.waiting]
        self.running: dict[str, _Running] = {}
        self.lived: dict[str, Lived] = {waiting.run_id: Lived(arrived_at=0.0) for waiting in snapshot.waiting}
        self.stays: list[Stay] = []
        """Those that are over, in the order of their ends."""
        self._snapshot = snapshot
        self._seconds = seconds
        self._estimates = estimates or {}
        self._costs = costs or Costs()
        self._decide = decide
        self._claims = {one.run_id: one.claimed_node for one in snapshot.waiting if one.claimed_node is not None}
        self._places = {waiting.run_id: place for place, waiting in enumerate(snapshot.waiting)}
        self._left: dict[str, float] = {}
        self._number = itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._next_pass = 0.0
        self._is_changed = True
        self._usage, self._used_until = dict(snapshot.usage), 0.0
        for held in snapshot.held:
            self._hold(held, None, seconds.get(held.run_id, math.inf))
        self._windows = {window for node in snapshot.nodes for window in node.windows}
        for window in self._windows:
            for moment in (window.begins_at, window.ends_at):
                if moment > snapshot.now:
                    self._at(moment - snapshot.now, self._look_again)
        for arrival in arrivals:
            self._at(arrival.at, partial(self._arrive, arrival.waiting))

    # -- time ---------------------------------------------------------------------------------------------------------

    def step(self) -> bool:
        """Go to the next moment at which anything happens, and let the scheduler look; False at the end of all."""
        due = self._next_pass if self._is_changed else math.inf
        upcoming = self._events[0][0] if self._events else math.inf
        if (moment := min(due, upcoming)) == math.inf:
            return False
        self.now = max(self.now, moment)
        while self._events and self._events[0][0] <= self.now:
            heapq.heappop(self._events)[2]()
        if self._is_changed and self._next_pass <= self.now:
            self._pass()
        return True

    def run(self, *, until: float = math.inf, most_passes: int | None = None, watched: Iterable[str] = ()) -> None:
        """Go on until a moment, a number of passes, the end of all, or until each of `watched` has started."""
        wanted = set(watched)
        is_watching = bool(wanted)
        while self.now < until and (most_passes is None or self.num_passes < most_passes):
            if is_watching:
                wanted = {run_id for run_id in wanted if self.lived[run_id].started_at == math.inf}
                if not wanted:
                    return
            if not self.step():
                return

    # -- what happens -------------------------------------------------------------------------------------------------

    def _pass(self) -> None:
        self.num_passes += 1
        self._is_changed = False
        self._next_pass = self.now + self._costs.between_passes
        if not self.line and not self._windows:
            return
        self._account()
        gone: set[str] = set()
        waiting = {one.run_id: one for one in self.line}
        decisions = self._decide(self.snapshot())
        self._claims.clear()
        for decision in decisions:
            match decision:
                case Wait(claimed_node=int(node)):
                    self._claims[decision.run_id] = node
                case Start():
                    gone.add(decision.run_id)
                    self._start(waiting[decision.run_id], decision)
                case End():
                    gone.add(decision.run_id)
                    self.lived[decision.run_id].ended_at = self.now
                case Stop():
                    self._stop(decision)
        if gone:
            self.line = [one for one in self.line if one.run_id not in gone]

    def snapshot(self) -> Snapshot:
        """Return the pool as it is now, as the scheduler sees it."""
        return replace(
            self._snapshot,
            waiting=self._claiming() if self._claims else self.line,
            held=[one.held for one in self.running.values()],
            usage=self._usage,
            now=self._snapshot.now + self.now,
        )

    def _claiming(self) -> list[Waiting]:
        claims = self._claims
        return [replace(one, claimed_node=claims[one.run_id]) if one.run_id in claims else one for one in self.line]

    def _account(self) -> None:
        """Enter what was used since the last pass."""
        seconds, self._used_until = self.now - self._used_until, self.now
        counted = [one.held for one in self.running.values() if one.held.counts_in_quota]
        kept = decayed(self._usage, seconds=seconds, half_life=self._snapshot.half_life)
        self._usage = with_use(kept, ((held.team_id, seconds * len(held.device_ids)) for held in counted))

    def _arrive(self, waiting: Waiting) -> None:
        self._places.setdefault(waiting.run_id, len(self._places))
        self.lived.setdefault(waiting.run_id, Lived(arrived_at=self.now))
        self.line.append(waiting)
        self.line.sort(key=lambda one: self._places[one.run_id])
        self._is_changed = True

    def _start(self, waiting: Waiting, decision: Start) -> None:
        lived = self.lived[waiting.run_id]
        if lived.started_at == math.inf:
            lived.started_at, lived.device_ids = self.now, decision.device_ids
        left = self._left.pop(waiting.run_id, None)
        now, estimate = self._snapshot.now + self.now, self._estimates.get(waiting.run_id)
        held = Held(
            run_id=waiting.run_id,
            team_id=waiting.team_id,
            user_id=waiting.user_id,
            priority=waiting.priority,
            preemptible=waiting.preemptible,
            node_id=decision.node_id,
            device_ids=decision.device_ids,
            started_at=now,
            ends_at=None if estimate is None else now + self._costs.start + estimate,
            checkpoint_seconds=self._costs.checkpoint,
            counts_in_quota=waiting.counts_in_quota,
        )
        work = self._seconds.get(waiting.run_id, math.inf) if left is None else left
        self._hold(held, waiting, work + self._costs.start)

    def _hold(self, held: Held, waiting: Waiting | None, left: float) -> None:
        running = _Running(held, waiting, self.now, left)
        self.running[held.run_id] = running
        if held.stopping:
            running.stopped_at = self.now
            self._at(self.now + self._costs.checkpoint, lambda: self._release(running))
        elif left < math.inf:
            self._at(self.now + left, lambda: self._end(running))

    def _end(self, running: _Running) -> None:
        if running.stopped_at is not None:
            return  # its work was cut off meanwhile
        self._leave(running)
        if (lived := self.lived.get(running.held.run_id)) is not None:
            lived.ended_at = self.now

    def _look_again(self) -> None:
        self._is_changed = True

    def _stop(self, decision: Stop) -> None:
        running = self.running[decision.run_id]
        if decision.reason == "limit":
            running.waiting = None
        elif decision.reason == "drain" and running.waiting is None and running.held.preemptible:
            running.waiting = self._waiting_again(running.held)
        running.stopped_at = self.now
        running.held = replace(running.held, stopping=True, yielding=True)
        running.left -= self.now - running.since
        self._at(self.now + self._costs.checkpoint, lambda: self._release(running))

    def _waiting_again(self, held: Held) -> Waiting:
        """Return what had devices at the beginning as it queues again: before all that waits."""
        self._places[held.run_id] = -len(self._places) - 1
        self.lived[held.run_id] = Lived(arrived_at=self.now)
        return Waiting(
            run_id=held.run_id,
            team_id=held.team_id,
            user_id=held.user_id,
            priority=held.priority,
            accelerators=len(held.device_ids),
            counts_in_quota=held.counts_in_quota,
        )

    def _release(self, running: _Running) -> None:
        """Take its devices from a Run that was stopped, and put it back into its own place in line."""
        self._leave(running)
        if running.waiting is None:
            return
        self.lived[running.held.run_id].num_preempted += 1
        self._left[running.held.run_id] = max(0.0, running.left)
        self._arrive(running.waiting)

    def _leave(self, running: _Running) -> None:
        held = running.held
        del self.running[held.run_id]
        self._is_changed = True
        self.stays.append(
            Stay(
                run_id=held.run_id,
                team_id=held.team_id,
                num_devices=len(held.device_ids),
                since=running.since,
                until=self.now,
                stopped_at=self.now if running.stopped_at is None else running.stopped_at,
            )
        )

    def _at(self, moment: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._number), event))
