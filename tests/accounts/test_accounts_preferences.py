"""Language and theme follow a person to every browser; what a browser was told goes before."""

import pytest
from django.test import Client

from accounts.models import User
from common import valkey

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
PASSWORD = "a long enough one"


@pytest.fixture(autouse=True)
def alice() -> User:
    valkey.client().flushdb()
    valkey._counts.clear()
    return User.objects.create_user("alice@example.com", PASSWORD)


def sign_in(client: Client) -> None:
    assert client.post("/sign-in", {"email": "alice@example.com", "password": PASSWORD}).status_code == 302


def test_a_choice_is_taken_up_by_another_browser(alice: User) -> None:
    one, other = Client(), Client()
    sign_in(one)
    assert "luthier_theme" not in one.cookies
    one.post("/preferences", {"language": "zh-hans"})
    one.post("/preferences", {"theme": "dark"})
    alice.refresh_from_db()
    assert (alice.language, alice.theme) == ("zh-hans", "dark")
    sign_in(other)
    assert other.get("/jobs", headers={"Accept-Language": "en"}).headers["Content-Language"] == "zh-hans"
    assert other.cookies["luthier_theme"].value == "dark"


def test_what_a_browser_was_told_goes_before(alice: User) -> None:
    User.objects.update(language="zh-hans", theme="dark")
    client = Client()
    client.post("/preferences", {"language": "en"})
    sign_in(client)
    assert client.get("/jobs", headers={"Accept-Language": "zh-hans"}).headers["Content-Language"] == "en"
    alice.refresh_from_db()
    assert alice.language == "zh-hans", "a stranger's choice is no person's"


def test_only_what_there_is_is_kept(alice: User) -> None:
    client = Client()
    sign_in(client)
    client.post("/preferences", {"language": "tlh", "theme": "pink"})
    alice.refresh_from_db()
    assert (alice.language, alice.theme) == ("", "")
