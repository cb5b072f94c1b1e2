"""Guarantees, limits and fair shares in the database: what the scheduler decided is written in few queries."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Team, User
from compute import services
from compute.models import Allocation, Device, Node, Pool, Quota, Run, TeamUsage
from compute.scheduling.fair_shares import enter_usage, usage_of
from compute.scheduling.rounds import schedule

pytestmark = pytest.mark.django_db


def request(team: Team, **more: Any) -> Run:
    return services.request_run(kind="script", team=team, **{"accelerators": 1, **more})


def states(*runs: Run) -> list[str]:
    schedule()
    for run in runs:
        run.refresh_from_db()
    return [run.state for run in runs]


@pytest.fixture
def other(db: None) -> Team:
    return Team.create(name="Cellos")


class TestPreempting:
    def test_a_guarantee_takes_back_what_was_lent(self, team: Team, other: Team, node: Node) -> None:
        Quota.objects.create(team=team, guaranteed=1, ceiling=2)
        Quota.objects.create(team=other, guaranteed=1)
        first, second = request(team), request(team)
        assert states(first, second) == ["starting", "starting"]
        Run.objects.filter(pk=first.pk).update(started_at=timezone.now() - timedelta(minutes=1))
        claims = request(other)
        assert states(claims, first, second) == ["waiting", "starting", "starting"]
        assert (first.stop_reason, second.stop_reason) == ("", "preempt")
        assert claims.explanation["code"] == "reclaiming"
        second.move(Run.State.CONCLUDING, outcome=Run.Outcome.STOPPED)
        assert states(claims) == ["starting"]

    def test_a_run_that_asked_to_stop_already_keeps_its_reason(self, team: Team, other: Team, node: Node) -> None:
        Quota.objects.create(team=other, guaranteed=1)
        run = request(team, accelerators=2)
        schedule()
        services.request_stop(run=run, reason="pause")
        request(other)
        assert states(run) == ["starting"]
        assert run.stop_reason == "pause"


class TestLimits:
    def test_a_run_is_stopped_when_its_time_is_over(self, team: Team, node: Node) -> None:
        Quota.objects.create(team=team, longest_run_seconds=60)
        trains, serves = request(team), request(team, preemptible=False)
        schedule()
        Run.objects.update(started_at=timezone.now() - timedelta(seconds=61))
        assert states(trains, serves) == ["starting", "starting"]
        assert (trains.stop_reason, serves.stop_reason) == ("limit", "")

    def test_one_person_leaves_room_for_the_team(self, team: Team, node: Node) -> None:
        Quota.objects.create(team=team, per_user=1)
        alice, bob = (User.objects.create_user(f"{name}@example.com") for name in ("alice", "bob"))
        runs = [request(team, user=alice), request(team, user=alice), request(team, user=bob)]
        assert states(*runs) == ["starting", "waiting", "starting"]
        assert runs[1].explanation["code"] == "person"


class TestPools:
    def test_each_has_its_own_line_and_nodes(self, team: Team, node: Node) -> None:
        run = request(team)
        Run.objects.filter(pk=run.pk).update(pool=Pool.objects.create(name="empty"))
        assert states(run) == ["waiting"]
        assert run.explanation["code"] == "no_node"


class TestUsage:
    def test_adds_up_allocations_and_decays(self, team: Team, other: Team, node: Node) -> None:
        half_life = timedelta(seconds=settings.FAIR_SHARE_HALF_LIFE_SECONDS)
        now = timezone.now()
        request(other)
        schedule()
        TeamUsage.objects.all().delete()
        TeamUsage.objects.create(team=team, pool=Pool.default(), decayed=1000.0, at=now - half_life)
        Allocation.objects.update(created_at=now - timedelta(seconds=300), released_at=now - timedelta(seconds=100))
        enter_usage(Pool.default(), now)
        found = usage_of(Pool.default())
        assert found == {team.pk: pytest.approx(500.0), other.pk: pytest.approx(200.0)}
        enter_usage(Pool.default(), now + timedelta(seconds=1))
        assert usage_of(Pool.default()) == found, "not added up at every look"
        enter_usage(Pool.default(), now + half_life)
        assert usage_of(Pool.default()) == {team.pk: pytest.approx(250.0), other.pk: pytest.approx(100.0)}

    def test_decides_who_borrows(self, team: Team, other: Team, node: Node) -> None:
        TeamUsage.objects.create(team=team, pool=Pool.default(), decayed=1000.0, at=timezone.now())
        earlier, later = request(team, accelerators=2), request(other, accelerators=2)
        assert states(earlier, later) == ["waiting", "starting"]


class TestWriting:
    def test_takes_as_many_queries_for_many_runs_as_for_few(self, team: Team, node: Node) -> None:
        def queries(number: int) -> int:
            for _ in range(number):
                request(team)
                Device.objects.create(node=node, index=100 + Device.objects.count(), kind="cpu")
            with CaptureQueriesContext(
                connection,
            ) as captured:
                schedule()
            return len(captured)

        request(team, accelerators=1000)
        queries(1)
        queries(1)
        assert queries(2) == queries(20)

    def test_what_has_not_changed_is_not_written(self, team: Team) -> None:
        request(team)
        schedule()
        with CaptureQueriesContext(connection) as captured:
            schedule()
        assert not [one["sql"] for one in captured if one["sql"].startswith('UPDATE "compute_run"')]
