"""The scheduler, pure: who starts, who gives way, and why the rest waits."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from compute.scheduler import End, Held, NodeState, Snapshot, Start, Stop, Wait, Waiting, decide

A, B = 1, 2


def node(node_id: int, num_devices: int, *, takes_runs: bool = True, kind: str = "cpu") -> NodeState:
    devices = tuple(100 * node_id + i for i in range(num_devices))
    return NodeState(node_id=node_id, name=f"n{node_id}", kind=kind, takes_runs=takes_runs, device_ids=devices)


def waiting(run_id: str, accelerators: int | None, team: int = A, **more: Any) -> Waiting:
    return Waiting(run_id=run_id, team_id=team, accelerators=accelerators, **more)


def held(run_id: str, device_ids: tuple[int, ...], team: int = A, **more: Any) -> Held:
    return Held(run_id=run_id, team_id=team, node_id=device_ids[0] // 100, device_ids=device_ids, **more)


def run(
    line: list[Waiting],
    nodes: list[NodeState],
    *,
    quotas: dict[int, int] | None = None,
    holding: list[Held] | None = None,
) -> dict[str, Any]:
    """Return the decision for each Run: device ids, a reason to wait, "end" or "yield"."""
    snapshot = Snapshot(waiting=line, nodes=nodes, quotas=quotas or {}, held=holding or [])
    found: dict[str, Any] = {}
    for decision in decide(snapshot):
        match decision:
            case Start():
                found[decision.run_id] = decision.device_ids
            case Wait():
                found[decision.run_id] = decision.explanation["code"]
            case Stop():
                found[decision.run_id] = decision.reason
            case End():
                found[decision.run_id] = "end"
    return found


class TestStarting:
    def test_starts_in_line_order_while_there_is_room(self) -> None:
        assert run([waiting("a", 1), waiting("b", 1), waiting("c", 1)], [node(1, 2)]) == {
            "a": (100,),
            "b": (101,),
            "c": "room",
        }

    def test_auto_takes_every_free_device_of_the_best_node(self) -> None:
        assert run([waiting("a", None)], [node(1, 2), node(2, 3)]) == {"a": (200, 201, 202)}

    def test_auto_takes_what_the_quota_leaves(self) -> None:
        found = run([waiting("a", None)], [node(1, 4)], quotas={A: 3}, holding=[held("x", (100,))])
        assert found == {"a": (101, 102)}

    def test_auto_takes_what_is_free_beside_busy_work(self) -> None:
        assert run([waiting("a", None)], [node(1, 3)], holding=[held("x", (100, 101))]) == {"a": (102,)}

    def test_a_fixed_size_takes_the_node_where_it_leaves_the_least(self) -> None:
        assert run([waiting("a", 2)], [node(1, 4), node(2, 2)]) == {"a": (200, 201)}

    def test_a_run_that_was_asked_to_stop_ends_unstarted(self) -> None:
        assert run([waiting("a", 1, stop_requested=True)], [node(1, 1)]) == {"a": "end"}

    def test_a_draining_node_gets_nothing(self) -> None:
        assert run([waiting("a", 1)], [node(1, 1, takes_runs=False)]) == {"a": "node_away"}

    def test_a_silent_node_is_told_as_missing(self) -> None:
        silent = NodeState(node_id=1, name="n1", kind="cpu", takes_runs=False, heard=False, device_ids=(100,))
        assert run([waiting("a", 1)], [silent]) == {"a": "no_node"}

    def test_the_line_waits_when_no_node_was_ever_heard(self) -> None:
        assert run([waiting("a", None), waiting("b", 1)], []) == {"a": "no_node", "b": "no_node"}

    def test_a_node_that_is_away_is_waited_for(self) -> None:
        assert run([waiting("a", 4)], [node(1, 4, takes_runs=False), node(2, 1)]) == {"a": "node_away"}


class TestQuota:
    def test_a_team_over_its_quota_waits_without_blocking_others(self) -> None:
        line = [waiting("a", 1), waiting("a2", 1), waiting("b", 1, B)]
        assert run(line, [node(1, 3)], quotas={A: 1}) == {"a": (100,), "a2": "quota", "b": (101,)}

    def test_later_runs_of_the_same_team_do_not_pass(self) -> None:
        line = [waiting("large", 3), waiting("small", 1)]
        found = run(line, [node(1, 4)], quotas={A: 3}, holding=[held("x", (100,))])
        assert found == {"large": "quota", "small": "behind"}

    def test_more_than_the_quota_never_starts_and_blocks_nobody(self) -> None:
        line = [waiting("large", 3), waiting("small", 1)]
        assert run(line, [node(1, 4)], quotas={A: 2}) == {"large": "over_quota", "small": (100,)}

    def test_a_quota_of_nothing_says_so(self) -> None:
        assert run([waiting("a", None)], [node(1, 1)], quotas={A: 0}) == {"a": "no_quota"}

    def test_what_does_not_count_in_the_quota_starts_all_the_same(self) -> None:
        line = [waiting("shared", 1, counts_in_quota=False)]
        assert run(line, [node(1, 2)], quotas={A: 1}, holding=[held("x", (100,))]) == {"shared": (101,)}

    def test_no_quota_means_the_whole_pool(self) -> None:
        assert run([waiting("a", 4)], [node(1, 4)]) == {"a": (100, 101, 102, 103)}

    def test_the_explanation_names_the_teams_own_next_end(self) -> None:
        holding = [
            held("x", (100,), label="invoice-v3", ends_at=1767277200.0),
            held("y", (101,), team=B, label="secret", ends_at=1767261600.0),
        ]
        snapshot = Snapshot(waiting=[waiting("a", 1)], nodes=[node(1, 3)], quotas={A: 1}, held=holding)
        [decision] = decide(snapshot)
        assert isinstance(decision, Wait)
        assert decision.explanation == {
            "code": "quota",
            "used": 1,
            "quota": 1,
            "kind": "cpu",
            "next_label": "invoice-v3",
            "next_end_at": "2026-01-01T14:20:00+00:00",
        }


class TestRoom:
    def test_a_run_larger_than_every_node_is_told_so_and_reserves_nothing(self) -> None:
        snapshot = Snapshot(waiting=[waiting("a", 4), waiting("b", 1)], nodes=[node(1, 2)], quotas={}, held=[])
        first, second = decide(snapshot)
        assert isinstance(first, Wait)
        assert first.explanation == {"code": "too_large", "asked": 4, "largest": 2, "kind": "cpu"}
        assert isinstance(second, Start)

    def test_small_runs_do_not_starve_a_large_one(self) -> None:
        line = [waiting("large", 2), waiting("small", 1, B)]
        assert run(line, [node(1, 2)], holding=[held("x", (100,))]) == {"large": "room", "small": "room"}

    def test_other_nodes_stay_in_use_meanwhile(self) -> None:
        line = [waiting("large", 3), waiting("small", 1, B)]
        found = run(line, [node(1, 3), node(2, 1)], holding=[held("x", (100,))])
        assert found == {"large": "room", "small": (200,)}

    def test_the_node_that_should_be_free_first_is_kept(self) -> None:
        holding = [held("x", (100,), ends_at=9000.0), held("y", (200,), ends_at=100.0)]
        found = run([waiting("a", 2), waiting("b", 1)], [node(1, 2), node(2, 2)], holding=holding)
        assert found == {"a": "room", "b": (101,)}

    def test_a_waiting_auto_run_keeps_its_place(self) -> None:
        line = [waiting("auto", None), waiting("small", 1, B)]
        assert run(line, [node(1, 1)], holding=[held("x", (100,))]) == {"auto": "room", "small": "room"}


class TestGivingWay:
    def test_what_is_idle_gives_way_to_its_own_team_too(self) -> None:
        holding = [held("idle", (100,), idle=True)]
        line = [waiting("a", 1)]
        assert run(line, [node(1, 2)], quotas={A: 1}, holding=holding) == {"idle": "yield", "a": "quota"}
        assert run(line, [node(1, 2)], quotas={A: 2}, holding=holding) == {"a": (101,)}

    def test_what_is_idle_does_not_give_way_in_vain(self) -> None:
        holding = [held("idle", (100,), idle=True), held("busy", (101,))]
        assert run([waiting("a", 2)], [node(1, 2)], quotas={A: 2}, holding=holding) == {"a": "quota"}

    def test_an_idle_replica_gives_way(self) -> None:
        holding = [held("replica", (100,), team=B, idle=True)]
        assert run([waiting("a", 1)], [node(1, 1)], holding=holding) == {"replica": "yield", "a": "yielding"}

    def test_a_busy_one_does_not(self) -> None:
        assert run([waiting("a", 1)], [node(1, 1)], holding=[held("replica", (100,), team=B)]) == {"a": "room"}

    def test_nobody_gives_way_while_a_device_is_free(self) -> None:
        holding = [held("replica", (100,), team=B, idle=True)]
        assert run([waiting("a", 1)], [node(1, 2)], holding=holding) == {"a": (101,)}

    def test_the_fewest_give_way(self) -> None:
        holding = [
            held("one", (100,), idle=True),
            held("two", (101, 102), idle=True),
            held("other", (103,), idle=True),
        ]
        assert run([waiting("a", 2)], [node(1, 4)], holding=holding) == {"two": "yield", "a": "yielding"}

    def test_nobody_gives_way_in_vain(self) -> None:
        holding = [held("busy", (100,)), held("idle", (101,), idle=True)]
        assert run([waiting("a", 2)], [node(1, 2)], holding=holding) == {"a": "room"}

    def test_one_that_is_giving_way_is_enough(self) -> None:
        holding = [held("going", (100,), idle=True, stopping=True, yielding=True), held("idle", (101,), idle=True)]
        assert run([waiting("a", 1)], [node(1, 2)], holding=holding) == {"a": "yielding"}

    def test_auto_waits_a_moment_for_the_whole_node(self) -> None:
        holding = [held("replica", (100,), team=B, idle=True)]
        assert run([waiting("a", None)], [node(1, 2)], holding=holding) == {"replica": "yield", "a": "yielding"}

    def test_auto_leaves_replicas_alone_that_its_quota_cannot_use(self) -> None:
        holding = [held("replica", (100,), team=B, idle=True)]
        assert run([waiting("a", None)], [node(1, 2)], quotas={A: 1}, holding=holding) == {"a": (101,)}

    def test_two_waiting_runs_do_not_stop_the_same_replica_twice(self) -> None:
        holding = [held("replica", (100,), team=B, idle=True)]
        line = [waiting("a", 1), waiting("b", 1)]
        assert run(line, [node(1, 1)], holding=holding) == {"replica": "yield", "a": "yielding", "b": "room"}


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    sizes = draw(st.lists(st.integers(0, 4), max_size=3))
    nodes = [node(i, size, takes_runs=draw(st.booleans())) for i, size in enumerate(sizes, 1)]
    quotas = draw(st.dictionaries(st.integers(1, 3), st.integers(0, 5)))
    holding = []
    for each in nodes:
        if each.device_ids and draw(st.booleans()):
            taken = each.device_ids[: draw(st.integers(1, len(each.device_ids)))]
            flags = {name: draw(st.booleans()) for name in ("counts_in_quota", "idle", "stopping", "yielding")}
            holding.append(held(f"held-{each.node_id}", taken, team=draw(st.integers(1, 3)), **flags))
    line = [
        waiting(
            f"run-{i}",
            draw(st.none() | st.integers(1, 6)),
            draw(st.integers(1, 3)),
            counts_in_quota=draw(st.booleans()),
            stop_requested=draw(st.booleans()),
        )
        for i in range(draw(st.integers(0, 8)))
    ]
    return Snapshot(waiting=line, nodes=nodes, quotas=quotas, held=holding)


class TestAlways:
    @given(snapshots())
    def test_no_device_is_given_twice_or_out_of_reach(self, snapshot: Snapshot) -> None:
        given_out = [d for each in snapshot.held for d in each.device_ids]
        nodes = {each.node_id: each for each in snapshot.nodes}
        for decision in decide(snapshot):
            if isinstance(decision, Start):
                assert nodes[decision.node_id].takes_runs
                assert set(decision.device_ids) <= set(nodes[decision.node_id].device_ids)
                given_out += decision.device_ids
        assert len(given_out) == len(set(given_out))

    @given(snapshots())
    def test_no_start_puts_a_team_over_its_quota(self, snapshot: Snapshot) -> None:
        line = {each.run_id: each for each in snapshot.waiting}
        used: dict[int, int] = {}
        for each in snapshot.held:
            if each.counts_in_quota:
                used[each.team_id] = used.get(each.team_id, 0) + len(each.device_ids)
        for decision in decide(snapshot):
            if isinstance(decision, Start) and line[decision.run_id].counts_in_quota:
                team = line[decision.run_id].team_id
                used[team] = used.get(team, 0) + len(decision.device_ids)
                assert used[team] <= snapshot.quotas.get(team, 10**9)

    @given(snapshots())
    def test_every_waiting_run_gets_one_decision_of_its_size(self, snapshot: Snapshot) -> None:
        decisions = [d for d in decide(snapshot) if not isinstance(d, Stop)]
        decisions.sort(key=lambda decision: decision.run_id)
        line = sorted(snapshot.waiting, key=lambda each: each.run_id)
        assert [d.run_id for d in decisions] == [each.run_id for each in line]
        for decision, each in zip(decisions, line, strict=True):
            assert isinstance(decision, End) == each.stop_requested
            if isinstance(decision, Start):
                assert len(decision.device_ids) == (each.accelerators or len(decision.device_ids)) >= 1

    @given(snapshots())
    def test_only_idle_runs_are_stopped_and_each_once(self, snapshot: Snapshot) -> None:
        idle = {each.run_id for each in snapshot.held if each.idle and not each.stopping}
        stopped = [d.run_id for d in decide(snapshot) if isinstance(d, Stop)]
        assert set(stopped) <= idle
        assert len(stopped) == len(set(stopped))


class TestBeside:
    """Runs that hold no device compute beside those that hold the cores."""

    def test_starts_on_cores_that_others_hold_and_takes_none(self) -> None:
        line = [waiting("model", 0), waiting("training", None)]
        assert run(line, [node(1, 2)]) == {"model": (), "training": (100, 101)}
        assert run([waiting("model", 0)], [node(1, 2)], holding=[held("training", (100, 101))]) == {"model": ()}

    def test_idle_ones_do_not_give_way_to_a_run_that_wants_devices(self) -> None:
        beside = Held(run_id="model", team_id=B, node_id=1, device_ids=(), idle=True)
        holding = [beside, held("training", (100, 101))]
        assert run([waiting("next", 1)], [node(1, 2)], holding=holding) == {"next": "room"}

    def test_as_many_as_a_node_has_cores(self) -> None:
        line = [waiting(name, 0) for name in "abc"]
        assert run(line, [node(1, 2)]) == {"a": (), "b": (), "c": "beside"}
        assert run(line, [node(1, 2), node(2, 1)]) == {"a": (), "b": (), "c": ()}

    def test_where_all_are_there_an_idle_one_gives_way(self) -> None:
        beside = [Held(run_id=name, team_id=B, node_id=1, device_ids=(), idle=name == "b") for name in "ab"]
        assert run([waiting("c", 0)], [node(1, 2)], holding=beside) == {"b": "yield", "c": "yielding"}
        leaving = [
            Held(run_id=name, team_id=B, node_id=1, device_ids=(), idle=True, stopping=name == "b") for name in "ab"
        ]
        assert run([waiting("c", 0)], [node(1, 2)], holding=leaving) == {"c": "yielding"}

    def test_no_gpu_is_computed_on_so(self) -> None:
        assert run([waiting("model", 0)], [node(1, 2, kind="cuda")]) == {"model": "no_node"}
