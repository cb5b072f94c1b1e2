"""A pool lived through at random: limits hold at every moment, and a guarantee is there after one checkpoint."""

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from compute.scheduler import Held, NodeState, Snapshot, Start, Stop, Waiting, decide

CHECKPOINT = 10.0
NODE_SIZE = 4
TEAMS = (1, 2, 3)


class Pool(RuleBasedStateMachine):
    """Two nodes, three teams, Runs of one device or two, the scheduler after everything that happens."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.number = 0
        self.line: list[Waiting] = []
        self.held: dict[str, Held] = {}
        self.waiting: dict[str, Waiting] = {}
        self.released_at: dict[str, float] = {}
        self.claims_since: dict[int, float] = {}

    @initialize(
        guarantees=st.lists(st.integers(0, 2), min_size=3, max_size=3),
        room=st.lists(st.none() | st.integers(0, 3), min_size=3, max_size=3),
    )
    def begin(self, guarantees: list[int], room: list[int | None]) -> None:
        self.guarantees = dict(zip(TEAMS, guarantees, strict=True))
        self.ceilings = {
            team: self.guarantees[team] + more for team, more in zip(TEAMS, room, strict=True) if more is not None
        }
        self.nodes = [
            NodeState(node_id=n, name=f"n{n}", kind="cpu", takes_runs=True,
                      device_ids=tuple(range(NODE_SIZE * n, NODE_SIZE * (n + 1))))
            for n in range(2)
        ]  # fmt: skip

    @rule(team=st.sampled_from(TEAMS), size=st.sampled_from([1, 1, 2, None]), priority=st.integers(-1, 2))
    def submit(self, team: int, size: int | None, priority: int) -> None:
        self.number += 1
        self.line.append(Waiting(run_id=f"run-{self.number}", team_id=team, accelerators=size, priority=priority))
        self.look()

    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        if self.held:
            self.release(data.draw(st.sampled_from(sorted(self.held))), goes_on=False)
            self.look()

    @rule(seconds=st.sampled_from([1.0, CHECKPOINT, 3 * CHECKPOINT]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        for run_id in [one for one, at in self.released_at.items() if at <= self.now]:
            self.release(run_id, goes_on=True)
        self.look()

    def release(self, run_id: str, *, goes_on: bool) -> None:
        del self.held[run_id]
        self.released_at.pop(run_id, None)
        if goes_on:
            self.line.insert(0, self.waiting[run_id])

    def snapshot(self) -> Snapshot:
        return Snapshot(
            waiting=self.line, nodes=self.nodes, quotas=self.ceilings, held=list(self.held.values()),
            guarantees=self.guarantees, now=self.now,
        )  # fmt: skip

    def look(self) -> None:
        borrowed = {team: self.used(team, staying=True) - self.guarantees[team] for team in TEAMS}
        for decision in decide(self.snapshot()):
            if isinstance(decision, Start):
                self.start(decision)
            elif isinstance(decision, Stop):
                held = self.held[decision.run_id]
                assert decision.reason == "preempt"
                assert not held.stopping
                assert borrowed[held.team_id] > 0, "what is guaranteed was preempted"
                borrowed[held.team_id] -= len(held.device_ids)
                self.held[decision.run_id] = replace(held, stopping=True, yielding=True)
                self.released_at[decision.run_id] = self.now + CHECKPOINT
        self.note_claims()

    def start(self, decision: Start) -> None:
        run = next(one for one in self.line if one.run_id == decision.run_id)
        self.line.remove(run)
        self.waiting[run.run_id] = run
        self.held[run.run_id] = Held(
            run_id=run.run_id, team_id=run.team_id, priority=run.priority, node_id=decision.node_id,
            device_ids=decision.device_ids, started_at=self.now, checkpoint_seconds=CHECKPOINT,
        )  # fmt: skip

    def used(self, team: int, *, staying: bool = False) -> int:
        mine = [one for one in self.held.values() if one.team_id == team and not (staying and one.stopping)]
        return sum(len(one.device_ids) for one in mine)

    def note_claims(self) -> None:
        """Since when a team lacks its guarantee with a single device's work in line that would fit its ceiling."""
        for team in TEAMS:
            fits = self.used(team) < self.guarantees[team]
            if fits and any(one.team_id == team and one.least == 1 for one in self.line):
                self.claims_since.setdefault(team, self.now)
            else:
                self.claims_since.pop(team, None)

    @invariant()
    def no_device_is_held_twice(self) -> None:
        devices = [device for one in self.held.values() for device in one.device_ids]
        assert len(devices) == len(set(devices)) <= 2 * NODE_SIZE

    @invariant()
    def no_team_is_above_its_ceiling(self) -> None:
        for team in TEAMS if self.held else ():
            assert self.used(team) <= self.ceilings.get(team, 2 * NODE_SIZE)

    @invariant()
    def no_team_lacks_its_guarantee_for_longer_than_a_checkpoint(self) -> None:
        for team, since in self.claims_since.items():
            assert self.now - since <= CHECKPOINT, f"team {team} has waited since {since}"


TestPool = Pool.TestCase
TestPool.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
