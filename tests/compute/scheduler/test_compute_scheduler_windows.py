"""The scheduler before, in and after maintenance, and the future that it foretells from it."""

import math
from typing import Any

from compute.explanations import explained
from compute.scheduler import Held, NodeState, Snapshot, Start, Stop, Wait, Waiting, Window, decide
from compute.simulation import Arrival, Costs, Simulation
from compute.simulation.forecasts import Expected, forecast

NOW = 1_000_000.0
HOUR = 3600.0
A, B = 1, 2


def node(node_id: int, devices: int = 2, *windows: tuple[float, float], kind: str = "cuda") -> NodeState:
    """Return a node with maintenance between so many seconds from now."""
    return NodeState(
        node_id=node_id, name=f"n{node_id}", kind=kind, takes_runs=True,
        device_ids=tuple(100 * node_id + i for i in range(devices)),
        windows=tuple(Window(begins_at=NOW + begins, ends_at=NOW + ends) for begins, ends in windows),
    )  # fmt: skip


def waiting(run_id: str, seconds: float | None, accelerators: int | None = 1, team: int = A, **more: Any) -> Waiting:
    return Waiting(run_id=run_id, team_id=team, accelerators=accelerators, most_seconds=seconds, **more)


def held(run_id: str, *device_ids: int, team: int = A, **more: Any) -> Held:
    return Held(run_id=run_id, team_id=team, node_id=device_ids[0] // 100, device_ids=device_ids, **more)


def snapshot(line: list[Waiting], *nodes: NodeState, holding: list[Held] | None = None, **more: Any) -> Snapshot:
    return Snapshot(waiting=line, nodes=nodes, quotas={}, held=holding or [], now=NOW, **more)


def decided(found: Snapshot) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for one in decide(found):
        match one:
            case Start():
                said[one.run_id] = one.node_id
            case Wait():
                said[one.run_id] = one.explanation["code"]
            case Stop():
                said[one.run_id] = one.reason
    return said


class TestBefore:
    def test_what_would_not_end_in_time_waits_and_what_would_starts(self) -> None:
        line = [waiting("long", 2 * HOUR), waiting("short", HOUR)]
        assert decided(snapshot(line, node(1, 2, (HOUR, 3 * HOUR)))) == {"long": "before_maintenance", "short": 1}

    def test_it_starts_on_a_node_that_stays_open_though_another_one_is_fuller(self) -> None:
        line = [waiting("long", 2 * HOUR), waiting("short", HOUR)]
        nodes = [node(1, 1, (HOUR, 3 * HOUR)), node(2, 8)]
        assert decided(snapshot(line, *nodes)) == {"long": 2, "short": 1}

    def test_each_node_has_its_own_window(self) -> None:
        line = [waiting("a", 4 * HOUR), waiting("b", 2 * HOUR), waiting("c", HOUR)]
        nodes = [node(1, 1, (HOUR, 9 * HOUR)), node(2, 1, (3 * HOUR, 9 * HOUR)), node(3, 1, (5 * HOUR, 9 * HOUR))]
        assert decided(snapshot(line, *nodes)) == {"a": 3, "b": 2, "c": 1}

    def test_what_nobody_can_predict_starts_unless_it_would_be_drained_at_once(self) -> None:
        assert decided(snapshot([waiting("a", None)], node(1, 1, (HOUR, 2 * HOUR)))) == {"a": 1}
        assert decided(snapshot([waiting("a", None)], node(1, 1, (60, HOUR)))) == {"a": "before_maintenance"}

    def test_it_neither_preempts_nor_reserves_what_it_could_not_use(self) -> None:
        line = [waiting("large", 2 * HOUR, 2), waiting("small", 60, team=B)]
        found = snapshot(line, node(1, 2, (HOUR, 3 * HOUR)), holding=[held("x", 100, team=B)], guarantees={A: 2})
        assert decided(found) == {"large": "before_maintenance", "small": 1}

    def test_no_node_is_reserved_from_when_it_would_be_too_late(self) -> None:
        line = [waiting("large", HOUR, 2), waiting("small", HOUR, team=B)]
        ending = held("x", 100, team=B, ends_at=NOW + HOUR)
        assert decided(snapshot(line, node(1, 2, (1.5 * HOUR, 3 * HOUR)), holding=[ending])) == {
            "large": "room", "small": 1,
        }  # fmt: skip

    def test_alone_it_takes_all_of_a_node_that_stays_open(self) -> None:
        nodes = [node(1, 8, (HOUR, 2 * HOUR)), node(2, 4)]
        (start,) = decide(snapshot([waiting("a", 2 * HOUR, None)], *nodes))
        assert isinstance(start, Start)
        assert (start.node_id, len(start.device_ids)) == (2, 4)

    def test_the_reason_names_the_maintenance_that_ends_first(self) -> None:
        nodes = [node(1, 2, (HOUR, 9 * HOUR)), node(2, 2, (1.5 * HOUR, 3 * HOUR))]
        (wait,) = decide(snapshot([waiting("a", 2 * HOUR)], *nodes))
        assert isinstance(wait, Wait)
        assert wait.explanation["begins_at"] == "1970-01-12T15:16:40+00:00"
        said = str(explained(wait.explanation))
        assert said.startswith("Waiting: it would not end before the maintenance that begins at 1970-01-12 ")


class TestMeanwhile:
    def test_what_still_runs_is_drained_once_and_nothing_starts(self) -> None:
        holding = [held("x", 100), held("y", 101, stopping=True), held("elsewhere", 200)]
        nodes = [node(1, 2, (-60, HOUR)), node(2, 1)]
        assert decided(snapshot([waiting("a", 60)], *nodes, holding=holding)) == {"x": "drain", "a": "room"}
        assert decided(snapshot([waiting("a", 60)], node(1, 2, (-60, HOUR)))) == {"a": "maintenance"}

    def test_what_holds_no_device_is_drained_too_and_starts_elsewhere(self) -> None:
        beside = Held(run_id="x", team_id=A, node_id=1, device_ids=())
        nodes = [node(1, 2, (-60, HOUR), kind="cpu"), node(2, 1, kind="cpu")]
        assert decided(snapshot([waiting("a", None, 0)], *nodes, holding=[beside])) == {"x": "drain", "a": 2}

    def test_the_node_comes_back_by_itself(self) -> None:
        assert decided(snapshot([waiting("a", 60)], node(1, 2, (-HOUR, 0)))) == {"a": 1}

    def test_one_that_no_worker_speaks_for_is_not_said_to_be_maintained(self) -> None:
        away = NodeState(
            node_id=1, name="n1", kind="cuda", takes_runs=False, heard=False, device_ids=(100,),
            windows=(Window(begins_at=NOW - 1, ends_at=NOW + 1),),
        )  # fmt: skip
        assert decided(snapshot([waiting("a", 60)], away)) == {"a": "no_node"}


class TestFuture:
    def test_what_would_be_cut_off_is_foretold_after_the_maintenance(self) -> None:
        line = [waiting("long", 2 * HOUR), waiting("short", 60)]
        found = forecast(
            snapshot(line, node(1, 2, (HOUR, 3 * HOUR))),
            {"long": Expected(seconds=2 * HOUR), "short": Expected(seconds=60)},
            watched=["long", "short"],
        )
        assert found.ranges["long"].low == 3 * HOUR
        assert found.ranges["short"].high == 0

    def test_what_is_drained_comes_back_first_and_loses_nothing_but_the_time(self) -> None:
        line = [waiting("b", 10 * HOUR)]
        found = Simulation(
            snapshot(line, node(1, 1, (HOUR, 3 * HOUR)), holding=[held("a", 100)]),
            seconds={"a": 2 * HOUR, "b": HOUR},
            costs=Costs(checkpoint=20),
        )
        found.run()
        assert found.lived["a"].num_preempted == 1
        assert found.lived["a"].ended_at == 4 * HOUR
        assert found.lived["b"].started_at == 4 * HOUR

    def test_a_pool_that_was_empty_when_it_began_opens_again(self) -> None:
        late = Arrival(at=2 * HOUR, waiting=waiting("a", 60))
        found = Simulation(snapshot([], node(1, 1, (HOUR, 3 * HOUR))), seconds={"a": 60}, arrivals=[late])
        found.run()
        assert found.lived["a"].started_at == 3 * HOUR
        assert found.lived["a"].ended_at < math.inf
