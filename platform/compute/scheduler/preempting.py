"""On which node a Run within its guarantee gets its devices back, and from whom."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from compute.scheduler.reclaiming import victims
from compute.scheduler.rooms import Room, size_of
from compute.scheduler.snapshot import Held

LOWEST = -2
"""Below every priority: nobody is preempted."""


@dataclass(frozen=True)
class Preemption:
    """What makes room for a Run."""

    cost: tuple[int, int, int]
    room: Room
    chosen: list[Held]


def cheapest(rooms: Sequence[Room], asked: int) -> Preemption | None:
    """Return how borrowers free `asked` devices of a node at the least cost, or, failing that, who moves elsewhere."""
    return (
        _cheapest(rooms, asked, lambda room: room.borrowed)
        or _cheapest(rooms, asked, lambda room: [*room.borrowed, *room.spared])
        or _cheapest_move(rooms, asked)
    )


def _cheapest(rooms: Sequence[Room], asked: int, candidates: Callable[[Room], list[Held]]) -> Preemption | None:
    best: Preemption | None = None
    for room in rooms:
        lacking = asked - room.reach
        chosen = victims(candidates(room), lacking) if lacking > 0 else []
        if room.size < asked or chosen is None:
            continue
        cost = (len(chosen), max((one.priority for one in chosen), default=LOWEST), -len(room.free))
        if best is None or cost < best.cost:
            best = Preemption(cost, room, chosen)
    return best


def _cheapest_move(rooms: Sequence[Room], asked: int) -> Preemption | None:
    """Return how smaller Runs, within their guarantees and scattered over nodes, make room and find it on others."""
    best: Preemption | None = None
    for room in rooms:
        smaller = [one for one in room.within if len(one.device_ids) < asked]
        moved = victims(smaller, asked - _on_loan(room)) if smaller and room.size >= asked else None
        if moved is None or not _fit(moved, [one for one in rooms if one is not room]):
            continue
        cost = (size_of(moved), len(moved), len(room.borrowed))
        if best is None or cost < best.cost:
            best = Preemption(cost, room, [*room.borrowed, *moved])
    return best


def _on_loan(room: Room) -> int:
    """Return how many of its devices nobody is guaranteed."""
    return room.reach + size_of(room.borrowed)


def _fit(moved: Sequence[Held], others: Sequence[Room]) -> bool:
    left = sorted((_on_loan(room) for room in others), reverse=True)
    for size in sorted((len(one.device_ids) for one in moved), reverse=True):
        if not left or left[0] < size:
            return False
        left[0] -= size
        left.sort(reverse=True)
    return True
