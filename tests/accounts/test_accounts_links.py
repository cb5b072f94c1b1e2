"""Invitations and new passwords by links that work once; passwords that people change; teams made and named."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEvent, Link, Membership, Team, User
from accounts.services import create_api_key
from accounts.views import GUESSES
from common import valkey
from console import retention
from tests.console.forms import error_at, form_at

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
PASSWORD = "violins and cellos"
OTHER = "a bow and a bridge"


@pytest.fixture(autouse=True)
def no_attempts() -> None:
    valkey.client().flushdb()


@pytest.fixture
def boss() -> str:
    """An owner's key."""
    return create_api_key(email="boss@example.com", team_name="A")


@pytest.fixture
def admin() -> str:
    """An administrator's key."""
    return create_api_key(email="root@example.com", team_name="B", admin=True)


def call(secret: str, method: str, path: str, body: Any = None) -> Any:
    return Client().generic(
        method, f"/api/v1/teams{path}", "" if body is None else json.dumps(body), content_type="application/json",
        headers={"authorization": f"Bearer {secret}"},
    )  # fmt: skip


def signed_in(email: str) -> Client:
    client = Client()
    client.force_login(User.objects.get(email=email))
    return client


def invited(secret: str, email: str = "new@example.com", role: str = "viewer") -> str:
    """Return the path of an invitation."""
    made = call(secret, "POST", "/a/invitations", {"email": email, "role": role})
    assert made.status_code == 201, made.content
    return path_of(made.json()["url"])


def path_of(url: str) -> str:
    return "/" + url.split("/", 3)[3]


def chosen(password: str = PASSWORD, **more: str) -> dict[str, str]:
    return {"password": password, "password_again": password, **more}


def can_sign_in(email: str, password: str) -> bool:
    return Client().post("/sign-in", {"email": email, "password": password}).status_code == 302


class TestInvitation:
    def test_makes_an_account_and_a_member_once(self, boss: str) -> None:
        path = invited(boss)
        client = Client()
        assert "new@example.com" in client.get(path).content.decode()
        assert client.post(path, chosen(name="Nora")).status_code == 302
        member = Membership.objects.get(user__email="new@example.com")
        assert (member.team.name, member.role, member.user.name) == ("A", "viewer", "Nora")
        assert client.get("/").status_code == 200
        assert can_sign_in("new@example.com", PASSWORD)
        assert Client().get(path).status_code == 404
        assert Client().post(path, chosen()).status_code == 404
        actions = AuditEvent.objects.order_by("pk").values_list("action", flat=True)
        assert list(actions)[-4:] == ["member.invited", "person.added", "member.added", "sign_in.succeeded"]

    def test_rests_as_a_hash_and_is_said_once(self, boss: str) -> None:
        token = invited(boss).rpartition("/")[2]
        assert len(token) >= 43
        assert token not in json.dumps(list(Link.objects.values()), default=str)
        assert token not in json.dumps(list(AuditEvent.objects.values()), default=str)
        listed = call(boss, "GET", "/a/invitations").json()["data"]
        assert [(one["email"], one["role"], one["invited_by"]) for one in listed] == [
            ("new@example.com", "viewer", "boss@example.com")
        ]
        assert "url" not in listed[0]

    def test_gives_nobody_an_account_that_there_is(self, boss: str) -> None:
        create_api_key(email="known@example.com", team_name="B")
        path = invited(boss, "known@example.com")
        page = Client().get(path)
        assert 'name="password"' not in page.content.decode()
        assert Client().post(path, chosen()).status_code == 403
        assert signed_in("boss@example.com").post(path, chosen()).status_code == 403
        assert not User.objects.get(email="known@example.com").has_usable_password()
        assert signed_in("known@example.com").post(path).status_code == 302
        assert set(Team.objects.of(User.objects.get(email="known@example.com")).values_list("name", flat=True)) == {
            "A",
            "B",
        }

    def test_of_one_that_was_made_meanwhile_does_not_change_its_password(self, boss: str) -> None:
        path = invited(boss)
        Client().get(path)
        create_api_key(email="new@example.com", team_name="B")
        assert Client().post(path, chosen()).status_code == 403
        assert not User.objects.get(email="new@example.com").has_usable_password()

    @pytest.mark.parametrize("end", ["revoked", "expired", "replaced", "its owner left"])
    def test_works_no_more(self, boss: str, end: str) -> None:
        path = invited(boss)
        link = Link.objects.get()
        if end == "revoked":
            assert call(boss, "DELETE", f"/a/invitations/{link.pk}").status_code == 200
        elif end == "expired":
            Link.objects.update(expires_at=timezone.now())
        elif end == "replaced":
            invited(boss)
        else:
            create_api_key(email="other@example.com", team_name="A", role="owner")
            owner = User.objects.get(email="boss@example.com")
            assert call(boss, "DELETE", f"/a/members/{owner.pk}").status_code == 200
        assert Client().get(path).status_code == 404
        assert Client().post(path, chosen()).status_code == 404
        assert not User.objects.filter(email="new@example.com").exists()

    def test_is_the_owners_and_the_teams(self, boss: str, admin: str) -> None:
        path = invited(boss)
        link = Link.objects.get()
        for role in ("viewer", "member"):
            other = create_api_key(email=f"{role}@example.com", team_name="A", role=role)
            for method, where in (("GET", ""), ("POST", ""), ("DELETE", f"/{link.pk}")):
                assert call(other, method, f"/a/invitations{where}", None).status_code == 403
        foreign = create_api_key(email="far@example.com", team_name="C")
        assert call(foreign, "GET", "/a/invitations").status_code == 404
        assert call(foreign, "DELETE", f"/c/invitations/{link.pk}").status_code == 404
        assert signed_in("far@example.com").post(f"/members/invitations/{link.pk}/revoke").status_code == 404
        assert Client().get(path).status_code == 200
        assert call(admin, "DELETE", f"/a/invitations/{link.pk}").status_code == 200

    @pytest.mark.parametrize(
        ("email", "role", "status"), [("boss@example.com", "viewer", 409), ("x", "viewer", 400), ("a@b.c", "king", 400)]
    )
    def test_is_refused(self, boss: str, email: str, role: str, status: int) -> None:
        assert call(boss, "POST", "/a/invitations", {"email": email, "role": role}).status_code == status
        assert not Link.objects.exists()

    def test_by_page(self, boss: str) -> None:
        client = signed_in("boss@example.com")
        form = form_at(client, "/members", "/members/invite", email="new@example.com", role="member")
        page = client.post("/members/invite", form).content.decode()
        assert page.count("/invitation/") == 1
        again = client.post("/members/invite", form, follow=True).content.decode()
        assert "/invitation/" not in again
        assert "new@example.com" in again
        refused = client.post("/members/invite", {"email": "boss@example.com", "role": "member"})
        assert refused.status_code == 409
        assert "already in the team" in error_at(refused, "invitation-email")
        link = Link.objects.get()
        client.post(f"/members/invitations/{link.pk}/revoke")
        assert not Link.objects.open().exists()

    def test_that_is_long_over_is_deleted(self, boss: str) -> None:
        invited(boss)
        Link.objects.update(expires_at=timezone.now() - timedelta(days=29))
        retention.sweep_database()
        assert Link.objects.exists()
        Link.objects.update(expires_at=timezone.now() - timedelta(days=31))
        retention.sweep_database()
        assert not Link.objects.exists()


class TestNewPassword:
    def link(self, admin: str, email: str = "boss@example.com") -> Any:
        return call(admin, "POST", f"/a/members/{User.objects.get(email=email).pk}/password_link")

    def test_by_a_link_ends_every_session_and_works_once(self, boss: str, admin: str) -> None:
        user = User.objects.get(email="boss@example.com")
        user.set_password(OTHER)
        user.save()
        session = signed_in("boss@example.com")
        path = path_of(self.link(admin).json()["url"])
        assert Client().get(path).status_code == 200
        assert Client().post(path, chosen()).status_code == 302
        assert session.get("/")["Location"].startswith("/sign-in")
        assert can_sign_in("boss@example.com", PASSWORD)
        assert not can_sign_in("boss@example.com", OTHER)
        assert Client().post(path, chosen(OTHER)).status_code == 404
        assert AuditEvent.objects.filter(action="password.reset", actor=user).exists()

    def test_is_an_administrators_to_give(self, boss: str) -> None:
        assert self.link(boss).status_code == 403
        person = User.objects.get(email="boss@example.com")
        assert signed_in("boss@example.com").post(f"/people/{person.pk}/password-link").status_code == 403
        assert not Link.objects.exists()

    def test_by_page_is_shown_once(self, boss: str, admin: str) -> None:
        client = signed_in("root@example.com")
        person = User.objects.get(email="boss@example.com")
        page = client.post(f"/people/{person.pk}/password-link").content.decode()
        assert page.count("/new-password/") == 1
        assert "/new-password/" not in client.get("/teams").content.decode()

    def test_of_somebody_deactivated_cannot_be_chosen(self, boss: str, admin: str) -> None:
        path = path_of(self.link(admin).json()["url"])
        User.objects.filter(email="boss@example.com").update(is_active=False)
        assert Client().post(path, chosen()).status_code == 404

    def test_is_no_invitation(self, boss: str, admin: str) -> None:
        path = path_of(self.link(admin).json()["url"])
        assert Client().post(path.replace("new-password", "invitation"), chosen()).status_code == 404
        assert Client().post(invited(boss).replace("invitation", "new-password"), chosen()).status_code == 404

    @pytest.mark.parametrize(
        ("password", "said"),
        [
            ("short", "too short"),
            ("password123", "too common"),
            ("73948571039485", "entirely numeric"),
            ("boss@example.com", "too similar"),
        ],
    )
    def test_that_is_weak_is_refused_at_its_field(self, boss: str, admin: str, password: str, said: str) -> None:
        reply = Client().post(path_of(self.link(admin).json()["url"]), chosen(password))
        assert reply.status_code == 400
        assert said in error_at(reply, "password")

    def test_must_be_typed_twice_alike(self, boss: str, admin: str) -> None:
        path = path_of(self.link(admin).json()["url"])
        reply = Client().post(path, {"password": PASSWORD, "password_again": OTHER})
        assert "differ" in error_at(reply, "password_again")
        assert Link.objects.open().exists()


class TestOwnPassword:
    @pytest.fixture
    def alice(self) -> User:
        return User.objects.create_user("alice@example.com", PASSWORD)

    def test_ends_other_sessions_and_keeps_this_one(self, alice: User) -> None:
        here, there = Client(), Client()
        for client in (here, there):
            client.post("/sign-in", {"email": alice.email, "password": PASSWORD})
        assert here.post("/password", chosen(OTHER, old_password=PASSWORD)).status_code == 302
        assert here.get("/password").status_code == 200
        assert there.get("/password").status_code == 302
        assert can_sign_in(alice.email, OTHER)
        assert AuditEvent.objects.filter(action="password.changed", actor=alice).exists()

    def test_asks_for_the_old_one(self, alice: User) -> None:
        client = signed_in(alice.email)
        reply = client.post("/password", chosen(OTHER, old_password="wrong"))
        assert "not your current password" in error_at(reply, "old_password")
        assert can_sign_in(alice.email, PASSWORD)

    def test_cannot_be_guessed_by_a_session_that_was_left_open(self, alice: User) -> None:
        client = signed_in(alice.email)
        for _ in range(GUESSES):
            client.post("/password", chosen(OTHER, old_password="wrong"))
        assert client.post("/password", chosen(OTHER, old_password=PASSWORD)).status_code == 429
        assert can_sign_in(alice.email, PASSWORD)

    def test_is_kept_in_no_session_that_has_expired(self, alice: User) -> None:
        form = form_at(signed_in(alice.email), "/password", **chosen(OTHER, old_password=PASSWORD))
        stranger = Client()
        stranger.post("/password", form)
        assert PASSWORD not in json.dumps(dict(stranger.session.items()))
        assert OTHER not in json.dumps(dict(stranger.session.items()))


class TestTeams:
    def test_are_made_and_named_by_administrators(self, boss: str, admin: str) -> None:
        made = call(admin, "POST", "", {"name": " Alto  voices "})
        assert (made.status_code, made.json()["id"], made.json()["name"]) == (201, "alto-voices", "Alto voices")
        named = call(admin, "PATCH", "/alto-voices", {"name": "Altos"})
        assert (named.json()["id"], named.json()["name"]) == ("alto-voices", "Altos")
        event = AuditEvent.objects.get(action="team.renamed")
        assert (event.before, event.after) == ({"name": "Alto voices"}, {"name": "Altos"})
        assert call(boss, "POST", "", {"name": "Mine"}).status_code == 403
        assert call(boss, "PATCH", "/a", {"name": "Mine"}).status_code == 403

    def test_are_seen_by_whoever_is_in_them(self, boss: str, admin: str) -> None:
        assert [team["id"] for team in call(boss, "GET", "").json()["data"]] == ["a"]
        assert [team["id"] for team in call(admin, "GET", "").json()["data"]] == ["a", "b"]
        assert call(boss, "GET", "/b").status_code == 404

    @pytest.mark.parametrize(("name", "status"), [("A", 409), (" ", 400), ("Platform", 400), ("x" * 101, 400)])
    def test_of_a_bad_name_are_refused(self, boss: str, admin: str, name: str, status: int) -> None:
        assert call(admin, "POST", "", {"name": name}).status_code == status
        assert call(admin, "PATCH", "/b", {"name": name}).status_code == status
        assert set(Team.objects.values_list("name", flat=True)) == {"A", "B"}

    def test_by_page(self, boss: str, admin: str) -> None:
        client = signed_in("root@example.com")
        assert client.post("/teams", {"name": "Altos"}).status_code == 302
        team = Team.objects.get(name="Altos")
        refused = client.post(f"/teams/{team.pk}/name", {"name": "A"})
        assert (refused.status_code, "already" in error_at(refused, f"team-{team.pk}-name")) == (409, True)
        assert client.post(f"/teams/{team.pk}/name", {"name": "Tenors"}).status_code == 302
        found = client.get("/teams?q=boss").content.decode()
        assert "boss@example.com" in found
        assert "root@example.com" not in found.split("<main")[1]
        assert signed_in("boss@example.com").get("/teams").status_code == 403
