"""Who borrows, and which borrowers give their devices back so that a Run within its guarantee can start."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from compute.scheduler.snapshot import Held


def borrowers(held: Iterable[Held], guarantees: Mapping[int, int]) -> list[Held]:
    """Return the Runs that do not fit their team's guarantee; what fits it is never preempted.

    A guarantee is filled with the Runs that are not preemptible first, then with those of the highest priority, then
    with the oldest. What is being stopped fills nothing.
    """
    by_team: dict[int, list[Held]] = defaultdict(list)
    for one in held:
        if one.counts_in_quota and not one.stopping:
            by_team[one.team_id].append(one)
    found = []
    for team, runs in by_team.items():
        left = guarantees.get(team, 0)
        for one in sorted(runs, key=lambda run: (run.preemptible, -run.priority, run.started_at, run.run_id)):
            if len(one.device_ids) <= left:
                left -= len(one.device_ids)
            else:
                found.append(one)
    return found


def victims(candidates: Sequence[Held], lacking: int) -> list[Held] | None:
    """Return the borrowers that free at least `lacking` devices, none of them in vain; None where all are not enough.

    Lowest priority first, then those that can be, then the newest; whoever is not needed in the end is spared, those of
    the highest priority and the oldest first.
    """
    chosen: list[Held] = []
    order = sorted(candidates, key=lambda one: (one.priority, not one.preemptible, -one.started_at, one.run_id))
    freed = 0
    for one in order:
        if freed >= lacking:
            break
        chosen.append(one)
        freed += len(one.device_ids)
    if freed < lacking:
        return None
    for one in reversed(list(chosen)):
        if freed - len(one.device_ids) >= lacking:
            chosen.remove(one)
            freed -= len(one.device_ids)
    return chosen


def fewest(idle: Iterable[Held], lacking: int) -> list[Held]:
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
