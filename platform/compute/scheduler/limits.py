"""What teams and people hold against what they may: ceilings, guarantees, limits per person, shares."""

from collections import defaultdict

from compute.explanations import Explanation
from compute.scheduler.snapshot import Snapshot, Waiting


class Limits:
    """The sums by team and person; every start is entered."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._used: dict[int, int] = defaultdict(int)
        self._staying: dict[int, int] = defaultdict(int)
        self._persons: dict[tuple[int, int | None], int] = defaultdict(int)
        for held in snapshot.held:
            if held.counts_in_quota:
                number = len(held.device_ids)
                self._used[held.team_id] += number
                self._persons[held.team_id, held.user_id] += number
                self._staying[held.team_id] += 0 if held.stopping else number
        self._full_teams: set[int] = set()
        self._full_persons: set[tuple[int, int | None]] = set()

    def enter(self, run: Waiting, number: int) -> None:
        """Count `number` devices as the team's: given out, or being taken back for it."""
        if run.counts_in_quota:
            self._used[run.team_id] += number
            self._persons[run.team_id, run.user_id] += number
            self._staying[run.team_id] += number

    def promise(self, run: Waiting, number: int) -> None:
        """Count so much of the guarantee as spoken for by `run`, which waits."""
        self._staying[run.team_id] += number

    def is_guaranteed(self, run: Waiting) -> bool:
        """Whether the fewest devices that `run` begins with are within its team's guarantee, and within its limits."""
        if not run.counts_in_quota or self.guarantee_left(run) < run.least:
            return False
        left = self.left(run)
        return left is None or run.least <= left

    def refusal(self, run: Waiting) -> Explanation | None:
        """Return which limit keeps `run` waiting, or None; later work of that team or person waits as well."""
        if not run.counts_in_quota:
            return None
        team, person, least = run.team_id, (run.team_id, run.user_id), run.least
        ceiling, most = self._snapshot.quotas.get(team), self._most_of(run)
        if ceiling is not None:
            if team in self._full_teams:
                return {"code": "behind"}
            if self._used[team] + least > ceiling:
                self._full_teams.add(team)
                return {"code": "quota", "used": self._used[team], "quota": ceiling}
        if most is not None:
            if person in self._full_persons:
                return {"code": "behind_own"}
            if self._persons[person] + least > most:
                self._full_persons.add(person)
                return {"code": "person", "used": self._persons[person], "quota": most}
        return None

    def never(self, run: Waiting) -> Explanation | None:
        """Return which limit `run` exceeds by itself, or None."""
        if not run.counts_in_quota:
            return None
        least, ceiling, most = run.least, self._snapshot.quotas.get(run.team_id), self._most_of(run)
        if ceiling == 0:
            return {"code": "no_quota"}
        if (spent := self._snapshot.out_of_hours.get(run.team_id)) is not None:
            return {"code": "hours", "hours": spent.hours, "resets_on": spent.resets_on}
        if ceiling is not None and least > ceiling:
            return {"code": "over_quota", "asked": least, "quota": ceiling}
        if most is not None and least > most:
            return {"code": "over_person", "asked": least, "quota": most}
        return None

    def left(self, run: Waiting) -> int | None:
        """Return how many more accelerators `run` may hold; None: no limit."""
        if not run.counts_in_quota:
            return None
        ceiling, most = self._snapshot.quotas.get(run.team_id), self._most_of(run)
        left = [] if ceiling is None else [ceiling - self._used[run.team_id]]
        if most is not None:
            left.append(most - self._persons[run.team_id, run.user_id])
        return min(left, default=None)

    def guarantee_left(self, run: Waiting) -> int:
        """Return how many more accelerators the team is guaranteed; what it is being made to give back is not used."""
        if not run.counts_in_quota:
            return 0
        return self._snapshot.guarantees.get(run.team_id, 0) - self._staying[run.team_id]

    def share(self, team: int) -> float:
        """Return what a team has used over its guarantee."""
        used = self._snapshot.usage.get(team, 0.0) + self._snapshot.horizon * self._staying[team]
        return used / max(1, self._snapshot.guarantees.get(team, 0))

    def _most_of(self, run: Waiting) -> int | None:
        return self._snapshot.per_user.get(run.team_id) if run.user_id is not None else None
