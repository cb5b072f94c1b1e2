"""Guessing a password: counted before it is looked at, per account and per address, with or without a broker."""

from typing import Any

import pytest
from django.test import Client

from accounts import views
from accounts.models import User
from accounts.views import GUESSES
from common import valkey

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
PASSWORD = "a long enough one"


@pytest.fixture(autouse=True)
def alice() -> User:
    valkey.client().flushdb()
    valkey._counts.clear()
    return User.objects.create_user("alice@example.com", PASSWORD)


@pytest.fixture(params=[False, True], ids=["broker", "no broker"])
def no_broker(request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param:

        def away() -> None:
            raise OSError("connection refused")

        monkeypatch.setattr(valkey, "client", away)


def sign_in(password: str, email: str = "alice@example.com", address: str = "203.0.113.7") -> int:
    form = {"email": email, "password": password}
    return Client(REMOTE_ADDR=address).post("/sign-in", form).status_code


@pytest.mark.usefixtures("no_broker")
class TestGuessing:
    def test_a_right_guess_within_the_lock_is_refused(self) -> None:
        assert {sign_in(f"guess {n}") for n in range(GUESSES)} == {401}
        assert sign_in(PASSWORD) == 429

    def test_other_addresses_share_the_accounts_count(self) -> None:
        for number in range(GUESSES):
            sign_in("guess", address=f"203.0.113.{number}")
        assert sign_in("guess", address="198.51.100.1") == 429

    def test_other_accounts_share_the_addresses_count(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(views, "GUESSES_FROM_ADDRESS", 5)
        assert {sign_in("guess", email=f"{n}@example.com") for n in range(5)} == {401}
        assert sign_in("guess", email="another@example.com") == 429
        assert sign_in("guess", email="another@example.com", address="198.51.100.1") == 401

    def test_who_signs_in_begins_anew(self) -> None:
        for _ in range(3):
            for _ in range(GUESSES - 1):
                sign_in("mistyped")
            assert sign_in(PASSWORD) == 302


def test_the_admin_site_has_no_door_of_its_own() -> None:
    reply = Client().post("/admin/login/?next=/admin/", {"username": "alice@example.com", "password": PASSWORD})
    assert (reply.status_code, reply["location"]) == (302, "/sign-in?next=%2Fadmin%2F")


@pytest.mark.parametrize(("is_staff", "status"), [(False, 403), (True, 200)])
def test_somebody_who_is_signed_in_is_not_sent_round(alice: User, is_staff: bool, status: int) -> None:
    User.objects.update(is_staff=is_staff, is_superuser=is_staff)
    client = Client()
    client.force_login(User.objects.get(pk=alice.pk))
    assert client.get("/admin/", follow=True).status_code == status
