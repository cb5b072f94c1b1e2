"""Who is told what, on pages and by the API; each person chooses; nobody sees what another was told."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone, translation

from accounts.models import Membership, Team
from console import retention
from notifications import services
from notifications.models import Notice
from tests.notifications.conftest import person
from webhooks import events
from webhooks.outbox import announce
from wording import as_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
URL = "/api/v1/notifications"
FAILED = "fine_tuning.job.failed"


@dataclass
class Work:
    """Somebody's."""

    created_by_id: int | None

    def __str__(self) -> str:
        return "invoice-v3"


def happen(team: Team, by: str = "alice", *, number: int = 1, kind: str = FAILED) -> None:
    why = as_written("Memory ran out.")
    announce(kind, team, {"id": f"ftjob-{number}"}, about=Work(person(by).pk), because=why)


def call(secret: str, method: str, path: str = "", body: Any = None) -> Any:
    return Client().generic(
        method, f"{URL}{path}", "" if body is None else json.dumps(body), content_type="application/json",
        headers={"authorization": f"Bearer {secret}"},
    )  # fmt: skip


def told(secret: str, query: str = "") -> list[Any]:
    reply = call(secret, "GET", query)
    assert reply.status_code == 200, reply.content
    return list(reply.json()["data"])


def choose(secret: str, **changes: Any) -> Any:
    return call(secret, "PUT", "/choices", {"on_pages": events.names(), "by_mail": [], "of_others": False, **changes})


def browser(name: str) -> Client:
    client = Client()
    client.force_login(person(name))
    return client


class TestWho:
    def test_whose_work_it_is_and_nobody_else(self, team: Team, alice: str, bob: str, charlie: str) -> None:
        happen(team)
        [found] = told(alice)
        assert (found["type"], found["subject"], found["reason"]) == (FAILED, "invoice-v3", "Memory ran out.")
        assert found["url"].endswith("/jobs/ftjob-1")
        assert (told(bob), told(charlie)) == ([], [])

    def test_everybody_in_the_team_where_it_is_nobodys(self, team: Team, alice: str, bob: str, charlie: str) -> None:
        announce("team.hours_used", team, {"id": team.slug})
        assert [len(told(secret)) for secret in (alice, bob, charlie)] == [1, 1, 0]

    def test_who_wants_to_hear_of_others_work_and_of_no_others_kinds(self, team: Team, alice: str, bob: str) -> None:
        assert choose(bob, of_others=True, on_pages=[FAILED]).status_code == 200
        happen(team)
        happen(team, kind="fine_tuning.job.succeeded")
        assert [one["type"] for one in told(bob)] == [FAILED]
        assert len(told(alice)) == 2

    def test_nobody_of_work_whose_author_is_gone(self, team: Team, alice: str) -> None:
        announce(FAILED, team, {"id": "ftjob-1"}, about=Work(None))
        assert told(alice) == []

    def test_not_who_has_left(self, team: Team, alice: str, bob: str) -> None:
        happen(team, by="bob")
        services_before = Notice.objects.of(person("bob")).count()
        Membership.objects.filter(user=person("bob")).delete()
        happen(team, by="bob")
        assert services_before == 1
        assert Notice.objects.of(person("bob")).count() == 0
        assert Notice.objects.count() == 1


class TestReading:
    def test_marks_some_or_all(self, team: Team, alice: str, bob: str) -> None:
        for number in (1, 2, 3):
            happen(team, number=number)
        newest = told(alice)[0]
        assert call(alice, "POST", "/read", {"ids": [newest["id"]]}).json()["unread"] == 2
        assert newest["id"] not in [one["id"] for one in told(alice, "?unread=true")]
        assert call(bob, "POST", "/read", {}).json()["marked"] == 0, "hers are not his"
        assert call(alice, "POST", "/read", {}).json() == {"object": "notifications.read", "marked": 2, "unread": 0}

    def test_a_list_has_pages(self, team: Team, alice: str, bob: str) -> None:
        for number in (1, 2, 3):
            happen(team, number=number)
        first = call(alice, "GET", "?limit=2").json()
        assert first["has_more"]
        rest = told(alice, f"?after={first['last_id']}")
        assert [one["url"].rpartition("/")[2] for one in (*first["data"], *rest)] == ["ftjob-3", "ftjob-2", "ftjob-1"]
        assert call(bob, "GET", f"?after={first['last_id']}").status_code == 404

    def test_a_key_of_another_team_says_nothing_of_this_one(self, team: Team, alice: str) -> None:
        other = Team.create(name="C")
        Membership.objects.create(team=other, user=person("alice"))
        happen(other)
        assert told(alice) == []
        assert services.num_unread(person("alice")) == 1, "the pages are of all teams"


class TestChoosing:
    def test_what_is_chosen_is_said_again(self, alice: str) -> None:
        before = call(alice, "GET", "/choices").json()
        assert (before["on_pages"], before["by_mail"], before["of_others"]) == (events.names(), [], False)
        after = choose(alice, on_pages=[FAILED], of_others=True).json()
        assert (after["on_pages"], after["of_others"]) == ([FAILED], True)
        assert call(alice, "GET", "/choices").json() == after

    def test_mail_that_nobody_sends_is_refused(self, alice: str) -> None:
        reply = choose(alice, by_mail=[FAILED])
        assert (reply.status_code, reply.json()["error"]["code"]) == (409, "mail_is_off")
        assert not call(alice, "GET", "/choices").json()["mail_is_on"]

    def test_an_unknown_kind_is_refused_by_name(self, alice: str) -> None:
        assert choose(alice, on_pages=["job.won"]).json()["error"]["param"] == "on_pages.0"

    def test_a_viewer_chooses_too(self, team: Team, bob: str) -> None:
        Membership.objects.filter(user=person("bob")).update(role=Membership.Role.VIEWER)
        assert choose(bob, of_others=True).status_code == 200


class TestPage:
    def test_counts_shows_and_leads_to_what_happened(self, team: Team, alice: str) -> None:
        happen(team)
        page = browser("alice")
        assert '<span class="count">1<' in page.get("/").content.decode()
        shown = page.get("/notifications").content.decode()
        for part in ("A job has failed", "invoice-v3", "Memory ran out.", "Mark all as read"):
            assert part in shown
        found = Notice.objects.get()
        assert page.get(f"/notifications/{found.pk}")["Location"] == "/jobs/ftjob-1"
        assert '<span class="count">' not in page.get("/").content.decode()

    def test_leads_into_the_team_that_it_is_about(self, team: Team, alice: str) -> None:
        other = Team.create(name="C")
        Membership.objects.create(team=other, user=person("alice"))
        happen(other)
        page = browser("alice")
        page.get(f"/notifications/{Notice.objects.get().pk}")
        assert page.session["team"] == other.pk

    def test_is_nobody_elses(self, team: Team, alice: str, bob: str) -> None:
        happen(team)
        found = Notice.objects.get()
        assert browser("bob").get(f"/notifications/{found.pk}").status_code == 404
        browser("bob").post("/notifications/read")
        found.refresh_from_db()
        assert found.read_at is None

    def test_speaks_the_readers_language(self, team: Team, alice: str) -> None:
        happen(team)
        with translation.override("zh-hans"):
            assert Notice.objects.get().what == "任务失败"

    def test_takes_a_choice_and_says_that_there_is_no_mail(self, alice: str) -> None:
        page = browser("alice")
        assert "sends no mail" in page.get("/notifications").content.decode()
        page.post("/notifications", {"on_pages": [FAILED], "of_others": "1"})
        chosen = services.choices_of(person("alice"))
        assert (chosen.wants(FAILED, by_mail=False), chosen.of_others) == (True, True)
        assert not chosen.wants("fine_tuning.job.succeeded", by_mail=False)


def test_old_ones_go(team: Team, alice: str) -> None:
    happen(team, number=1)
    happen(team, number=2)
    Notice.objects.filter(path="/jobs/ftjob-1").update(created_at=timezone.now() - timedelta(days=31))
    retention.sweep_database()
    assert [one["url"].rpartition("/")[2] for one in told(alice)] == ["ftjob-2"]
