"""A team's people: seen by all of them, taken in, given roles and removed by owners, of whom one always stays."""

import json
from typing import Any

import pytest
from django.test import Client

from accounts import members
from accounts.models import ApiKey, AuditEvent, Membership, Team, User
from accounts.roles import RoleNeeded
from accounts.services import create_api_key
from common.errors import UserError

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


@pytest.fixture
def boss() -> str:
    """An owner's key."""
    return create_api_key(email="boss@example.com", team_name="A")


@pytest.fixture
def worker(boss: str) -> str:
    """A member's key."""
    return create_api_key(email="worker@example.com", team_name="A")


def call(secret: str, method: str, path: str = "", body: Any = None, team: str = "a") -> Any:
    headers = {"authorization": f"Bearer {secret}"}
    return Client().generic(
        method, f"/api/v1/teams/{team}/members{path}", "" if body is None else json.dumps(body),
        content_type="application/json", headers=headers,
    )  # fmt: skip


def id_of(name: str) -> int:
    return User.objects.get(email=f"{name}@example.com").pk


def roles() -> dict[str, str]:
    return dict(Membership.objects.filter(team__name="A").values_list("user__email", "role"))


def page(name: str) -> Client:
    client = Client()
    client.force_login(User.objects.get(email=f"{name}@example.com"))
    return client


class TestApi:
    def test_everybody_in_the_team_sees_who_is_in_it(self, boss: str, worker: str) -> None:
        create_api_key(email="stranger@example.com", team_name="B")
        found = call(worker, "GET").json()["data"]
        assert [(one["email"], one["role"]) for one in found] == [
            ("boss@example.com", "owner"),
            ("worker@example.com", "member"),
        ]
        assert call(worker, "GET", f"/{id_of('boss')}").json()["role"] == "owner"
        for unknown in (str(id_of("stranger")), "x", "9" * 30, "-1"):
            assert call(boss, "GET", f"/{unknown}").status_code == 404

    def test_an_owner_takes_in_gives_a_role_and_removes(self, boss: str) -> None:
        create_api_key(email="new@example.com", team_name="B")
        made = call(boss, "POST", body={"email": " New@example.com", "role": "viewer"})
        assert (made.status_code, made.json()["role"]) == (201, "viewer")
        path = f"/{made.json()['id']}"
        assert call(boss, "PATCH", path, {"role": "owner"}).json()["role"] == "owner"
        assert call(boss, "DELETE", path).json() == {"id": path[1:], "object": "member", "deleted": True}
        assert roles() == {"boss@example.com": "owner"}
        actions = AuditEvent.objects.filter(action__startswith="member.", actor_email="boss@example.com").order_by("pk")
        assert [event.action for event in actions] == ["member.added", "member.role_changed", "member.removed"]

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            ({"email": "nobody@example.com"}, 400, "unknown_person"),
            ({"email": "a\0b"}, 400, "invalid_value"),
            ({"email": "worker@example.com"}, 409, "member_exists"),
            ({"email": "worker@example.com", "role": "king"}, 400, "invalid_value"),
            ({}, 400, "invalid_value"),
            ({"email": "worker@example.com", "rule": "owner"}, 400, "invalid_value"),
        ],
    )
    def test_who_cannot_be_taken_in(self, boss: str, worker: str, body: Any, status: int, code: str) -> None:
        reply = call(boss, "POST", body=body)
        assert reply.status_code == status, reply.content
        assert reply.json()["error"]["code"] == code
        assert len(roles()) == 2

    def test_a_team_keeps_an_active_owner(self, boss: str, worker: str) -> None:
        path = f"/{id_of('boss')}"
        Membership.objects.filter(user__email="worker@example.com").update(role="owner")
        User.objects.filter(email="worker@example.com").update(is_active=False)
        for reply in (call(boss, "PATCH", path, {"role": "member"}), call(boss, "DELETE", path)):
            assert (reply.status_code, reply.json()["error"]["code"]) == (409, "last_owner")
        User.objects.update(is_active=True)
        assert call(boss, "PATCH", path, {"role": "member"}).status_code == 200

    def test_nobody_comes_into_the_platforms_own_team(self, boss: str) -> None:
        Team.objects.platform()
        admin = create_api_key(email="root@example.com", team_name="B", admin=True)
        headers = {"authorization": f"Bearer {admin}"}
        for method in ("GET", "POST"):
            reply = Client().generic(
                method, "/api/v1/teams/platform/members", '{"email": "boss@example.com"}',
                content_type="application/json", headers=headers,
            )  # fmt: skip
            assert reply.status_code == 404
        with pytest.raises(UserError, match="platform's own team"):
            create_api_key(email="boss@example.com", team_name="platform")
        assert not Membership.objects.filter(team__is_platform=True).exists()

    def test_who_lost_the_role_a_moment_ago_changes_nothing(self, boss: str, worker: str) -> None:
        """As where two owners take each other's role at once: both were allowed in, one comes first."""
        create_api_key(email="new@example.com", team_name="B")
        ousted, team = User.objects.get(email="worker@example.com"), Team.objects.get(name="A")
        for attempt in (
            lambda: members.change_role(
                membership=members.get_member(team=team, member_id=str(ousted.pk)), role="owner", by=ousted
            ),
            lambda: members.remove_member(
                membership=members.get_member(team=team, member_id=str(id_of("boss"))), by=ousted
            ),
            lambda: members.add_member(team=team, email="new@example.com", by=ousted),
        ):
            with pytest.raises(RoleNeeded):
                attempt()
        assert roles() == {"boss@example.com": "owner", "worker@example.com": "member"}

    def test_a_removed_persons_keys_do_not_come_back_with_them(self, boss: str, worker: str) -> None:
        elsewhere = create_api_key(email="worker@example.com", team_name="B")
        call(boss, "DELETE", f"/{id_of('worker')}")
        assert ApiKey.find(worker) is None
        call(boss, "POST", body={"email": "worker@example.com"})
        assert ApiKey.find(worker) is None
        assert ApiKey.find(elsewhere) is not None

    def test_a_removed_persons_work_stays_and_is_the_owners(self, boss: str, worker: str) -> None:
        made = Client().post(
            "/api/v1/recipes/identity",
            {"name": "小智", "maker": "360智汇云"},
            content_type="application/json",
            headers={"authorization": f"Bearer {worker}"},
        )
        call(boss, "DELETE", f"/{id_of('worker')}")
        path = f"/v1/files/{made.json()['id']}"
        assert Client().delete(path, headers={"authorization": f"Bearer {boss}"}).status_code == 200


class TestWhichTeam:
    def test_a_key_opens_its_own_team_alone(self, boss: str) -> None:
        elsewhere = create_api_key(email="boss@example.com", team_name="B")
        assert call(elsewhere, "GET", team="b").status_code == 200
        for team in ("a", "nowhere", "%00"):
            reply = call(elsewhere, "POST", body={"email": "worker@example.com"}, team=team)
            assert (reply.status_code, reply.json()["error"]["code"]) == (404, "team_not_found")

    def test_a_person_in_the_console_has_all_of_theirs(self, boss: str, worker: str) -> None:
        create_api_key(email="worker@example.com", team_name="B")
        for team, number in (("a", 2), ("B", 1)):
            assert len(page("worker").get(f"/api/v1/teams/{team}/members").json()["data"]) == number
        assert page("boss").get("/api/v1/teams/b/members").status_code == 404

    def test_an_administrator_has_every_team_by_a_key_made_for_it(self, boss: str) -> None:
        asked = {"email": "new@example.com", "team_name": "B"}
        admins = create_api_key(**asked, admin=True)
        for secret, status in ((admins, 201), (create_api_key(**asked), 404)):
            reply = call(secret, "POST", body={"email": "new@example.com"})
            assert reply.status_code == status


class TestPage:
    def test_an_owner_takes_in_gives_a_role_and_removes(self, boss: str, worker: str) -> None:
        create_api_key(email="new@example.com", team_name="B")
        client = page("boss")
        assert client.post("/members", {"email": "new@example.com", "role": "viewer"}).status_code == 302
        assert client.post(f"/members/{id_of('new')}/role", {"role": "member"}).status_code == 302
        assert roles()["new@example.com"] == "member"
        reply = client.post(f"/members/{id_of('new')}/remove", follow=True)
        assert "new@example.com was removed." in reply.content.decode()
        assert "new@example.com" not in roles()

    def test_what_is_refused_is_said_there(self, boss: str, worker: str) -> None:
        client = page("boss")
        client.defaults["HTTP_ACCEPT_LANGUAGE"] = "zh-hans"
        reply = client.post("/members", {"email": "nobody@example.com"})
        assert reply.status_code == 400
        assert "这里没有人使用邮箱" in reply.content.decode()
        for verb in ("role", "remove"):
            reply = client.post(f"/members/{id_of('boss')}/{verb}", {"role": "viewer"}, follow=True)
            assert "唯一的所有者" in reply.content.decode()
        reply = client.post(f"/members/{id_of('worker')}/role", {"role": "king"}, follow=True)
        assert "king 不在可用的选项中" in reply.content.decode()
        assert roles() == {"boss@example.com": "owner", "worker@example.com": "member"}

    def test_others_see_the_people_and_no_form(self, boss: str, worker: str) -> None:
        seen = page("worker").get("/members").content.decode().split("<main")[1]
        assert "boss@example.com" in seen
        assert 'method="post"' not in seen

    def test_another_teams_people_are_not_there(self, boss: str) -> None:
        create_api_key(email="stranger@example.com", team_name="B")
        assert page("boss").post(f"/members/{id_of('stranger')}/remove").status_code == 404
        assert Team.objects.get(name="B").memberships.exists()
