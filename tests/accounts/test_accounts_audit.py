"""The audit: who did what, from where and by which key, before and after; kept as it is, shown to whom it concerns."""

import ast
import csv
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.db import DatabaseError, connections, transaction
from django.test import Client
from django.utils import timezone

from accounts import audit
from accounts.audit_words import ACTIONS
from accounts.models import ApiKey, AuditEvent, Membership, Team, User
from accounts.services import create_api_key
from accounts.views import GUESSES
from console import retention
from console.asgi import shell
from console.proxies import behind_proxies

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
ROOT = Path(__file__).parents[2]
FOLDERS = ("platform", "datasets_app", "jobs", "deployments", "batches", "evaluations", "playground")


@pytest.fixture
def boss() -> str:
    """An owner's key."""
    return create_api_key(email="boss@example.com", team_name="A")


@pytest.fixture
def admin() -> str:
    """An administrator's key."""
    return create_api_key(email="root@example.com", team_name="B", admin=True)


def call(secret: str, query: str = "", path: str = "/api/v1/audit") -> Any:
    return Client().get(f"{path}{query}", headers={"authorization": f"Bearer {secret}"})


def page(email: str) -> Client:
    client = Client()
    client.force_login(User.objects.get(email=email))
    return client


def newest(action: str) -> AuditEvent:
    return AuditEvent.objects.filter(action=action).latest("pk")


class TestRecord:
    def test_says_who_by_which_key_from_where_and_what_was_before(self, boss: str) -> None:
        create_api_key(email="worker@example.com", team_name="A")
        person = User.objects.get(email="worker@example.com")
        Client().patch(
            f"/api/v1/teams/a/members/{person.pk}", {"role": "viewer"}, content_type="application/json",
            headers={"authorization": f"Bearer {boss}", "x-request-id": "req-of-this-test"}, REMOTE_ADDR="203.0.113.9",
        )  # fmt: skip
        found = call(boss, "?action=member.role_changed").json()["data"]
        assert len(found) == 1
        assert found[0] | {"id": "", "created_at": 0} == {
            "id": "", "object": "audit_event", "created_at": 0, "actor": "boss@example.com",
            "key": ApiKey.find(boss).pk, "address": "203.0.113.9", "request_id": "req-of-this-test", "team": "a",
            "action": "member.role_changed", "target": "worker@example.com",
            "before": {"role": "member"}, "after": {"role": "viewer"},
        }  # fmt: skip

    def test_of_a_page_has_no_key_not_even_that_of_the_request_before(self, boss: str) -> None:
        call(boss)
        page("boss@example.com").post("/keys", {"name": "mine"})
        made = newest("api_key.created")
        assert (made.key, made.actor_email, made.after["name"]) == ("", "boss@example.com", "mine")

    @pytest.mark.django_db(transaction=True)
    async def test_has_the_persons_own_address_behind_a_proxy(self) -> None:
        secret = await sync_to_async(create_api_key)(email="boss@example.com", team_name="A")
        await sync_to_async(create_api_key)(email="worker@example.com", team_name="A")
        person = await User.objects.aget(email="worker@example.com")
        transport = httpx.ASGITransport(behind_proxies(shell, ["192.0.2.0/24"]), client=("192.0.2.1", 1))
        headers = {"authorization": f"Bearer {secret}", "x-forwarded-for": "203.0.113.66, 198.51.100.7, 192.0.2.9"}
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            reply = await client.delete(f"/api/v1/teams/a/members/{person.pk}", headers=headers)
        assert reply.status_code == 200, reply.text
        event = await sync_to_async(newest)("member.removed")
        assert (event.address, event.request_id) == ("198.51.100.7", reply.headers["x-request-id"])
        await sync_to_async(connections.close_all)()

    def test_of_quotas_has_both_numbers(self, admin: str) -> None:
        for number in (2, 3):
            page("root@example.com").put(
                "/api/v1/quotas/b", f'{{"accelerators": {number}}}', content_type="application/json"
            )
        changed = newest("quota.set")
        assert (changed.before["ceiling"], changed.after["ceiling"]) == (2, 3)

    def test_stays_when_person_and_team_go(self, boss: str) -> None:
        User.objects.all().delete()
        Team.objects.all().delete()
        made = newest("api_key.created")
        assert (made.actor_email, made.team_slug) == ("boss@example.com", "a")

    def test_of_a_lock_comes_once_and_for_accounts_that_there_are(self, boss: str) -> None:
        for email in ("boss@example.com", "nobody@example.com"):
            for _ in range(GUESSES + 3):
                Client().post("/sign-in", {"email": email, "password": "x"})
        locks = AuditEvent.objects.filter(action="sign_in.locked")
        assert [event.target for event in locks] == ["boss@example.com"]

    def test_of_the_administration_pages_has_what_they_changed(self, boss: str, admin: str) -> None:
        team = Team.objects.get(slug="a")
        member = team.memberships.get()
        form = {
            "name": "Altos", "slug": "a", "memberships-TOTAL_FORMS": "1", "memberships-INITIAL_FORMS": "1",
            "memberships-0-id": member.pk, "memberships-0-team": team.pk, "memberships-0-user": member.user_id,
            "memberships-0-role": "viewer",
        }  # fmt: skip
        client = page("root@example.com")
        assert client.post(f"/admin/accounts/team/{team.pk}/change/", form).status_code == 302
        client.post(f"/admin/accounts/team/{team.pk}/delete/", {"post": "yes"})
        found = list(AuditEvent.objects.filter(action__startswith="administration.").order_by("pk"))
        assert [(event.action.split(".")[1], event.before, event.after) for event in found] == [
            ("changed", {"name": "A"}, {"name": "Altos"}),
            ("changed", {"role": "owner"}, {"role": "viewer"}),
            ("deleted", None, {}),
        ]
        assert {(event.actor_email, event.team_slug) for event in found} == {("root@example.com", "a")}


class TestAppendOnly:
    @pytest.mark.parametrize(
        "attempt",
        [
            lambda event: AuditEvent.objects.filter(pk=event.pk).update(actor_email="somebody@example.com"),
            lambda event: AuditEvent.objects.filter(pk=event.pk).delete(),
            lambda event: event.save(),
        ],
        ids=["update", "delete", "save"],
    )
    def test_nobody_changes_or_deletes_an_event(self, boss: str, attempt: Any) -> None:
        event = newest("api_key.created")
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            attempt(event)
        assert newest("api_key.created").actor_email == "boss@example.com"

    def test_only_retention_does_and_what_is_old(self, boss: str, settings: Any) -> None:
        settings.KEEP_DAYS = {**settings.KEEP_DAYS, "audit": 30}
        retention.sweep_database()
        assert AuditEvent.objects.exists()
        audit.forget(timezone.now() + timedelta(seconds=1))
        assert not AuditEvent.objects.exists()
        AuditEvent.record(actor=None, action="quota.set")
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            AuditEvent.objects.all().delete()


class TestApi:
    def test_an_owner_sees_their_team_alone(self, boss: str, admin: str) -> None:
        assert {event["team"] for event in call(boss).json()["data"]} == {"a"}
        assert {event["team"] for event in call(admin).json()["data"]} >= {"a", "b"}
        for team in ("b", "nowhere", "%00"):
            for path in ("/api/v1/audit", "/api/v1/audit.csv"):
                assert call(boss, f"?team={team}", path).status_code in (400, 404)
        assert {event["team"] for event in call(admin, "?team=a").json()["data"]} == {"a"}

    @pytest.mark.parametrize("role", ["viewer", "member"])
    def test_nobody_else_does(self, boss: str, role: str) -> None:
        other = create_api_key(email="worker@example.com", team_name="A", role=role)
        reply = call(other)
        assert (reply.status_code, reply.json()["error"]["code"]) == (403, "role_needed")
        assert page("worker@example.com").get("/audit").status_code == 403

    def test_an_administrators_usual_key_has_no_more_than_its_team(self, admin: str, boss: str) -> None:
        usual = create_api_key(email="root@example.com", team_name="B")
        assert {event["team"] for event in call(usual).json()["data"]} == {"b"}

    def test_filters(self, boss: str, admin: str) -> None:
        create_api_key(email="worker@example.com", team_name="A")
        day = timezone.now().date()
        for query, actions in (
            ("?team=a&action=member", {"member.added"}),
            ("?team=a&action=api_key.created", {"api_key.created"}),
            ("?team=a&action=api", set()),
            ("?team=a&actor=WORKER", {"api_key.created"}),
            (f"?team=a&action=team&from={day}&to={day}", {"team.created"}),
            (f"?from={day + timedelta(days=1)}", set()),
            (f"?to={day - timedelta(days=1)}", set()),
        ):
            assert {event["action"] for event in call(admin, query).json()["data"]} == actions, query

    @pytest.mark.parametrize("query", ["?from=tomorrow", "?to=2026-13-01", "?limit=0", "?limit=101", "?who=me"])
    def test_refuses_what_it_cannot_read(self, boss: str, query: str) -> None:
        assert call(boss, query).status_code == 400

    def test_goes_on_page_by_page(self, boss: str) -> None:
        team = Team.objects.get(slug="a")
        for number in range(5):
            AuditEvent.record(actor=None, team=team, action="quota.set", target=str(number))
        seen: list[str] = []
        after = ""
        while True:
            found = call(boss, f"?action=quota&limit=2{after}").json()
            seen += [event["target"] for event in found["data"]]
            AuditEvent.record(actor=None, team=team, action="quota.set", target="later")
            if not found["has_more"]:
                break
            after = f"&after={found['last_id']}"
        assert seen == ["4", "3", "2", "1", "0"]
        assert call(boss, "?after=x").status_code == 404

    def test_a_table_is_text_to_every_spreadsheet(self, boss: str) -> None:
        team = Team.objects.get(slug="a")
        AuditEvent.record(actor=None, team=team, action="quota.set", target='=HYPERLINK("x")', before={"a": 1}, a=2)
        reply = call(boss, "?action=quota", "/api/v1/audit.csv")
        assert reply["Content-Type"] == "text/csv; charset=utf-8"
        text = reply.content.decode()
        assert all(line.startswith('"') for line in text.splitlines())
        row = next(iter(csv.DictReader(io.StringIO(text))))
        assert (row["target"], row["before"], row["after"]) == ('\'=HYPERLINK("x")', '{"a": 1}', '{"a": 2}')


class TestPage:
    def test_shows_an_administrator_all_and_an_owner_their_team(self, boss: str, admin: str) -> None:
        assert "root@example.com" in page("root@example.com").get("/audit").content.decode().split("<main")[1]
        seen = page("boss@example.com").get("/audit").content.decode().split("<main")[1]
        assert "boss@example.com" in seen
        assert "root@example.com" not in seen
        assert page("boss@example.com").get("/audit?team=b").status_code == 404

    def test_needs_no_team_of_an_administrator(self, boss: str) -> None:
        User.objects.create_user("lonely@example.com", is_staff=True)
        assert page("lonely@example.com").get("/audit").status_code == 200

    def test_says_before_and_after_in_the_readers_language(self, boss: str) -> None:
        create_api_key(email="worker@example.com", team_name="A", role="viewer")
        client = page("boss@example.com")
        client.cookies["luthier_language"] = "zh-hans"
        seen = client.get("/audit?action=member.role_changed", headers={"accept-language": "zh-CN"}).content.decode()
        assert "member → viewer" in seen
        assert "角色已更改" in seen

    def test_goes_on_to_older_ones_and_keeps_the_filter(self, boss: str) -> None:
        team = Team.objects.get(slug="a")
        for number in range(60):
            AuditEvent.record(actor=None, team=team, action="quota.set", target=f"number-{number}")
        client = page("boss@example.com")
        first = client.get("/audit?action=quota.set").content.decode()
        assert "number-59" in first
        assert "number-9<" not in first
        older = first.split('href="?')[1].split('"')[0].replace("&amp;", "&")
        second = client.get(f"/audit?{older}").content.decode()
        assert "number-9<" in second
        assert "number-59" not in second

    def test_says_what_is_wrong_with_a_filter(self, boss: str) -> None:
        reply = page("boss@example.com").get("/audit?from=soon")
        assert reply.status_code == 400
        assert "2026-11-28" in reply.content.decode()


def recorded_actions() -> set[str]:
    """Return every action that the code records."""
    found: set[str] = set()
    for path in (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")):
        source = path.read_text()
        for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
            if ast.unparse(call.func) == "AuditEvent.record":
                action = next(word.value for word in call.keywords if word.arg == "action")
                found |= set(_texts(action, source))
    return found


def _texts(action: ast.expr, source: str) -> Iterator[str]:
    """Yield what an expression may be: a text, one of two, the value of a name, or how an administrator's page did."""
    if isinstance(action, ast.IfExp):
        yield from (*_texts(action.body, source), *_texts(action.orelse, source))
    elif isinstance(action, ast.Name):
        # A constant of the module, or a parameter of what records for several.
        constants = re.findall(rf'^{action.id} = "(.*)"$', source, re.MULTILINE)
        yield from constants or re.findall(rf'{action.id}="(\w+\.\w+)"', source)
    elif isinstance(action, ast.JoinedStr):
        yield from (f"administration.{how}" for how in re.findall(r'"(added|changed|deleted)"', source))
    else:
        yield ast.literal_eval(action)


def test_every_action_has_its_words() -> None:
    assert recorded_actions() == set(ACTIONS)


def test_members_are_made_by_commands_with_a_trace(boss: str) -> None:
    assert Membership.objects.count() == 1
    actions = list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))
    assert actions == ["person.added", "team.created", "member.added", "api_key.created"]
