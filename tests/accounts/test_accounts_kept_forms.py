"""A form that is sent when the session has expired comes back as it was left; one that is sent twice counts once."""

from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.http import HttpResponse, QueryDict
from django.test import Client
from django.utils import timezone

from accounts import kept_forms
from accounts.kept_forms import refilled
from accounts.models import ApiKey, Membership, Team, User
from common import valkey
from console import retention
from tests.console.forms import form_at, forms_of, sent_twice

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
PASSWORD = "a long enough one"


@pytest.fixture(autouse=True)
def alice() -> User:
    valkey.client().flushdb()
    valkey._counts.clear()
    return person("alice@example.com")


@pytest.fixture
def client(alice: User) -> Client:
    """Return a browser in which Alice is signed in, and which checks forms as a real one's are."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    return client


def person(email: str) -> User:
    user = User.objects.create_user(email, PASSWORD)
    team, _ = Team.objects.get_or_create(name="Violins", defaults={"slug": "violins"})
    Membership.objects.create(team=team, user=user, role=Membership.Role.OWNER)
    return user


def expired(client: Client, **fields: Any) -> Any:
    """Fill in the form of a new key, let the session expire, and send it; return the answer."""
    filled = form_at(client, "/keys", **fields)
    Session.objects.all().delete()
    return client.post("/keys", filled)


def sign_in(client: Client, address: str, email: str = "alice@example.com") -> Any:
    form = form_at(client, address, email=email, password=PASSWORD)
    return client.post(address, form, follow=True)


class TestExpiredSessions:
    def test_the_form_comes_back_as_it_was_left(self, client: Client) -> None:
        reply = expired(client, name='für die <Nacht> & "mehr"')
        assert reply.status_code == 302
        assert reply.url == "/sign-in?next=/keys"
        page = sign_in(client, reply.url)
        assert page.redirect_chain == [("/keys", 302)]
        form = next(one for one in forms_of(page, "/keys") if one.action == "/keys")
        assert form.fields["name"] == ['für die <Nacht> & "mehr"']
        assert not ApiKey.objects.exists()
        assert client.post("/keys", form.fields).status_code == 200
        assert ApiKey.objects.get().name == 'für die <Nacht> & "mehr"'

    def test_once(self, client: Client) -> None:
        page = sign_in(client, expired(client, name="abc-123").url)
        assert "abc-123" in page.content.decode()
        assert "abc-123" not in client.get("/keys").content.decode()

    def test_after_a_wrong_password_too(self, client: Client) -> None:
        reply = expired(client, name="abc-123")
        wrong = form_at(client, reply.url, email="alice@example.com", password="mistyped")
        assert client.post(reply.url, wrong).status_code == 401
        assert "abc-123" in sign_in(client, reply.url).content.decode()

    def test_not_to_somebody_else(self, client: Client) -> None:
        person("bob@example.com")
        assert "abc-123" not in sign_in(client, expired(client, name="abc-123").url, "bob@example.com").content.decode()

    def test_the_session_that_follows_lasts_as_long_as_any(self, client: Client) -> None:
        sign_in(client, expired(client, name="abc-123").url)
        assert client.session.get_expiry_age() == settings.SESSION_COOKIE_AGE

    def test_a_button_leads_back_to_its_page(self, client: Client) -> None:
        """Its own address answers no GET."""
        token = form_at(client, "/keys")["csrfmiddlewaretoken"]
        Session.objects.all().delete()
        referer = {"referer": "http://testserver/jobs?page=2"}
        reply = client.post("/jobs/ftjob-1/pause", {"csrfmiddlewaretoken": token}, headers=referer)
        assert reply.url == "/sign-in?next=/jobs%3Fpage%3D2"

    def test_an_address_elsewhere_is_no_page_of_ours(self, client: Client) -> None:
        filled = form_at(client, "/keys")
        Session.objects.all().delete()
        reply = Client().post("/keys", filled, headers={"referer": "https://elsewhere.example/keys"})
        assert reply.url == "/sign-in?next=/keys"

    def test_strangers_fill_no_database(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(kept_forms, "FORMS_FROM_ADDRESS", 3)
        form = {"form_key": "1-x", "name": "x"}
        assert Client().post("/keys", {**form, "name": "x" * 70_000}).url == "/sign-in?next=/keys"
        assert not Session.objects.exists()
        for _ in range(10):
            assert Client().post("/keys", form).status_code == 302
        assert Session.objects.count() == 3
        Session.objects.update(expire_date=timezone.now())
        retention.sweep_database()
        assert not Session.objects.exists()

    def test_signing_out_keeps_nothing(self, client: Client) -> None:
        token = form_at(client, "/keys")["csrfmiddlewaretoken"]
        reply = client.post("/sign-out", {"csrfmiddlewaretoken": token})
        assert reply.url == "/sign-in"


class TestSentTwice:
    def test_a_key_is_made_once_and_its_secret_is_shown_once(self, alice: User) -> None:
        client = Client()
        client.force_login(alice)
        first, second = sent_twice(client, "/keys", name="abc-123")
        assert "sk-luthier-" in first.content.decode()
        assert second.url == "/keys"
        assert "was shown once" in client.get("/keys").content.decode()
        assert ApiKey.objects.count() == 1

    def test_a_changed_form_is_another_wish_and_one_opened_anew_as_well(self, alice: User) -> None:
        client = Client()
        client.force_login(alice)
        form = form_at(client, "/keys", name="abc-123")
        for filled in (form, {**form, "name": "daily"}, form_at(client, "/keys", name="abc-123")):
            assert client.post("/keys", filled).status_code == 200
        assert ApiKey.objects.count() == 3


PAGE = """<p>Not &lt;here&gt;</p>
<form method="get" action="/x"><input name="a" value="1"></form>
<details class="panel"><summary>S</summary>
<form method="post" action="/x"><input type="hidden" name="form_key" value="k"><input name="a" value="old"
 required><input name="b"><input type="checkbox" name="c" value="1"><input type="checkbox" name="c" value="2" checked>
<input type="radio" name="r" value="1" checked><input type="radio" name="r" value="2"><textarea name="t">old</textarea>
<select name="s"><option value="">none</option><option value="1" selected>1</option>
<option value="2">2</option></select>
<details><summary>M</summary><input name="d" value="same"></details><details><input name="e"></details>
<button name="a" value="go">Go</button></form></details><form method="post" action="/y">
<input name="a" value="1"></form>"""


def test_every_kind_of_field_is_filled_in() -> None:
    fields = QueryDict("a=new%22%3E&c=1&r=2&t=%3C%2Ftextarea%3E&s=2&d=same&e=1")
    text = refilled(PAGE, page="/page", action="/x", fields=fields)
    [form, other] = [one for one in forms_of_text(text) if one.action in ("/x", "/y")]
    assert form.fields == {
        "form_key": ["k"], "a": ['new">'], "b": [""], "c": ["1"], "r": ["2"], "t": ["</textarea>"], "s": ["2"],
        "d": ["same"], "e": ["1"],
    }  # fmt: skip
    assert other.fields == {"a": ["1"]}
    assert not form.is_folded
    assert text.count("<details open>") == 1, "the one with a changed field"
    assert '<form method="get" action="/x"><input name="a" value="1"></form>' in text
    assert refilled(PAGE, page="/page", action="/nowhere", fields=fields) == PAGE


def forms_of_text(text: str) -> Any:
    return forms_of(HttpResponse(text))
