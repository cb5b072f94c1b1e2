"""What each node has left for the line."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from compute.explanations import Explanation
from compute.scheduler.reclaiming import fewest
from compute.scheduler.snapshot import Held, NodeState, Snapshot, Waiting

LATE = 0.1
"""A Run that has lasted longer than predicted is taken to need this share of its time so far besides."""


def size_of(held: Iterable[Held]) -> int:
    """Return how many devices these Runs hold."""
    return sum(len(one.device_ids) for one in held)


@dataclass(frozen=True)
class Claim:
    """Devices of a node that are kept for a Run that waits."""

    coming: int
    free: list[int]


@dataclass
class Room:
    """What one node has for the Run at the head of the line; claims take from it."""

    node: NodeState
    free: list[int]
    coming: int = 0
    """Devices of Runs that are being stopped."""
    ending: int = 0
    """Devices of Runs that should end sooner than a checkpoint would take."""
    spared: list[Held] = field(default_factory=list)
    """Those of them that borrow: the last to be preempted, since no guarantee waits for an end that is an estimate."""
    idle: list[Held] = field(default_factory=list)
    borrowed: list[Held] = field(default_factory=list)
    """Runs that may be preempted."""
    within: list[Held] = field(default_factory=list)
    """Runs within a guarantee that may be moved to another node."""
    ends: list[tuple[float, int]] = field(default_factory=list)
    """When so many of its devices should come free, of the Runs that are left alone."""
    is_yielding: bool = False
    """Something on it gives way already."""
    reserved_from: float | None = None
    """From when on a Run needs devices here that it waits for; 0 where nobody knows."""
    spare: int = 0
    """Devices that it will not need then: others may have them for as long as they like."""
    closes_at: float = math.inf
    """When its next maintenance begins."""

    @property
    def size(self) -> int:
        return len(self.node.device_ids)

    @property
    def num_idle(self) -> int:
        return size_of(self.idle)

    @property
    def reach(self) -> int:
        """Devices that are free, come free, or can be asked of idle Runs."""
        return len(self.free) + self.coming + self.num_idle

    def count_on_ends(self) -> None:
        """Take it that what should end soon does."""
        self.coming, self.ending = self.coming + self.ending, 0

    def claim(self, asked: int) -> Claim:
        """Keep `asked` devices for a Run that waits: those that come free, and of the free ones what is lacking."""
        from_coming = min(asked, self.coming)
        self.coming -= from_coming
        taken, self.free = self.free[: asked - from_coming], self.free[asked - from_coming :]
        return Claim(coming=from_coming, free=taken)

    def give_back(self, claim: Claim) -> None:
        self.coming += claim.coming
        self.free = [*claim.free, *self.free]

    def yielding(self, lacking: int) -> list[Held]:
        """Return the fewest idle Runs that free so many devices, which come free from now on."""
        chosen = fewest(self.idle, lacking)
        self.idle = [one for one in self.idle if one not in chosen]
        self.coming += size_of(chosen)
        self.is_yielding |= bool(chosen)
        return chosen

    def reclaiming(self, chosen: list[Held]) -> None:
        """Count the devices of preempted borrowers as coming free."""
        self.borrowed = [one for one in self.borrowed if one not in chosen]
        self.within = [one for one in self.within if one not in chosen]
        self.ending -= size_of(one for one in self.spared if one in chosen)
        self.spared = [one for one in self.spared if one not in chosen]
        self.coming += size_of(chosen)
        self.is_yielding |= bool(chosen)

    def reserve(self, asked: int) -> None:
        """Keep the node for a Run that waits for `asked` of its devices."""
        at, there = self._available(asked)
        self.reserved_from, self.spare = (0.0, 0) if at == math.inf else (at, there - asked)

    def lets_in(self, asked: int, ends_at: float) -> bool:
        """Whether a Run that ends by then would delay nobody for whom the node is reserved."""
        return (
            self.reserved_from is not None
            and len(self.free) >= asked
            and (ends_at <= self.reserved_from or asked <= self.spare)
        )

    def let_in(self, asked: int, ends_at: float) -> None:
        if self.reserved_from is not None and ends_at > self.reserved_from:
            self.spare -= asked

    def outlasted_by(self, ends_at: float) -> float:
        """Return for how much longer a Run that ends then would keep devices here than those that are here."""
        return max(0.0, ends_at - max((at for at, _ in self.ends), default=0.0))

    def available_at(self, asked: int) -> float:
        """Return when `asked` devices should be free together; infinity where nobody knows."""
        return self._available(asked)[0]

    def _available(self, asked: int) -> tuple[float, int]:
        number = len(self.free) + self.coming
        if number >= asked:
            return 0.0, number
        for at, devices in sorted(self.ends):
            number += devices
            if number >= asked:
                return at, number
        return math.inf, number


def rooms_of(snapshot: Snapshot, borrowing: Iterable[Held]) -> list[Room]:
    """Return the nodes that take Runs, by name."""
    on: dict[int, list[Held]] = {}
    for held in snapshot.held:
        on.setdefault(held.node_id, []).append(held)
    lent: Mapping[str, Held] = {held.run_id: held for held in borrowing}
    nodes = sorted((node for node in snapshot.nodes if node.is_open(snapshot.now)), key=lambda node: node.name)
    return [_room(node, on.get(node.node_id, []), lent, snapshot.now) for node in nodes]


def _room(node: NodeState, here: list[Held], lent: Mapping[str, Held], now: float) -> Room:
    taken = {device for held in here for device in held.device_ids}
    room = Room(
        node=node,
        free=[device for device in node.device_ids if device not in taken],
        closes_at=coming.begins_at if (coming := node.next_window(now)) is not None else math.inf,
    )
    for held in here:
        if held.stopping:
            room.coming += len(held.device_ids)
            room.is_yielding |= held.yielding
        elif held.idle:
            room.idle.append(held)
        elif held.ends_at is not None and 0 <= held.ends_at - now <= held.checkpoint_seconds:
            room.ending += len(held.device_ids)
            if held.run_id in lent:
                room.spared.append(held)
        else:
            if held.run_id in lent:
                room.borrowed.append(held)
            elif held.preemptible and held.counts_in_quota:
                room.within.append(held)
            if held.ends_at is not None:
                late = now + LATE * (now - held.started_at)
                room.ends.append((max(held.ends_at, late), len(held.device_ids)))
    return room


def let_own_go(rooms: Iterable[Room], run: Waiting, refusal: Explanation) -> list[Held]:
    """Return the fewest idle Runs that give way to `run` where its own team's limit is what is in its way.

    None where all of them would not be enough. Their devices come free from now on.
    """
    if refusal["code"] not in ("quota", "person"):
        return []
    lacking = refusal["used"] + run.least - refusal["quota"]
    own = [
        (room, held)
        for room in rooms
        for held in room.idle
        if held.team_id == run.team_id
        and held.counts_in_quota
        and (refusal["code"] == "quota" or held.user_id == run.user_id)
    ]
    if size_of(held for _, held in own) < lacking:
        return []
    chosen = fewest([held for _, held in own], lacking)
    for room, held in own:
        if held in chosen:
            room.idle.remove(held)
            room.coming += len(held.device_ids)
    return chosen
