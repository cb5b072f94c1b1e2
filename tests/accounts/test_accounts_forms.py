"""Forms of people: what is wrong is said at its field, in both languages, and nothing is written."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import ApiKey, Membership, User
from accounts.services import create_api_key
from tests.console.forms import error_at, forms_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
REQUIRED = {"en": "This field is required.", "zh-hans": "该字段是必填项。"}


@pytest.fixture
def boss() -> User:
    """The owner of a team with a worker."""
    create_api_key(email="boss@example.com", team_name="A")
    create_api_key(email="worker@example.com", team_name="A")
    return User.objects.get(email="boss@example.com")


@pytest.fixture
def client(boss: User) -> Client:
    client = Client()
    client.force_login(boss)
    return client


@pytest.mark.parametrize("language", REQUIRED)
def test_signing_in_names_what_is_missing_and_keeps_the_email(language: str) -> None:
    reply = Client(headers={"accept-language": language}).post("/sign-in", {"email": "a@example.com"})
    assert (reply.status_code, error_at(reply, "password")) == (400, REQUIRED[language])
    assert forms_of(reply, "/sign-in")[0].fields["email"] == ["a@example.com"]


def test_a_password_is_never_sent_back() -> None:
    reply = Client().post("/sign-in", {"email": "a@example.com", "password": "hunter2"})
    assert reply.status_code == 401
    assert "hunter2" not in reply.content.decode()


def test_a_keys_description_that_is_too_long(client: Client) -> None:
    known = ApiKey.objects.count()
    reply = client.post("/keys", {"name": "x" * 101})
    assert reply.status_code == 400
    assert error_at(reply, "name") == "Ensure this value has at most 100 characters (it has 101)."
    assert f'value="{"x" * 101}"' in reply.content.decode()
    assert ApiKey.objects.count() == known


@pytest.mark.parametrize(
    ("filled", "field", "status", "sentence"),
    [
        ({"email": "nobody@example.com"}, "email", 400, "nobody@example.com"),
        ({"email": "worker@example.com"}, "email", 409, "worker@example.com"),
        ({"email": "x" * 255}, "email", 400, "at most 254 characters"),
        ({"email": "worker@example.com", "role": "king"}, "role", 400, "Select a valid choice."),
    ],
)
def test_who_cannot_be_added(client: Client, filled: Any, field: str, status: int, sentence: str) -> None:
    reply = client.post("/members", filled)
    assert reply.status_code == status
    assert sentence in error_at(reply, field)
    assert f'value="{filled["email"]}"' in reply.content.decode()
    assert Membership.objects.count() == 2


def test_a_role_that_is_none_is_refused_in_its_row(client: Client) -> None:
    worker = User.objects.get(email="worker@example.com")
    reply = client.post(f"/members/{worker.pk}/role", {"role": "king"})
    assert reply.status_code == 400
    assert "Select a valid choice." in error_at(reply, f"member-{worker.pk}-role")
    assert worker.memberships.get().role == "member"


def test_the_last_owner_keeps_the_role(client: Client, boss: User) -> None:
    reply = client.post(f"/members/{boss.pk}/role", {"role": "viewer"})
    assert (reply.status_code, boss.memberships.get().role) == (409, "owner")
    assert "only owner" in reply.content.decode()
