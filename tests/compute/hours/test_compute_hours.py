"""Accelerator-hours of a month: a warning, an end for what is new, some time for what runs."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Team
from compute import reconciling, services
from compute.administering.standings import standings
from compute.hours.sums import notice_for
from compute.models import Allocation, HoursNotice, Node, Pool, Quota, Run
from compute.scheduling.rounds import schedule
from ledger.days import beginning, month_of, next_month, today
from ledger.models import Entry

pytestmark = pytest.mark.django_db


def limit(team: Team, hours: int | None) -> None:
    Quota.objects.update_or_create(team=team, pool=Pool.default(), defaults={"accelerator_hours": hours})


def take(team: Team, hours: float, *, months_ago: int = 0) -> None:
    day = month_of(today())[0] - timedelta(days=months_ago)
    Entry.objects.create(
        what="charge", day=day, team_id=team.pk, team=team.slug, pool=Pool.default().name,
        run=f"run-{Entry.objects.count()}", accelerator_seconds=round(hours * 3600),
    )  # fmt: skip


def ask(team: Team, **more: Any) -> Run:
    return services.request_run(kind="script", team=team, accelerators=1, **more)


def after_a_round(run: Run) -> Run:
    reconciling.reconcile()
    run.refresh_from_db()
    return run


def test_nothing_new_starts_once_they_are_used_up(team: Team, node: Node) -> None:
    limit(team, 10)
    take(team, 10)
    other = Team.create(name="Cellos")
    run = after_a_round(ask(team))
    assert run.state == "waiting"
    assert str(services.explain(run)) == (
        "Waiting: your team has used all of its 10 accelerator-hours of this month. New ones begin on "
        f"{next_month(today())}. Until then an administrator can raise the limit."
    )
    assert after_a_round(ask(other)).state == "starting"
    assert after_a_round(ask(team, counts_in_quota=False)).state == "starting"


def test_a_raised_limit_opens_the_way(team: Team, node: Node) -> None:
    limit(team, 10)
    take(team, 10)
    run = after_a_round(ask(team))
    limit(team, 11)
    assert after_a_round(run).state == "starting"
    limit(team, 10)
    assert after_a_round(ask(team)).state == "waiting"


def test_another_months_hours_do_not_count(team: Team, node: Node) -> None:
    limit(team, 10)
    take(team, 10, months_ago=1)
    HoursNotice.objects.create(
        team=team, pool=Pool.default(), month=month_of(today())[0] - timedelta(days=1), hours=10, percent=100
    )
    assert after_a_round(ask(team)).state == "starting"


def test_what_runs_counts_up_to_now_and_is_stopped_after_its_grace(team: Team, node: Node, settings: Any) -> None:
    if timezone.now() - beginning(month_of(today())[0]) < timedelta(hours=2):
        pytest.skip("The month is younger than the hours that this test takes.")
    limit(team, 1)
    run = after_a_round(ask(team))
    assert notice_for(team) is None
    Allocation.objects.filter(run=run).update(created_at=timezone.now() - timedelta(hours=1))
    after_a_round(run)
    assert notice_for(team).percent == 100
    assert run.stop_requested_at is None
    HoursNotice.objects.update(at=timezone.now() - timedelta(seconds=settings.HOURS_GRACE_SECONDS - 60))
    assert after_a_round(run).stop_requested_at is None
    HoursNotice.objects.update(at=timezone.now() - timedelta(seconds=settings.HOURS_GRACE_SECONDS + 1))
    assert after_a_round(run).stop_reason == "hours"


def test_at_four_fifths_there_is_a_warning_once(team: Team, node: Node) -> None:
    limit(team, 10)
    take(team, 7.9)
    after_a_round(run := ask(team))
    assert notice_for(team) is None
    take(team, 0.1)
    for _ in range(2):
        after_a_round(run)
    assert HoursNotice.objects.get().percent == 80
    assert run.state == "starting"


def test_who_crosses_both_marks_at_once_is_told_of_the_last(team: Team, node: Node) -> None:
    limit(team, 0)
    after_a_round(ask(team))
    assert [notice.percent for notice in HoursNotice.objects.all()] == [100]


def test_a_team_stands_as_it_does(team: Team, node: Node) -> None:
    Quota.objects.update_or_create(team=team, pool=Pool.default(), defaults={"guaranteed": 1})
    take(team, 2.5)
    for _ in range(2):
        ask(team, expected_seconds=7200)
    schedule()
    ask(team, expected_seconds=3600)
    found = standings(Pool.default())[team.pk]
    assert (found.in_use, found.borrowed, found.waiting) == (2, 1, 1)
    assert found.hours_used == pytest.approx(2.5, abs=0.01)
    assert found.hours_held == pytest.approx(5, abs=0.01)
