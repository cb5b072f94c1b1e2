"""The scheduler's benchmark: traces have the shapes they name, rivals do what theirs do, the figures are right."""

import statistics
from collections.abc import Sequence

import pytest

from benchmarks.pool_metrics import figures_of, jain
from benchmarks.rival_schedulers import Cohort, FirstCome, Multifactor
from benchmarks.scheduler import simulation_of
from benchmarks.traces import HELIOS_MEDIAN, Job, Trace, make_trace
from compute.scheduler import Decision, Snapshot, Start, Stop
from compute.simulation import Costs

COSTS = Costs(start=0.0, checkpoint=10.0)


def job(run_id: str, team: int, at: float, accelerators: int, seconds: float) -> Job:
    return Job(run_id=run_id, team_id=team, at=at, accelerators=accelerators, seconds=seconds, estimate=seconds)


def trace(*jobs: Job, devices: int = 8, guarantees: dict[int, int] | None = None, seconds: float = 1000) -> Trace:
    return Trace(name="test", jobs=jobs, num_devices=devices, guarantees=guarantees or {1: 4, 2: 4}, seconds=seconds)


class TestTraces:
    def test_lengths_are_as_published(self) -> None:
        made = make_trace("helios", num_jobs=4000, num_devices=100, num_teams=10, load=1.0)
        assert statistics.median(one.seconds for one in made.jobs) == pytest.approx(HELIOS_MEDIAN, rel=0.15)
        philly = make_trace("philly", num_jobs=4000, num_devices=100, num_teams=10, load=1.0)
        lengths = sorted(one.seconds for one in philly.jobs)
        assert lengths[2000] == pytest.approx(1186, rel=0.2)
        assert lengths[3600] == pytest.approx(12_860, rel=0.25)

    def test_asks_for_as_much_as_it_says(self) -> None:
        made = make_trace("pai", num_jobs=2000, num_devices=100, num_teams=10, load=1.3, at_once=500)
        later = sum(one.accelerators * one.seconds for one in made.jobs if one.at > 0)
        assert later / (100 * made.seconds) == pytest.approx(1.3, rel=0.05)
        assert [one.at for one in made.jobs] == sorted(one.at for one in made.jobs)
        assert max(one.at for one in made.jobs) <= made.seconds

    def test_one_seed_gives_one_trace(self) -> None:
        first, second = (make_trace("pai", num_jobs=50, num_devices=80, num_teams=5, load=1.0) for _ in range(2))
        assert first == second


class TestRivals:
    def test_first_come_first_served_stops_at_what_does_not_fit(self) -> None:
        made = trace(job("a", 1, 0, 4, 100), job("b", 1, 0, 8, 100), job("c", 2, 0, 1, 100))
        simulation = simulation_of(made, FirstCome(made))
        simulation.run()
        assert simulation.lived["c"].started_at >= simulation.lived["b"].ended_at

    def test_slurm_fills_gaps_that_delay_nobody(self) -> None:
        made = trace(
            job("a", 1, 0, 6, 300), job("b", 1, 1, 8, 100), job("short", 1, 2, 1, 60), job("long", 1, 2, 1, 900)
        )
        rival = Multifactor(made)
        simulation = simulation_of(made, rival)
        rival.clock = lambda: simulation.now
        simulation.run()
        lived = simulation.lived
        assert lived["short"].started_at < lived["b"].started_at < lived["long"].started_at

    def test_slurm_prefers_who_has_used_less(self) -> None:
        made = trace(job("a", 1, 0, 8, 5000), job("b", 1, 100, 8, 100), job("c", 2, 200, 8, 100))
        rival = Multifactor(made)
        simulation = simulation_of(made, rival)
        rival.clock = lambda: simulation.now
        simulation.run()
        assert simulation.lived["c"].started_at < simulation.lived["b"].started_at

    def test_kueue_takes_the_newest_borrower_for_a_queue_within_its_quota(self) -> None:
        made = trace(job("a", 1, 0, 4, 5000), job("b", 1, 100, 4, 5000), job("c", 2, 200, 4, 100))
        rival = Cohort(made)
        simulation = simulation_of(made, rival)
        rival.clock = lambda: simulation.now
        simulation.run()
        assert [simulation.lived[name].num_preempted for name in "abc"] == [0, 1, 0]
        assert simulation.lived["c"].started_at < 400

    @pytest.mark.parametrize("kind", [FirstCome, Multifactor, Cohort])
    def test_none_gives_a_device_twice(self, kind: type[FirstCome]) -> None:
        made = make_trace("pai", num_jobs=200, num_devices=40, num_teams=6, load=1.5, at_once=60)
        rival = kind(made)
        seen: list[int] = []

        def checked(snapshot: Snapshot) -> Sequence[Decision]:
            decisions = rival(snapshot)
            given = [device for one in decisions if isinstance(one, Start) for device in one.device_ids]
            taken = {device for held in snapshot.held for device in held.device_ids}
            assert len(given) == len(set(given))
            assert not taken & set(given)
            stopped = [one.run_id for one in decisions if isinstance(one, Stop)]
            assert len(stopped) == len(set(stopped))
            seen.append(len(given))
            return decisions

        simulation = simulation_of(made, checked)
        rival.clock = lambda: simulation.now
        simulation.run()
        assert sum(seen) >= 200
        assert all(one.ended_at < float("inf") for one in simulation.lived.values())


class TestFigures:
    def test_jain(self) -> None:
        assert jain([2, 2, 2]) == 1
        assert jain([1, 0, 0, 0]) == 0.25

    def test_tell_use_slowdown_and_time_below_a_guarantee(self) -> None:
        made = trace(job("a", 1, 0, 8, 1000), job("b", 2, 100, 4, 100))
        simulation = simulation_of(made, FirstCome(made))
        simulation.run()
        found = figures_of(made, simulation.stays, simulation.lived, COSTS)
        started_at = simulation.lived["b"].started_at
        assert started_at >= 1000
        assert found.below_guarantee == 900  # of team 2, until jobs stop arriving
        assert found.p95_slowdown == pytest.approx((started_at + 100 + 30 - 100) / 100)
        assert found.starved == 0
        assert found.utilisation > 0.95

    def test_a_team_that_asks_for_more_than_its_guarantee_lacks_nothing(self) -> None:
        made = trace(job("a", 1, 0, 8, 1000), job("b", 2, 100, 8, 100))
        simulation = simulation_of(made, FirstCome(made))
        simulation.run()
        assert figures_of(made, simulation.stays, simulation.lived, COSTS).below_guarantee == 0
