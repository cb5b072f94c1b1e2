"""The page of usage."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from accounts.models import Membership, Team, User
from compute.hours.limit import watch_hours
from compute.models import Pool, Quota
from ledger.days import month_of, today
from ledger.models import Entry
from tests.console.test_console_query_counts import num_queries

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


def signed_in(team: Team, *, is_staff: bool = False) -> Client:
    user = User.objects.create_user(f"{team.slug}-{is_staff}@example.com", is_staff=is_staff)
    Membership.objects.create(team=team, user=user)
    client = Client()
    client.force_login(user)
    return client


def used(team: Team, hours: float, **more: Any) -> None:
    Entry.objects.create(
        what="charge", day=more.pop("day", today()), run=f"run-{Entry.objects.count()}", team_id=team.pk,
        team=team.slug, accelerator_seconds=Decimal(hours) * 3600, **more,
    )  # fmt: skip


def page(client: Client, query: str = "", status: int = 200) -> str:
    reply = client.get(f"/usage?{query}")
    assert reply.status_code == status
    return " ".join(reply.content.decode().split())


def test_shows_the_month_of_ones_team_by_person(team: Team) -> None:
    used(team, 1.5, user="ann@example.com")
    used(team, 2, user="bob@example.com")
    used(Team.create(name="Cellos"), 40, user="eve@example.com")
    shown = page(signed_in(team))
    assert "This month 3.50 accelerator-hours were used; at this pace about" in shown
    assert shown.index("bob@example.com") < shown.index("ann@example.com")
    assert "eve@example.com" not in shown
    assert f"<title>{today()}: 3.50 h</title>" in shown


def test_shows_an_administrator_every_team_or_one(team: Team) -> None:
    used(team, 1.5, model="tiny")
    used(Team.create(name="Cellos"), 40, model="large")
    admin = signed_in(team, is_staff=True)
    assert "This month 41.50 accelerator-hours" in page(admin)
    one = page(admin, "team=cellos&group_by=model")
    assert "<td>large</td>" in one
    assert "<td>tiny</td>" not in one
    assert "group_by=model&amp;team=cellos" in one, "the file is of the same team"


def test_another_teams_usage_does_not_exist(team: Team) -> None:
    Team.create(name="Cellos")
    assert "There is no team &#x27;cellos&#x27;." in page(signed_in(team), "team=cellos", 404)


def test_a_bad_day_is_said_above_the_month(team: Team) -> None:
    used(team, 1, user="ann@example.com")
    shown = page(signed_in(team), "from=tomorrow", 400)
    assert "from is &#x27;tomorrow&#x27;, but a day is written as 2026-11-28." in shown
    assert "ann@example.com" in shown


def test_each_day_has_its_bar(team: Team) -> None:
    first = month_of(today())[0] - timedelta(days=5)
    used(team, 2, day=first)
    used(team, 1, day=first + timedelta(days=1))
    shown = page(signed_in(team), f"from={first}&to={first + timedelta(days=2)}&group_by=day")
    assert '<rect x="0" y="0.0" width="8" height="100.0">' in shown
    assert '<rect x="10" y="50.0" width="8" height="50.0">' in shown
    assert '<rect x="20" y="100.0" width="8" height="0.0">' in shown


def test_hundreds_of_rows_cost_no_more_queries_than_one(team: Team) -> None:
    admin = signed_in(team, is_staff=True)
    few = []
    for number in range(205):
        used(team, 1 + number / 100, user=f"person-{number}@example.com", model=f"model-{number}")
        if number == 0:
            page(admin, "group_by=user")
            few.append(num_queries(admin, "/usage?group_by=user")[1])
    status, many = num_queries(admin, "/usage?group_by=user")
    assert (status, many) == (200, few[0])
    assert many <= 17
    shown = page(admin, "group_by=user")
    assert shown.count("<tr><td>person-") == 200
    assert "The first 200 of 205." in shown
    assert '<td class="n" data-label="Accelerator-hours">3.04</td>' in shown


def test_says_so_where_nothing_was_used(team: Team) -> None:
    assert "No accelerator was used in this time." in page(signed_in(team))


def test_is_whole_in_chinese(team: Team) -> None:
    used(team, 1.5)
    client = signed_in(team)
    client.cookies["django_language"] = "zh-hans"
    assert "本月已使用 1.50 加速器小时" in page(client)


def test_shows_the_hours_against_the_limit_and_what_is_stored(team: Team) -> None:
    Quota.objects.create(team=team, pool=Pool.default(), accelerator_hours=10)
    Team.objects.filter(pk=team.pk).update(storage_bytes=5_000_000_000)
    used(team, 8.5, pool=Pool.default().name)
    watch_hours()
    shown = page(signed_in(team))
    assert "8.50 of 10 are used (85 %), 0 are held by what runs and waits." in shown
    assert '<progress class="progress-bar-outer" max="10" value="8.5000">' in shown
    assert "Your team has used 80 % of its 10 accelerator-hours of this month." in shown
    assert "0 B of 5.0 GB are used." in shown
