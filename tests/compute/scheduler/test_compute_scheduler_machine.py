"""A pool lived through at random: limits hold at every moment, and a guarantee is there after one checkpoint."""

import math
import os
from collections import Counter
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from benchmarks.pool_metrics import Owed
from compute.scheduler import Decision, End, Held, NodeState, Snapshot, SpentHours, Start, Stop, Wait, Waiting, Window
from compute.scheduler import decide as look_at

CHECKPOINT = 10.0
NODE_SIZE = 4
TEAMS = (1, 2, 3)
PERSONS = (7, 8)
IS_FULL = bool(os.environ.get("LUTHIER_TEST_FULL"))


class Pool(RuleBasedStateMachine):
    """Two nodes, three teams of two people, work of every kind, the scheduler after everything that happens."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.number = 0
        self.line: list[Waiting] = []
        self.claims: dict[str, int] = {}
        self.held: dict[str, Held] = {}
        self.began: dict[str, Waiting] = {}
        self.places: dict[str, float] = {}
        self.released_at: dict[str, float] = {}
        self.owed = {team: Owed() for team in TEAMS}
        self.out_of_hours: dict[int, SpentHours] = {}

    @initialize(
        guarantees=st.lists(st.integers(0, 2), min_size=3, max_size=3),
        room=st.lists(st.none() | st.integers(0, 3), min_size=3, max_size=3),
        per_user=st.none() | st.integers(1, 3),
    )
    def begin(self, guarantees: list[int], room: list[int | None], per_user: int | None) -> None:
        self.guarantees = dict(zip(TEAMS, guarantees, strict=True))
        self.ceilings = {
            team: self.guarantees[team] + more for team, more in zip(TEAMS, room, strict=True) if more is not None
        }
        self.per_user = {} if per_user is None else {TEAMS[0]: per_user}
        self.nodes = [
            NodeState(node_id=n, name=f"n{n}", kind="cpu", takes_runs=True,
                      device_ids=tuple(range(NODE_SIZE * n, NODE_SIZE * (n + 1))))
            for n in range(2)
        ]  # fmt: skip

    # -- what people do -----------------------------------------------------------------------------------------------

    @rule(
        team=st.sampled_from(TEAMS),
        person=st.sampled_from(PERSONS),
        size=st.sampled_from([1, 1, 2, 4, None]),
        least=st.sampled_from([None, 2]),
        priority=st.integers(-1, 2),
        seconds=st.sampled_from([None, 5.0, 25.0, 100.0]),
    )
    def submit(
        self, team: int, person: int, size: int | None, least: int | None, priority: int, seconds: float | None
    ) -> None:
        self.enter(
            team, user_id=person, accelerators=size, min_accelerators=None if size else least, priority=priority,
            most_seconds=seconds,
        )  # fmt: skip

    @rule(team=st.sampled_from(TEAMS), counts=st.booleans())
    def deploy(self, team: int, counts: bool) -> None:
        """Add a deployment's own replica, which lasts, or a shared one, which counts in no quota."""
        uncounted = sum(not one.counts_in_quota for one in [*self.line, *self.held.values()])
        counts = counts or uncounted >= 2 * NODE_SIZE - sum(self.guarantees.values())
        self.enter(team, accelerators=1, preemptible=not counts, counts_in_quota=counts)

    @rule(data=st.data())
    @precondition(lambda self: self.line)
    def cancel(self, data: st.DataObject) -> None:
        self.change(self.one_in_line(data), stop_requested=True)

    @rule(data=st.data(), priority=st.integers(-1, 2))
    @precondition(lambda self: self.line)
    def prioritise(self, data: st.DataObject, priority: int) -> None:
        self.change(self.one_in_line(data), priority=priority)

    @rule(data=st.data(), to_front=st.booleans())
    @precondition(lambda self: self.line)
    def move(self, data: st.DataObject, to_front: bool) -> None:
        run = self.one_in_line(data)
        self.places[run.run_id] = min(self.places.values()) - 1 if to_front else max(self.places.values()) + 1
        self.look()

    @rule(team=st.sampled_from(TEAMS))
    def spend_hours(self, team: int) -> None:
        if self.out_of_hours.pop(team, None) is None:
            self.out_of_hours[team] = SpentHours(hours=10, resets_on="2026-12-01")
        self.look()

    @rule(number=st.integers(0, 1))
    def cordon(self, number: int) -> None:
        self.nodes[number] = replace(self.nodes[number], takes_runs=not self.nodes[number].takes_runs)
        self.owed = {team: Owed() for team in TEAMS}
        self.look()

    @rule(number=st.integers(0, 1), begins_in=st.sampled_from([0.0, 30.0]))
    def maintain(self, number: int, begins_in: float) -> None:
        begins_at = self.now + begins_in
        window = Window(begins_at=begins_at, ends_at=begins_at + 3 * CHECKPOINT)
        self.nodes[number] = replace(self.nodes[number], windows=(window,))
        self.owed = {team: Owed() for team in TEAMS}
        self.look()

    # -- what happens -------------------------------------------------------------------------------------------------

    @rule(data=st.data())
    @precondition(lambda self: self.held)
    def end(self, data: st.DataObject) -> None:
        self.release(data.draw(st.sampled_from(sorted(self.held))), goes_on=False)
        self.look()

    @rule(data=st.data())
    @precondition(lambda self: self.held)
    def rest(self, data: st.DataObject) -> None:
        """A shared replica has nothing to answer, or something again."""
        held = self.held[data.draw(st.sampled_from(sorted(self.held)))]
        if not held.counts_in_quota and not held.stopping:
            self.held[held.run_id] = replace(held, idle=not held.idle)
            self.look()

    @rule(seconds=st.sampled_from([1.0, CHECKPOINT, 3 * CHECKPOINT]))
    def pass_time(self, seconds: float) -> None:
        until = self.now + seconds
        while (moment := self.next_moment()) <= until:
            self.now = moment
            for run_id in [one for one, at in self.released_at.items() if at <= self.now]:
                self.release(run_id, goes_on=self.held[run_id].stopping)
            self.look()
        self.now = until
        self.look()

    def next_moment(self) -> float:
        turns = [at for node in self.nodes for one in node.windows for at in (one.begins_at, one.ends_at)]
        return min([*self.released_at.values(), *(at for at in turns if at > self.now)], default=math.inf)

    # -- the pool -----------------------------------------------------------------------------------------------------

    def enter(self, team: int, **more: object) -> None:
        self.number += 1
        run_id = f"run-{self.number}"
        self.places[run_id] = self.number
        self.line.append(Waiting(run_id=run_id, team_id=team, **more))  # type: ignore[arg-type]
        self.look()

    def one_in_line(self, data: st.DataObject) -> Waiting:
        return data.draw(st.sampled_from(self.line))

    def change(self, run: Waiting, **more: object) -> None:
        self.line = [replace(one, **more) if one is run else one for one in self.line]  # type: ignore[arg-type]
        self.look()

    def release(self, run_id: str, *, goes_on: bool) -> None:
        held = self.held.pop(run_id)
        self.released_at.pop(run_id, None)
        if goes_on and held.counts_in_quota:
            run = self.began[run_id]
            kept = len(held.device_ids) if run.accelerators is None else None
            self.line.append(replace(run, kept_accelerators=kept))

    def snapshot(self) -> Snapshot:
        self.line.sort(key=lambda one: self.places[one.run_id])
        return Snapshot(
            waiting=[replace(one, claimed_node=self.claims.get(one.run_id)) for one in self.line],
            nodes=self.nodes, quotas=self.ceilings, held=list(self.held.values()), guarantees=self.guarantees,
            per_user=self.per_user, out_of_hours=self.out_of_hours, now=self.now,
        )  # fmt: skip

    def look(self) -> None:
        snapshot = self.snapshot()
        decisions = look_at(snapshot)
        assert sorted(one.run_id for one in decisions if not isinstance(one, Stop)) == sorted(
            one.run_id for one in snapshot.waiting
        )
        self.check_stops([one for one in decisions if isinstance(one, Stop)])
        self.check_line(snapshot, decisions)
        self.claims = {
            one.run_id: one.claimed_node for one in decisions if isinstance(one, Wait) and one.claimed_node is not None
        }
        for decision in decisions:
            match decision:
                case Start():
                    self.start(decision)
                case End():
                    self.line = [one for one in self.line if one.run_id != decision.run_id]
                case Stop():
                    self.held[decision.run_id] = replace(self.held[decision.run_id], stopping=True, yielding=True)
                    self.released_at[decision.run_id] = self.now + CHECKPOINT
        self.note_claims()

    def start(self, decision: Start) -> None:
        run = next(one for one in self.line if one.run_id == decision.run_id)
        node = self.nodes[decision.node_id]
        assert set(decision.device_ids) <= set(node.device_ids)
        assert node.is_open(self.now)
        assert run.team_id not in self.out_of_hours or not run.counts_in_quota
        assert len(decision.device_ids) == (run.accelerators or len(decision.device_ids))
        if run.kept_accelerators is None or len(decision.device_ids) != run.kept_accelerators:
            assert len(decision.device_ids) >= run.least
        self.line.remove(run)
        self.began[run.run_id] = run
        ends_at = None if run.most_seconds is None else self.now + run.most_seconds
        self.held[run.run_id] = Held(
            run_id=run.run_id, team_id=run.team_id, user_id=run.user_id, priority=run.priority,
            node_id=decision.node_id, device_ids=decision.device_ids, started_at=self.now,
            preemptible=run.preemptible, counts_in_quota=run.counts_in_quota, ends_at=ends_at,
            checkpoint_seconds=CHECKPOINT,
        )  # fmt: skip
        if ends_at is not None:
            self.released_at[run.run_id] = ends_at

    def used(self, team: int, *, staying: bool = False, person: int | None = None) -> int:
        mine = [one for one in self.held.values() if one.team_id == team and one.counts_in_quota]
        return sum(
            len(one.device_ids)
            for one in mine
            if not (staying and one.stopping) and (person is None or one.user_id == person)
        )

    # -- what must hold -----------------------------------------------------------------------------------------------

    def check_stops(self, stops: list[Stop]) -> None:
        """Only borrowers are preempted, or what moves to another node for a larger guarantee."""
        borrowed = {team: self.used(team, staying=True) - self.guarantees[team] for team in TEAMS}
        for stop in stops:
            held = self.held[stop.run_id]
            assert not held.stopping
            if stop.reason == "yield":
                assert held.idle
            elif stop.reason == "preempt":
                assert held.counts_in_quota
                is_moved = held.preemptible and len(held.device_ids) < max(one.least for one in self.line)
                assert borrowed[held.team_id] > 0 or is_moved, "what is guaranteed was preempted"
                borrowed[held.team_id] -= len(held.device_ids)
            else:
                assert stop.reason == "drain"
                assert not self.nodes[held.node_id].is_open(self.now)

    def check_line(self, snapshot: Snapshot, decisions: list[Decision]) -> None:
        """Nobody passes somebody else of the team who asks for the same."""
        started = {one.run_id for one in decisions if isinstance(one, Start)}
        for place, first in enumerate(snapshot.waiting):
            if first.run_id in started or first.stop_requested or first.claimed_node is not None:
                continue
            for later in snapshot.waiting[place + 1 :]:
                assert later.run_id not in started or later.claimed_node is not None or not _alike(first, later)

    def note_claims(self) -> None:
        """Note how many devices each team is owed."""
        are_open = all(node.is_open(self.now) and not node.windows for node in self.nodes)
        for team, owed in self.owed.items():
            owed.note(self.now, self.lacking(team) if are_open and team not in self.out_of_hours else 0)

    def lacking(self, team: int) -> int:
        """Return for how many single devices a team waits, until its line comes to a Run that needs more of them."""
        found: Counter[int | None] = Counter()
        for run in sorted(self.line, key=lambda one: (-one.priority, self.places[one.run_id])):
            is_theirs = run.team_id == team and run.counts_in_quota and not run.stop_requested
            left = self.guarantees[team] - self.used(team) - found.total()
            most = self.per_user.get(team, math.inf) if run.user_id is not None else math.inf
            held = self.used(team, person=run.user_id) + found[run.user_id] if run.user_id is not None else 0
            if not is_theirs or run.least > left or held + run.least > most:
                continue
            if run.least > 1 or run.accelerators is None:
                break
            found[run.user_id] += 1
        return found.total()

    @invariant()
    def no_device_is_held_twice(self) -> None:
        devices = [device for one in self.held.values() for device in one.device_ids]
        assert len(devices) == len(set(devices)) <= 2 * NODE_SIZE

    @invariant()
    def nobody_is_above_a_limit(self) -> None:
        for team in TEAMS if self.held else ():
            assert self.used(team) <= self.ceilings.get(team, 2 * NODE_SIZE)
            for person in PERSONS:
                assert self.used(team, person=person) <= self.per_user.get(team, 2 * NODE_SIZE)

    @invariant()
    def no_team_lacks_its_guarantee_for_longer_than_a_checkpoint(self) -> None:
        for team, owed in self.owed.items():
            assert owed.age(self.now) <= CHECKPOINT, f"team {team}"
            assert owed.longest <= CHECKPOINT, f"team {team}"

    def teardown(self) -> None:
        """Nobody starves: once nothing new arrives and what lasts for ever has ended, the line empties."""
        if not hasattr(self, "nodes"):
            return
        self.out_of_hours.clear()
        self.nodes = [replace(node, takes_runs=True, windows=()) for node in self.nodes]
        self.line = [replace(one, most_seconds=one.most_seconds or 50.0) for one in self.line]
        for _ in range(20 * (len(self.line) + len(self.held)) + 5):
            self.look()
            for run_id in [one for one in self.held if one not in self.released_at]:
                self.released_at[run_id] = self.now + 50.0
            if not self.released_at:
                break
            self.pass_time(max(0.0, self.next_moment() - self.now))
        left = [one for one in self.line if self.can_ever_start(one)]
        assert not left, f"these starve: {left}"

    def can_ever_start(self, run: Waiting) -> bool:
        most = self.per_user.get(run.team_id, math.inf) if run.user_id is not None else math.inf
        return not run.counts_in_quota or run.least <= min(self.ceilings.get(run.team_id, NODE_SIZE), most, NODE_SIZE)


def _alike(first: Waiting, later: Waiting) -> bool:
    """Whether `later` would start only where `first` would as well, and is no shorter."""
    same = ("team_id", "user_id", "priority", "counts_in_quota", "accelerators", "min_accelerators")
    return (
        all(getattr(first, name) == getattr(later, name) for name in same)
        and first.accelerators is not None
        and not later.stop_requested
        and (later.most_seconds or math.inf) >= (first.most_seconds or math.inf)
    )


TestPool = Pool.TestCase
TestPool.settings = settings(max_examples=2000 if IS_FULL else 60, stateful_step_count=40, deadline=None)
