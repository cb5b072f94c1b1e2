"""Maintenance: what would not end before it does not start there, and what still runs when it begins is drained."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from compute.explanations import Explanation
from compute.scheduler.rooms import Room
from compute.scheduler.snapshot import Snapshot, Stop, Waiting, Window

UNPREDICTED = 600.0
"""A Run of which nobody knows how long it lasts is taken to need so many seconds: it is drained when the window begins,
and to start it just before that would be in vain."""


def closed_nodes(snapshot: Snapshot) -> set[int]:
    """Return the nodes that are being maintained."""
    return {node.node_id for node in snapshot.nodes if node.window_at(snapshot.now) is not None}


def drained(snapshot: Snapshot) -> list[Stop]:
    """Return what still runs on nodes that are being maintained."""
    closed = closed_nodes(snapshot)
    return [
        Stop(run_id=held.run_id, reason="drain")
        for held in snapshot.held
        if held.node_id in closed and not held.stopping
    ]


@dataclass
class Reach:
    """The nodes on which Runs of like length would end in time, and what is known not to fit there."""

    rooms: Sequence[Room]
    largest: int = 0
    too_large: int = 0
    """Nothing of this size fits on a node that nobody has reserved."""
    out_of_reach: int = 0
    """Nothing of this size finds a node to reserve or to make room on."""
    unreclaimable: int = 0
    """Nothing of this size gets room by preempting borrowers."""
    too_late: dict[int, float] = field(default_factory=dict)
    """By size: what ends then or later is let in nowhere before a reservation begins."""

    def __post_init__(self) -> None:
        self.largest = max((room.size for room in self.rooms), default=0)
        self.forget()

    def forget(self) -> None:
        """Take it that anything might fit again."""
        self.too_late.clear()
        self.too_large = self.out_of_reach = self.unreclaimable = self.largest + 1


def closings_of(rooms: Iterable[Room]) -> list[float]:
    """Return the moments at which nodes close, each once, in order."""
    return sorted({room.closes_at for room in rooms if room.closes_at < math.inf})


def reaches_of(rooms: Sequence[Room], closings: Sequence[float]) -> list[Reach]:
    """Return the reach of Runs that end before every closing, then of those that outlast the first one, and so on."""
    return [Reach([room for room in rooms if room.closes_at > last]) for last in (-math.inf, *closings)]


def going_on(snapshot: Snapshot, asked: int) -> Window | None:
    """Return the maintenance that ends first of nodes that are large enough."""
    nodes = [node for node in snapshot.nodes if node.takes_runs and len(node.device_ids) >= asked]
    found = [one for node in nodes if (one := node.window_at(snapshot.now)) is not None]
    return min(found, key=lambda one: one.ends_at, default=None)


def before_maintenance(rooms: Iterable[Room], run: Waiting, now: float) -> Explanation:
    """Say which maintenance `run` would run into wherever it is large enough: the one that ends first."""
    coming = [one for room in rooms if room.size >= run.least and (one := room.node.next_window(now))]
    found = min(coming, key=lambda one: one.ends_at)
    return {"code": "before_maintenance", "begins_at": iso(found.begins_at), "ends_at": iso(found.ends_at)}


def iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()
