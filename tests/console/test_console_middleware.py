"""Odd requests end in a plain sentence on every page and route: NUL, no team, unknown names."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.services import create_api_key

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
PAGES = ("/", "/datasets", "/jobs", "/jobs/new", "/deployments", "/keys")


@pytest.fixture
def member() -> Client:
    create_api_key(email="alice@example.com", team_name="Research")
    return signed_in(User.objects.get(email="alice@example.com"))


@pytest.fixture
def loner() -> Client:
    return signed_in(User.objects.create_user(email="bob@example.com", password="a long enough one"))


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


class TestNoTeam:
    @pytest.mark.parametrize("path", PAGES)
    def test_every_page_says_so(self, loner: Client, path: str) -> None:
        reply = loner.get(path)
        assert reply.status_code == 403
        assert "You belong to no team yet." in reply.content.decode()

    @pytest.mark.parametrize("path", ["/keys", "/datasets/upload", "/jobs/new", "/deployments"])
    def test_no_form_fails_otherwise(self, loner: Client, path: str) -> None:
        assert loner.post(path, {"name": "x"}).status_code == 403

    def test_he_may_go_and_choose_a_language(self, loner: Client) -> None:
        assert loner.post("/preferences", {"language": "en"}).status_code == 302
        assert loner.post("/sign-out").status_code == 302

    @pytest.mark.parametrize("path", ["/catalogue", "/pool"])
    def test_an_administrator_needs_none_for_what_is_the_platforms(self, loner: Client, path: str) -> None:
        User.objects.update(is_staff=True)
        assert loner.get(path).status_code == 200

    def test_pages_of_members_are_as_before(self, member: Client) -> None:
        assert [member.get(path).status_code for path in PAGES] == [200] * len(PAGES)


class TestNul:
    @pytest.mark.parametrize("path", ["/team", "/keys", "/preferences"])
    def test_in_a_form(self, member: Client, path: str) -> None:
        reply = member.post(path, {"name": "a\0b", "team": "\0", "next": "\0"})
        assert reply.status_code in (400, 404)

    def test_says_what_is_wrong(self, member: Client) -> None:
        assert "contains a NUL character" in member.post("/keys", {"name": "a\0b"}).content.decode()


class TestTeam:
    @pytest.mark.parametrize("team", ["abc", "", "-1", "1.5", "９", "99999999999999999999", "0"])
    def test_a_team_that_is_no_number_changes_nothing(self, member: Client, team: str) -> None:
        assert member.post(reverse("choose_team"), {"team": team}).status_code == 302


class TestHosts:
    def test_an_unknown_name_is_told_the_setting(self, member: Client) -> None:
        page = member.get("/", headers={"host": "evil.example"})
        assert page.status_code == 400
        assert "LUTHIER_ALLOWED_HOSTS" in page.content.decode()
        found = member.get("/v1/models", headers={"host": "evil.example"})
        assert (found.status_code, found.json()["error"]["code"]) == (400, "unknown_host")

    @pytest.mark.parametrize("name", ["localhost", "127.0.0.1:8000", "[::1]"])
    def test_this_machine_is_known(self, member: Client, name: str) -> None:
        assert member.get("/", headers={"host": name}).status_code == 200
