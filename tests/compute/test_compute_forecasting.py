"""When waiting Runs should start, on a real database: ranges, what is in the way, what would help, what held."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Team, User
from compute import services, work
from compute.forecasting import lines
from compute.forecasting.lines import forecast_lines, how_often, outlook
from compute.models import Node, Run, RunForecast
from compute.scheduling.rounds import schedule
from compute.work import Pausable

pytestmark = pytest.mark.django_db


def request(team: Team, accelerators: int | None = 1, **more: Any) -> Run:
    return services.request_run(kind="script", team=team, accelerators=accelerators, **more)


def started(team: Team, accelerators: int, **more: Any) -> Run:
    run = request(team, accelerators, **more)
    schedule()
    run.refresh_from_db()
    assert run.state == "starting"
    return run


def seconds_until(moment: Any) -> float:
    return (moment - timezone.now()).total_seconds()


@pytest.fixture(autouse=True)
def no_tasks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    woken: list[str] = []
    monkeypatch.setattr(lines, "wake", woken.append)
    return woken


class TestOutlook:
    def test_a_range_follows_from_how_long_what_runs_should_last(self, team: Team, node: Node) -> None:
        busy = started(team, 2, expected_seconds=1000)
        waiting = request(team, 1, expected_seconds=60)
        found = outlook(waiting)
        assert found is not None
        assert (found.position, found.blockers) == (1, [busy.pk])
        assert 600 < seconds_until(found.low_at) < 1000 < seconds_until(found.high_at) < 1600

    def test_the_pace_of_a_run_says_more_than_its_estimate(self, team: Team, node: Node) -> None:
        busy = started(team, 2, expected_seconds=10_000)
        Run.objects.filter(pk=busy.pk).update(predicted_end_at=timezone.now() + timedelta(seconds=500))
        found = outlook(request(team))
        assert found is not None
        assert seconds_until(found.high_at) < 1000

    def test_behind_something_endless_nothing_is_promised(self, team: Team, node: Node) -> None:
        started(team, 2)
        found = outlook(request(team))
        assert found is not None
        assert (found.position, found.low_at, found.high_at) == (1, None, None)

    def test_kinds_that_end_by_themselves_are_known_by_their_past(self, team: Team, node: Node) -> None:
        now = timezone.now()
        before = request(team)
        Run.objects.filter(pk=before.pk).update(
            state="ended", outcome="succeeded", started_at=now - timedelta(seconds=400), ended_at=now
        )
        started(team, 2)
        found = outlook(request(team))
        assert found is not None
        assert 200 < seconds_until(found.low_at) < 400

    def test_the_line_is_the_schedulers(self, team: Team, node: Node) -> None:
        started(team, 2, expected_seconds=100)
        first, urgent, last = request(team), request(team, priority=1), request(team)
        found = [outlook(run) for run in (urgent, first, last)]
        assert [one.position for one in found if one is not None] == [1, 2, 3]

    def test_nothing_is_said_of_a_run_that_has_begun(self, team: Team, node: Node) -> None:
        assert outlook(started(team, 1)) is None

    def test_a_long_line_is_left_to_the_worker(
        self, team: Team, node: Node, no_tasks: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lines, "SHORT", 1)
        started(team, 2, expected_seconds=100)
        runs = [request(team) for _ in range(3)]
        assert outlook(runs[2]) is None
        assert no_tasks == ["compute.forecast"]
        assert forecast_lines() == 3
        found = outlook(runs[2])
        assert found is not None
        assert found.position == 3

    def test_those_behind_the_first_get_a_coarser_range_once_a_minute(
        self, team: Team, node: Node, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lines, "FIRST", 2)
        started(team, 2, expected_seconds=1000)
        runs = [request(team, 2, expected_seconds=1000) for _ in range(5)]
        assert forecast_lines() == 5
        found = [RunForecast.objects.get(run=run) for run in runs]
        assert [one.position for one in found] == [1, 2, 3, 4, 5]
        assert [one.is_coarse for one in found] == [False, False, True, True, True]
        assert all(one.low_at < other.high_at for one, other in pairwise(found))
        assert 3000 < seconds_until(found[3].low_at) < 4000 < seconds_until(found[3].high_at) < 6000
        assert forecast_lines() == 2
        RunForecast.objects.update(made_at=timezone.now() - timedelta(seconds=61))
        assert forecast_lines() == 5

    def test_the_first_range_stays_when_it_comes_near_and_each_kind_teaches_its_own(
        self, team: Team, node: Node, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lines, "FIRST", 1)
        busy = started(team, 2, expected_seconds=1000)
        runs = [request(team, 2, expected_seconds=1000) for _ in range(2)]
        forecast_lines()
        before = RunForecast.objects.get(run=runs[1])
        assert (before.is_coarse, before.near_at) == (True, None)
        busy.move("concluding", outcome="succeeded")
        schedule()
        forecast_lines()
        after = RunForecast.objects.get(run=runs[1])
        assert after.position == 1
        assert (after.predicted_high, after.futures) == (before.predicted_high, before.futures)
        assert after.near_futures is not None
        assert after.near_futures != before.futures
        RunForecast.objects.update(actual_at=timezone.now())
        assert set(RunForecast.objects.telling(is_coarse=False)) == {after, RunForecast.objects.get(run=runs[0])}
        assert set(RunForecast.objects.telling(is_coarse=True)) == {after}


class TestWhatIf:
    def test_fewer_accelerators_are_offered_where_they_fit_now(self, team: Team, node: Node) -> None:
        started(team, 1, expected_seconds=5000)
        found = outlook(request(team, 2))
        assert found is not None
        assert [one["change"] for one in found.what_if] == [{"accelerators": 1}]
        assert found.what_if[0]["high"] - timezone.now().timestamp() < 60

    def test_nothing_is_offered_that_would_not_help(self, team: Team, node: Node) -> None:
        started(team, 2, expected_seconds=5000)
        found = outlook(request(team, 2))
        assert found is not None
        assert found.what_if == []

    def test_idle_work_of_ones_own_could_be_paused(
        self, team: Team, node: Node, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        idle = started(team, 2)
        paused = Pausable(run_id=idle.pk, id="dep-1", name="bot", idle_seconds=7200)
        monkeypatch.setattr(work, "_pausable", [lambda team_id: [paused] if team_id == team.pk else []])
        found = outlook(request(team, 2))
        assert found is not None
        assert [(one["change"], one["name"]) for one in found.what_if] == [({"pause_deployment": "dep-1"}, "bot")]
        other = outlook(request(Team.create(name="Cellos"), 2))
        assert other is not None
        assert other.what_if == []


class TestHowOften:
    def test_compares_the_first_range_with_the_truth(self, team: Team, node: Node) -> None:
        busy = started(team, 2, expected_seconds=600)
        waiting = request(team)
        outlook(waiting)
        busy.move("concluding", outcome="succeeded")
        schedule()
        assert how_often() == {"ranges": 0, "held": 0, "share": None}
        forecast_lines()
        assert how_often() == {"ranges": 1, "held": 0, "share": 0.0}  # it came ten minutes sooner
        record = RunForecast.objects.get(run=waiting)
        RunForecast.objects.update(actual_at=record.predicted_low + timedelta(seconds=1))
        assert how_often() == {"ranges": 1, "held": 1, "share": 1.0}

    def test_is_told_to_administrators(self, team: Team, node: Node, client: Client, plain_static: None) -> None:
        run = request(team)
        forecast_lines()
        schedule()
        forecast_lines()
        assert RunForecast.objects.get(run=run).actual_at is not None
        admin = User.objects.create_user(email="admin@example.com", password=None, is_staff=True)
        client.force_login(admin)
        assert client.get("/api/v1/pool/forecasts").json() == {
            "object": "forecasts", "ranges": 1, "held": 1, "share": 1.0
        }  # fmt: skip
        assert "100 % of the last 1 ranges held" in client.get("/pool").content.decode()

    def test_the_first_range_stays_while_the_newest_is_shown(self, team: Team, node: Node) -> None:
        busy = started(team, 2, expected_seconds=600)
        waiting = request(team)
        forecast_lines()
        first = RunForecast.objects.get(run=waiting)
        Run.objects.filter(pk=busy.pk).update(predicted_end_at=timezone.now() + timedelta(seconds=5000))
        forecast_lines()
        second = RunForecast.objects.get(run=waiting)
        assert second.predicted_high == first.predicted_high
        assert second.high_at > first.high_at
