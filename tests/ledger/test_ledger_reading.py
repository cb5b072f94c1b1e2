"""The ledger: days, the append-only table, the address of usage and its file."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation
from rest_framework.test import APIClient

from accounts.models import ApiKey, Membership, Team, User
from common.days import beginning
from ledger import booking
from ledger.days import by_day, month_of, today
from ledger.models import Entry
from ledger.retention import forget

pytestmark = pytest.mark.django_db


def account(team: Team, run: str = "run-1", **more: str) -> booking.Account:
    return booking.Account(run=run, kind="training", team_id=team.pk, team=team.slug, **more)


def entry(team: Team, day: date, **more: Any) -> Entry:
    return Entry.objects.create(what="charge", day=day, team_id=team.pk, team=team.slug, **more)


def client_of(team: Team, *, admin: bool = False) -> APIClient:
    user = User.objects.create_user(f"{team.slug}-{admin}@example.com", is_staff=admin)
    Membership.objects.create(team=team, user=user)
    client = APIClient()
    client.credentials(
        HTTP_AUTHORIZATION=f"Bearer {ApiKey.issue(user=user, team=team, scopes=['admin'] if admin else [])[1]}"
    )
    return client


@pytest.fixture
def team() -> Team:
    return Team.create(name="Violins")


@pytest.fixture
def other() -> Team:
    return Team.create(name="Cellos")


class TestDays:
    def test_a_period_is_cut_at_midnight_of_the_platform(self, settings: Any) -> None:
        settings.TIME_ZONE = "Asia/Shanghai"
        begin = datetime(2026, 11, 27, 15, 59, 59, tzinfo=UTC)  # one second before midnight there
        cut = list(by_day(begin, begin + timedelta(days=1, seconds=2)))
        assert cut == [
            (date(2026, 11, 27), Decimal(1)),
            (date(2026, 11, 28), Decimal(86400)),
            (date(2026, 11, 29), Decimal(1)),
        ]

    def test_an_hour_that_comes_twice_counts_twice(self, settings: Any) -> None:
        settings.TIME_ZONE = "Europe/Berlin"
        day = date(2026, 10, 25)
        assert list(by_day(beginning(day), beginning(day + timedelta(days=1)))) == [(day, Decimal(25 * 3600))]

    def test_nothing_is_cut_of_nothing(self) -> None:
        now = timezone.now()
        assert list(by_day(now, now)) == list(by_day(now, now - timedelta(seconds=1))) == []

    def test_a_month_ends_with_its_last_day(self) -> None:
        assert month_of(date(2028, 2, 5)) == (date(2028, 2, 1), date(2028, 2, 29))
        assert month_of(date(2026, 12, 31)) == (date(2026, 12, 1), date(2026, 12, 31))


class TestEntries:
    @pytest.mark.parametrize("change", [lambda rows: rows.update(requests=1), lambda rows: rows.delete()])
    def test_are_never_changed_or_deleted(self, team: Team, change: Any) -> None:
        booking.hold(account(team), 5)
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            change(Entry.objects.all())
        assert Entry.objects.get().accelerator_seconds == 5

    def test_a_run_is_not_charged_twice(self, team: Team) -> None:
        now = timezone.now()
        booking.settle(account(team), [(now, now + timedelta(microseconds=1))])
        with pytest.raises(IntegrityError), transaction.atomic():
            booking.settle(account(team), [(now, now + timedelta(microseconds=1))])

    @pytest.mark.parametrize(("held", "released"), [(10, [7]), (3, []), (2, [])])
    def test_what_was_held_and_not_taken_is_released(self, team: Team, held: int, released: list[int]) -> None:
        booking.hold(account(team), held)
        begin = beginning(today())
        booking.settle(account(team), [(begin, begin + timedelta(seconds=1)), (begin, begin + timedelta(seconds=2))])
        assert [e.accelerator_seconds for e in Entry.objects.filter(what="charge")] == [3]
        assert [e.accelerator_seconds for e in Entry.objects.filter(what="release")] == released

    def test_stay_when_the_team_goes(self, team: Team) -> None:
        booking.hold(account(team, user="ann@example.com"), 5)
        team.delete()
        left = Entry.objects.get()
        assert (left.team, left.user, left.run) == ("violins", "ann@example.com", "run-1")

    def test_go_by_their_own_rule_those_of_a_run_together(self, team: Team) -> None:
        long_ago, lately = today() - timedelta(days=50), today() - timedelta(days=5)
        entry(team, long_ago, run="over")
        for day in (long_ago, lately):
            entry(team, day, run="both")
        Entry.objects.create(what="requests", day=long_ago, team_id=team.pk, team=team.slug, requests=1)
        forget(timezone.now() - timedelta(days=10))
        assert list(Entry.objects.values_list("run", flat=True)) == ["both", "both"]
        with pytest.raises(IntegrityError), transaction.atomic():
            Entry.objects.all().delete()


class TestUsage:
    def used(self, team: Team, other: Team) -> None:
        day = month_of(today())[0]
        entry(team, day, run="a", user="ann@example.com", model="tiny", accelerator_seconds=Decimal("1.5"))
        entry(team, day, run="b", user="bob@example.com", model="tiny", accelerator_seconds=Decimal("2"))
        entry(team, day - timedelta(days=1), run="c", model="old", accelerator_seconds=Decimal("9"))
        entry(other, day, run="d", model="large", accelerator_seconds=Decimal("7"))
        Entry.objects.create(
            what="requests", day=day, team_id=team.pk, team=team.slug, model="tiny", requests=3, prompt_tokens=5,
            completion_tokens=8,
        )  # fmt: skip
        booking.hold(account(team), 1000)

    def test_is_of_ones_own_team_and_of_the_month(self, team: Team, other: Team) -> None:
        self.used(team, other)
        assert client_of(team).get("/api/v1/usage").json() == {
            "object": "list",
            "data": [
                {
                    "team": "violins", "accelerator_seconds": 3.5, "requests": 3, "prompt_tokens": 5,
                    "completion_tokens": 8,
                }
            ],
            "has_more": False, "first_id": None, "last_id": None,
        }  # fmt: skip

    def test_is_of_every_team_to_an_administrators_key(self, team: Team, other: Team) -> None:
        self.used(team, other)
        data = client_of(team, admin=True).get("/api/v1/usage").json()["data"]
        assert [(row["team"], row["accelerator_seconds"]) for row in data] == [("cellos", 7), ("violins", 3.5)]

    def test_of_one_team_is_what_an_administrator_may_ask_for(self, team: Team, other: Team) -> None:
        self.used(team, other)
        assert len(client_of(team, admin=True).get("/api/v1/usage?team=cellos").json()["data"]) == 1
        own = client_of(team)
        assert own.get("/api/v1/usage?team=violins").status_code == 200
        assert own.get("/api/v1/usage?team=cellos").status_code == 404

    @pytest.mark.parametrize(
        ("by", "found"),
        [
            ("user", [("bob@example.com", 2), ("ann@example.com", 1.5), (None, 0)]),
            ("model", [("tiny", 3.5)]),
            ("day", [(str(date.today().replace(day=1)), 3.5)]),
        ],
    )
    def test_is_summed_up_as_asked(self, team: Team, other: Team, by: str, found: list[Any]) -> None:
        self.used(team, other)
        data = client_of(team).get(f"/api/v1/usage?group_by={by}").json()["data"]
        assert [(row[by], row["accelerator_seconds"]) for row in data] == found

    def test_is_of_the_days_that_are_asked_for(self, team: Team, other: Team) -> None:
        self.used(team, other)
        before = month_of(today())[0] - timedelta(days=1)
        data = client_of(team).get(f"/api/v1/usage?from={before}&to={before}&group_by=model").json()["data"]
        assert [(row["model"], row["accelerator_seconds"]) for row in data] == [("old", 9)]

    @pytest.mark.parametrize(
        ("query", "said"),
        [
            ("from=yesterday", "from is 'yesterday', but a day is written as 2026-11-28."),
            ("to=2026-02-30", "to is '2026-02-30', but a day is written as 2026-11-28."),
            ("from=20261128", "from is '20261128', but a day is written as 2026-11-28."),
            ("from=2026-11-02&to=2026-11-01", "The first day, 2026-11-02, is after the last, 2026-11-01."),
            ("from=0001-01-01", "is more than 3,660 days. Ask for fewer at once."),
            ("group_by=colour", "Usage is not summed up by 'colour'. Choose one of: team, user, day, model."),
            ("limit=5", "limit"),
        ],
    )
    def test_refuses_by_name_what_it_does_not_know(self, team: Team, query: str, said: str) -> None:
        reply = client_of(team).get(f"/api/v1/usage?{query}")
        assert reply.status_code == 400
        assert said in reply.json()["error"]["message"]

    def test_asks_the_database_as_often_for_much_as_for_little(self, team: Team, other: Team) -> None:
        client = client_of(team, admin=True)
        numbers = []
        client.get("/api/v1/usage")  # the first use of a key is noted
        for count in (1, 50):
            for number in range(count):
                entry(team, today(), run=f"{count}-{number}", user=f"{number}@example.com", requests=1)
            with CaptureQueriesContext(connection) as asked:
                client.get("/api/v1/usage?group_by=user")
            numbers.append(len(asked))
        assert numbers[0] == numbers[1] < 10

    def test_as_a_file_holds_no_formula_and_quotes_all(self, team: Team) -> None:
        entry(team, today(), run="a", model='=HYPERLINK("http://x","y")', accelerator_seconds=Decimal("1.25"))
        reply = client_of(team).get("/api/v1/usage.csv?group_by=model")
        assert reply["Content-Type"] == "text/csv; charset=utf-8"
        lines = reply.content.decode().splitlines()
        assert all(line.startswith('"') and line.endswith('"') for line in lines)
        assert list(csv.reader(io.StringIO(reply.content.decode()))) == [
            ["model", "accelerator_seconds", "requests", "prompt_tokens", "completion_tokens"],
            ['\'=HYPERLINK("http://x","y")', "1.250000", "0", "0", "0"],
        ]

    def test_refuses_in_the_readers_language(self, team: Team) -> None:
        reply = client_of(team).get("/api/v1/usage?from=x", headers={"accept-language": "zh-Hans"})
        with translation.override("zh-hans"):
            assert "from 是 'x'" in reply.json()["error"]["message"]
