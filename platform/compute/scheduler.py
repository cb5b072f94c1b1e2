"""The scheduler: a pure function from the pool's state to what starts or stops next, and why the rest waits.

The line is first come, first served within a priority. Three rules bend it:

- *Quota.* A Run that would put its team over its quota waits, and so do later Runs of that team that count in the
  quota; other teams pass by.
- *Room.* A Run that fits its quota but finds no node with enough free devices reserves the node on which it lacks the
  fewest: no later Run gets a device there until it has started. So a large Run is never starved by small ones, and
  other nodes stay in use.
- *Giving way.* Idle yielding Runs (shared replicas) are stopped for a Run that waits, the fewest that are needed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict, Unpack, cast

from compute.explanations import Explanation, NextEnd


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A Run in the queue."""

    run_id: str
    team_id: int
    accelerators: int | None
    """None: every free one of a node that the quota allows."""
    counts_in_quota: bool = True
    stop_requested: bool = False


@dataclass(frozen=True, kw_only=True)
class Held:
    """A Run that holds devices."""

    run_id: str
    team_id: int
    node_id: int
    device_ids: tuple[int, ...]
    counts_in_quota: bool = True
    idle: bool = False
    """It yields and has nothing to do."""
    stopping: bool = False
    yielding: bool = False
    """It is being stopped to give way."""
    label: str = ""
    ends_at: str = ""
    """Predicted end, ISO 8601; empty when unknown."""


@dataclass(frozen=True, kw_only=True)
class NodeState:
    node_id: int
    name: str
    kind: str
    takes_runs: bool
    """Has reported lately and is not draining."""
    heard: bool = True
    device_ids: tuple[int, ...]
    """The healthy devices, by index, held ones included."""


@dataclass(frozen=True, kw_only=True)
class SpentHours:
    """All of a team's accelerator-hours of the month."""

    hours: int
    resets_on: str
    """A day, ISO 8601."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    waiting: Sequence[Waiting]
    """First in line first."""
    nodes: Sequence[NodeState]
    quotas: Mapping[int, int]
    """Accelerators by team; a team that is absent may hold the whole pool."""
    held: Sequence[Held]
    out_of_hours: Mapping[int, SpentHours] = field(default_factory=dict)
    """Teams of which nothing starts that counts in the quota."""


@dataclass(frozen=True, kw_only=True)
class Start:
    run_id: str
    node_id: int
    device_ids: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Stop:
    """Stop an idle Run so that another one gets its devices."""

    run_id: str
    reason: str = "yield"


@dataclass(frozen=True, kw_only=True)
class End:
    """End a Run that was asked to stop before it began."""

    run_id: str


@dataclass(frozen=True, kw_only=True)
class Wait:
    run_id: str
    explanation: Explanation


Decision = Start | Stop | End | Wait


def decide(snapshot: Snapshot) -> list[Decision]:
    """Return one decision for each waiting Run, in line order, and a Stop for each Run that must give way."""
    return _Line(snapshot).decisions()


class _Numbers(TypedDict):
    free: int
    total: int


@dataclass
class _Room:
    """What one node has for the Run at the head of the line."""

    node: NodeState
    free: list[int]
    idle: list[Held] = field(default_factory=list)
    stopping: list[Held] = field(default_factory=list)
    reserved: bool = False

    @property
    def num_idle(self) -> int:
        return sum(len(held.device_ids) for held in self.idle)

    @property
    def num_coming(self) -> int:
        return sum(len(held.device_ids) for held in self.stopping)

    @property
    def num_yielding(self) -> int:
        return sum(len(held.device_ids) for held in self.stopping if held.yielding)

    @property
    def reach(self) -> int:
        """Devices that are free, come free, or can be asked for."""
        return len(self.free) + self.num_coming + self.num_idle


class _Line:
    """The pass over the queue; holds what is left after each decision."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._used: dict[int, int] = {}
        for held in snapshot.held:
            if held.counts_in_quota:
                self._used[held.team_id] = self._used.get(held.team_id, 0) + len(held.device_ids)
        self._rooms = [self._room(node) for node in sorted(snapshot.nodes, key=lambda n: n.name) if node.takes_runs]
        self._blocked_teams: set[int] = set()
        self._decisions: list[Decision] = []
        kinds = {node.kind for node in snapshot.nodes}
        self._kind = "cuda" if "cuda" in kinds else "cpu"

    def _room(self, node: NodeState) -> _Room:
        here = [held for held in self._snapshot.held if held.node_id == node.node_id]
        taken = {device for held in here for device in held.device_ids}
        return _Room(
            node=node,
            free=[device for device in node.device_ids if device not in taken],
            idle=[held for held in here if held.idle and not held.stopping],
            stopping=[held for held in here if held.stopping],
        )

    def decisions(self) -> list[Decision]:
        for run in self._snapshot.waiting:
            if run.stop_requested:
                self._decisions.append(End(run_id=run.run_id))
            elif (refusal := self._refusal(run)) is not None:
                self._wait(run, **refusal)
            elif run.accelerators is None:
                self._place_auto(run)
            else:
                self._place(run, run.accelerators)
        return self._decisions

    def _refusal(self, run: Waiting) -> Explanation | None:
        """Return why `run` cannot start whatever becomes free on the nodes, or None."""
        sizes = [len(node.device_ids) for node in self._snapshot.nodes]
        if not any(sizes):
            return {"code": "no_node"}
        asked = run.accelerators or 1
        quota = self._snapshot.quotas.get(run.team_id) if run.counts_in_quota else None
        if quota == 0:
            return {"code": "no_quota"}
        if run.counts_in_quota and (spent := self._snapshot.out_of_hours.get(run.team_id)) is not None:
            return {"code": "hours", "hours": spent.hours, "resets_on": spent.resets_on}
        if quota is not None and asked > quota:
            return {"code": "over_quota", "asked": asked, "quota": quota}
        if asked > max(sizes):
            return {"code": "too_large", "asked": asked, "largest": max(sizes)}
        if quota is not None and run.team_id in self._blocked_teams:
            return {"code": "behind"}
        used = self._used.get(run.team_id, 0)
        if quota is not None and used + asked > quota:
            self._blocked_teams.add(run.team_id)
            return cast(Explanation, {"code": "quota", "used": used, "quota": quota, **self._next_end(run)})
        if not any(len(room.node.device_ids) >= asked for room in self._rooms):
            return {"code": "node_away" if any(node.heard for node in self._snapshot.nodes) else "no_node"}
        return None

    def _next_end(self, run: Waiting) -> NextEnd:
        """Return the first predicted end among the team's own Runs; other teams' names are not its business."""
        own = [h for h in self._snapshot.held if h.team_id == run.team_id and h.counts_in_quota and h.ends_at]
        if not own:
            return {}
        first = min(own, key=lambda held: held.ends_at)
        return {"next_label": first.label, "next_end_at": first.ends_at}

    def _place(self, run: Waiting, asked: int) -> None:
        """Start a Run of fixed size on the fullest node with room, make room for it, or reserve a node."""
        rooms = [room for room in self._rooms if not room.reserved and len(room.node.device_ids) >= asked]
        fitting = [room for room in rooms if len(room.free) >= asked]
        if fitting:
            room = min(fitting, key=lambda r: len(r.free))
            self._start(run, room, asked)
            return
        if not rooms:
            self._wait(run, code="room", asked=asked, **self._numbers())
            return
        room = max(rooms, key=lambda r: (min(r.reach, asked), len(r.free) + r.num_coming, len(r.free)))
        room.reserved = True
        self._make_room(run, room, asked)

    def _make_room(self, run: Waiting, room: _Room, asked: int) -> None:
        """Ask the fewest idle Runs of a reserved node to give way, if that is enough; else wait for its devices."""
        lacking = asked - len(room.free) - room.num_coming
        if room.reach < asked:
            self._wait(run, code="room", asked=asked, **self._numbers(), **self._next_end(run))
            return
        for held in _fewest(room.idle, lacking):
            self._decisions.append(Stop(run_id=held.run_id))
        self._wait(run, code="yielding" if lacking > 0 or room.num_yielding else "room", asked=asked, **self._numbers())

    def _place_auto(self, run: Waiting) -> None:
        """Give a Run all it may have of the best node; idle Runs there give way first, since it will hold for long."""
        rooms = [room for room in self._rooms if not room.reserved and room.node.device_ids]
        left = self._left(run)

        def share(room: _Room) -> int:
            return min(left, len(room.free) + room.num_yielding + room.num_idle)

        if not rooms:
            self._wait(run, code="room", asked=1, **self._numbers())
            return
        room = max(rooms, key=lambda r: (share(r), len(r.free), r.num_coming))
        wanted = share(room)
        if wanted and wanted <= len(room.free):
            self._start(run, room, wanted)
            return
        room.reserved = True
        for held in _fewest(room.idle, wanted - len(room.free) - room.num_yielding):
            self._decisions.append(Stop(run_id=held.run_id))
        self._wait(run, code="yielding" if wanted else "room", asked=1, **self._numbers(), **self._next_end(run))

    def _left(self, run: Waiting) -> int:
        """Return how many more accelerators the team may hold."""
        quota = self._snapshot.quotas.get(run.team_id) if run.counts_in_quota else None
        if quota is None:
            return sum(len(node.device_ids) for node in self._snapshot.nodes)
        return quota - self._used.get(run.team_id, 0)

    def _start(self, run: Waiting, room: _Room, number: int) -> None:
        devices, room.free = tuple(room.free[:number]), room.free[number:]
        if run.counts_in_quota:
            self._used[run.team_id] = self._used.get(run.team_id, 0) + number
        self._decisions.append(Start(run_id=run.run_id, node_id=room.node.node_id, device_ids=devices))

    def _wait(self, run: Waiting, **explanation: Unpack[Explanation]) -> None:
        self._decisions.append(Wait(run_id=run.run_id, explanation={**explanation, "kind": self._kind}))

    def _numbers(self) -> _Numbers:
        """Return how many devices are free to the line, and how many there are."""
        return {
            "free": sum(len(room.free) for room in self._rooms),
            "total": sum(len(room.node.device_ids) for room in self._rooms),
        }


def _fewest(idle: Iterable[Held], lacking: int) -> list[Held]:
    """Return the fewest Runs that free at least `lacking` devices; the last one chosen is the smallest that does."""
    chosen: list[Held] = []
    left = sorted(idle, key=lambda held: (-len(held.device_ids), held.run_id))
    while lacking > 0 and left:
        enough = [held for held in left if len(held.device_ids) >= lacking]
        pick = enough[-1] if enough else left[0]
        left.remove(pick)
        chosen.append(pick)
        lacking -= len(pick.device_ids)
    return chosen
