"""A pool in memory: what the scheduler's own decisions come to, and ranges of when that will be."""

import random
from collections.abc import Sequence
from dataclasses import replace

from compute.scheduler import Decision, Held, NodeState, Snapshot, Stop, Waiting, decide
from compute.simulation import Arrival, Costs, Simulation
from compute.simulation.coarse import coarse_forecast
from compute.simulation.forecasts import Bounds, Expected, Range, Spread, forecast, learned

A, B = 1, 2


def pool(*line: Waiting, devices: int = 2, held: Sequence[Held] = (), quotas: dict[int, int] | None = None) -> Snapshot:
    node = NodeState(node_id=1, name="n1", kind="cuda", takes_runs=True, device_ids=tuple(range(devices)))
    return Snapshot(waiting=list(line), nodes=[node], quotas=quotas or {}, held=list(held))


def waiting(run_id: str, accelerators: int = 1, team: int = A) -> Waiting:
    return Waiting(run_id=run_id, team_id=team, accelerators=accelerators)


def held(run_id: str, *devices: int, team: int = A) -> Held:
    return Held(run_id=run_id, team_id=team, node_id=1, device_ids=devices)


class TestSimulation:
    def test_runs_start_as_devices_come_free_and_last_as_long_as_said(self) -> None:
        found = Simulation(
            pool(waiting("a", 2), waiting("b"), held=[held("x", 0), held("y", 1)]),
            seconds={"x": 10, "y": 30, "a": 100, "b": 5},
        )
        found.run()
        assert (found.lived["a"].started_at, found.lived["a"].ended_at) == (30, 130)
        assert (found.lived["b"].started_at, found.lived["b"].ended_at) == (130, 135)
        assert [stay.run_id for stay in found.stays] == ["x", "y", "a", "b"]

    def test_what_arrives_later_stands_behind(self) -> None:
        found = Simulation(
            pool(waiting("a", 2), held=[held("x", 0, 1)]),
            seconds={"x": 10, "a": 10, "b": 10},
            arrivals=[Arrival(at=4, waiting=waiting("b", 2))],
        )
        found.run()
        assert (found.lived["b"].arrived_at, found.lived["b"].started_at) == (4, 20)

    def test_a_run_without_a_length_never_ends(self) -> None:
        found = Simulation(pool(waiting("a", 2), held=[held("x", 0)]), seconds={"a": 1})
        found.run()
        assert found.lived["a"].started_at == float("inf")

    def test_preempted_work_keeps_its_place_and_what_it_has_done(self) -> None:
        stopped: list[str] = []

        def preempting_once(snapshot: Snapshot) -> Sequence[Decision]:
            if not stopped and any(one.run_id == "urgent" for one in snapshot.waiting):
                stopped.append("a")
                return [Stop(run_id="a")]
            return decide(snapshot)

        found = Simulation(
            pool(waiting("a", 2), waiting("b", 2)),
            seconds={"a": 100, "b": 50, "urgent": 20},
            arrivals=[Arrival(at=40, waiting=waiting("urgent", 2))],
            costs=Costs(start=1, checkpoint=5),
            decide=preempting_once,
        )
        found.run()
        assert found.lived["a"].num_preempted == 1
        assert [stay.run_id for stay in found.stays] == ["a", "a", "b", "urgent"]  # before b, as it was
        first, second = found.stays[:2]
        assert (first.since, first.stopped_at, first.until) == (0, 40, 45)
        assert (second.since, second.until) == (45, 45 + 1 + (101 - 40))

    def test_an_endless_stream_of_small_runs_starves_no_large_one_whose_team_has_used_more(self) -> None:
        stream = [Arrival(at=10.0 * number, waiting=waiting(f"s{number}", team=B)) for number in range(1000)]
        found = Simulation(
            replace(pool(waiting("large", 2), held=[held("x", 0, team=B), held("y", 1, team=B)]), usage={A: 5000.0}),
            seconds={"x": 30, "y": 40, "large": 100, **{f"s{number}": 50.0 for number in range(1000)}},
            arrivals=stream,
        )
        found.run(until=10_000)
        assert 2500 < found.lived["large"].started_at < 4000  # two devices need 2,500 s to have used as much

    def test_a_claim_is_known_to_the_next_look(self) -> None:
        seen: list[tuple[str, int | None]] = []

        def noting(snapshot: Snapshot) -> Sequence[Decision]:
            seen.extend((one.run_id, one.claimed_node) for one in snapshot.waiting)
            return decide(snapshot)

        found = Simulation(
            replace(pool(held=[held("x", 0), held("y", 1)]), guarantees={B: 1}),
            seconds={"x": 900, "y": 900, "b": 10, "b2": 10},
            arrivals=[Arrival(at=5, waiting=waiting("b", team=B)), Arrival(at=8, waiting=waiting("b2", team=B))],
            costs=Costs(checkpoint=10),
            decide=noting,
        )
        found.run(until=20)
        assert seen[:3] == [("b", None), ("b", 1), ("b2", None)]
        assert found.lived["b"].started_at == 15

    def test_the_scheduler_looks_no_more_often_than_it_may(self) -> None:
        line = [waiting(f"r{number}") for number in range(20)]
        found = Simulation(
            pool(*line), seconds={f"r{n}": 1.0 + n / 10 for n in range(20)}, costs=Costs(between_passes=30)
        )
        found.run()
        assert found.num_passes == 11  # ten pairs, and one look after the last
        assert found.lived["r19"].started_at == 9 * 30


class TestForecast:
    def test_a_range_spans_what_the_lengths_may_come_to(self) -> None:
        found = forecast(
            pool(waiting("a", 2), held=[held("x", 0, 1)]), {"x": Expected(seconds=1000)}, watched=["a"],
            spread=Spread(ratios=(0.5, 1.0, 2.0)), bounds=Bounds(futures=40),
        ).ranges["a"]  # fmt: skip
        assert 500 <= found.low < 800 < found.middle < 1400 < found.high <= 2000

    def test_what_fits_starts_now(self) -> None:
        found = forecast(pool(waiting("a")), {}, watched=["a"]).ranges["a"]
        assert (found.low, found.middle, found.high) == (0, 0, 0)

    def test_nothing_is_said_of_what_waits_for_something_endless(self) -> None:
        assert forecast(pool(waiting("a", 2), held=[held("x", 0)]), {}, watched=["a"]).ranges == {}

    def test_a_run_that_has_lasted_longer_than_expected_is_not_over_yet(self) -> None:
        found = forecast(
            pool(waiting("a", 2), held=[held("x", 0, 1)]), {"x": Expected(seconds=-50, since=150)}, watched=["a"]
        ).ranges["a"]
        assert found.high > 0

    def test_the_same_pool_gives_the_same_ranges(self) -> None:
        snapshot = pool(waiting("a", 2), waiting("b"), held=[held("x", 0), held("y", 1)])
        expected = {run_id: Expected(seconds=600) for run_id in ("x", "y", "a", "b")}
        first, second = (forecast(snapshot, expected, watched=["a", "b"]) for _ in range(2))
        assert first == second

    def test_passes_are_bounded(self) -> None:
        calls: list[int] = []

        def counted(snapshot: Snapshot) -> Sequence[Decision]:
            calls.append(1)
            return decide(snapshot)

        line = [waiting(f"r{number}", 2) for number in range(50)]
        expected = {one.run_id: Expected(seconds=10) for one in line}
        found = forecast(pool(*line), expected, watched=["r49"], bounds=Bounds(futures=2, passes=7), decide=counted)
        assert len(calls) == 14
        assert found.ranges == {}


class TestCoarseForecast:
    def told(self, snapshot: Snapshot, **seconds: float) -> dict[str, Range]:
        expected = {run_id: Expected(seconds=length) for run_id, length in seconds.items()}
        return coarse_forecast(snapshot, expected, spread=Spread(ratios=[1.0]), bounds=Bounds(futures=3)).ranges

    def test_counts_devices_and_takes_the_schedulers_order(self) -> None:
        line = [waiting("a", 2), waiting("b"), waiting("c", team=B)]
        found = self.told(pool(*line, held=[held("x", 0), held("y", 1)]), x=10, y=30, a=100, b=50, c=5)
        assert {run_id: one.middle for run_id, one in found.items()} == {"c": 10, "a": 30, "b": 130}
        urgent = [line[0], replace(line[1], priority=2)]
        found = self.told(pool(*urgent, held=[held("x", 0), held("y", 1)]), x=10, y=30, a=100, b=50, c=5)
        assert (found["b"].middle, found["a"].middle) == (10, 60)

    def test_keeps_ceilings_and_persons_limits(self) -> None:
        line = [replace(waiting(f"r{number}"), user_id=7) for number in range(3)]
        seconds = {"r0": 10.0, "r1": 10.0, "r2": 10.0}
        limited = (pool(*line, quotas={A: 1}), replace(pool(*line), per_user={A: 1}))
        for snapshot in limited:
            found = self.told(snapshot, **seconds)
            assert [found[run_id].middle for run_id in seconds] == [0, 10, 20]
        assert [one.middle for one in self.told(pool(*line), **seconds).values()] == [0, 0, 10]

    def test_a_guarantee_does_not_wait_for_who_borrows(self) -> None:
        snapshot = replace(pool(waiting("b", team=B), held=[held("x", 0), held("y", 1)]), guarantees={B: 1})
        assert self.told(snapshot, x=1000, y=1000, b=10)["b"].middle == 0
        assert self.told(replace(snapshot, guarantees={A: 2, B: 0}), x=1000, y=1000, b=10)["b"].middle == 1000

    def test_nothing_is_said_of_what_never_starts(self) -> None:
        line = [waiting("large", 3), waiting("b"), waiting("behind")]
        assert set(self.told(pool(*line, held=[held("x", 0), held("y", 1)]), x=10)) == {"b"}


class TestLearned:
    def test_ranges_widen_until_they_hold_in_four_of_five_cases(self) -> None:
        draw = random.Random(1)
        raw = Range(low=900, middle=1000, high=1100)
        actual = [1000 * draw.lognormvariate(0.1, 0.5) for _ in range(600)]
        spread = learned([], [(raw, wait) for wait in actual[:300]])
        shown = raw.spread(spread)
        assert 0.75 <= sum(shown.low <= wait <= shown.high for wait in actual[300:]) / 300 <= 0.9

    def test_a_few_pairs_teach_nothing(self) -> None:
        raw = Range(low=900, middle=1000, high=1100)
        assert learned([(10, 100)] * 5, [(raw, 5000)] * 5) == Spread()

    def test_lengths_are_drawn_from_how_wrong_estimates_were(self) -> None:
        assert set(learned([(10, 30)] * 25, []).ratios) == {3.0}
