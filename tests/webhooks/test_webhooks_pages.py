"""The pages of webhooks: made with a secret that is shown once, tried out, changed, and what was sent sent again."""

import re
from typing import Any

import pytest
from django.test import Client

from accounts.models import Membership, Team, User
from tests.console.forms import error_at
from tests.receiver import Receiver
from tests.webhooks.conftest import KINDS
from webhooks.delivering import deliver_due
from webhooks.models import Delivery, Webhook
from webhooks.outbox import announce

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


def browser(email: str) -> Client:
    client = Client()
    client.force_login(User.objects.get(email=email))
    return client


@pytest.fixture
def page(alice: str) -> Client:
    return browser("alice@example.com")


def fields(receiver: Receiver, **others: Any) -> dict[str, Any]:
    return {
        "url": receiver.url,
        "name": "mine",
        "event_types": KINDS[:2],
        "form": "standard",
        "form_key": "k1",
        **others,
    }


def text(reply: Any) -> str:
    return str(reply.content.decode())


class TestMaking:
    def test_shows_the_secret_once(self, page: Client, receiver: Receiver) -> None:
        reply = page.post("/webhooks", fields(receiver))
        [secret] = re.findall(r"whsec_[A-Za-z0-9+/]{40}", text(reply))
        found = Webhook.objects.get()
        assert (found.secrets, found.event_types, found.url) == ([secret], KINDS[:2], receiver.url)
        again = page.post("/webhooks", fields(receiver), follow=True)
        assert Webhook.objects.count() == 1
        assert "already been shown once" in text(again)
        for address in ("/webhooks", f"/webhooks/{found.pk}"):
            shown = text(page.get(address))
            assert secret not in shown
            assert receiver.url in shown

    @pytest.mark.parametrize(
        ("change", "field", "sentence"),
        [
            ({"url": "http://10.1.2.3/"}, "url", "not on the public internet"),
            ({"url": "example.com"}, "url", "must begin with https://"),
            ({"event_types": []}, "event_types", "Choose at least one event"),
            ({"event_types": ["a"]}, "event_types", "valid choice"),
        ],
    )
    def test_says_at_the_field_what_cannot_be(
        self, page: Client, receiver: Receiver, change: Any, field: str, sentence: str
    ) -> None:
        reply = page.post("/webhooks", fields(receiver, **change))
        assert reply.status_code == 400
        assert sentence in (error_at(reply, field) if field == "url" else text(reply))
        assert not Webhook.objects.exists()


class TestOne:
    @pytest.fixture
    def address(self, webhook: tuple[Webhook, str]) -> str:
        return f"/webhooks/{webhook[0].pk}"

    def test_a_test_event_says_what_was_answered(self, page: Client, address: str, receiver: Receiver) -> None:
        asked = {"event_type": KINDS[1], "form_key": "k1"}
        arrived = page.post(f"{address}/test", asked, follow=True)
        assert "The test event arrived: HTTP 200." in text(arrived)
        assert KINDS[1].encode() in receiver.received[0].body
        page.post(f"{address}/test", asked)
        assert len(receiver.received) == 1, "two clicks are one"
        receiver.answer = lambda came: (500, {}, b"")
        failed = page.post(f"{address}/test", {**asked, "form_key": "k2"}, follow=True)
        assert "did not arrive. It answered with HTTP 500" in text(failed)
        assert page.post(f"{address}/test", {"event_type": "no"}).status_code == 400

    def test_what_was_sent_is_sent_again(self, page: Client, address: str, receiver: Receiver) -> None:
        announce(KINDS[0], team=Team.objects.get(name="A"), data={"id": "ftjob-1"})
        assert "Being sent" in text(page.get(address))
        deliver_due()
        sent = Delivery.objects.get()
        assert f"{address}/deliveries/{sent.pk}" in text(page.get(address))
        page.post(f"{address}/deliveries/{sent.pk}", {"form_key": "k1"})
        deliver_due()
        assert len({came.headers["webhook-id"] for came in receiver.received}) == 1
        assert len(receiver.received) == 2

    def test_is_changed_switched_off_and_on_and_deleted(self, page: Client, address: str, receiver: Receiver) -> None:
        page.post(address, fields(receiver, name="ours", event_types=KINDS[2:]))
        found = Webhook.objects.get()
        assert (found.name, found.event_types) == ("ours", KINDS[2:])
        refused = page.post(address, fields(receiver, url="http://10.0.0.1/"))
        assert "not on the public internet" in error_at(refused, "url")
        page.post(f"{address}/switch", {"enabled": "0"})
        assert "Switch on" in text(page.get(address))
        assert "Send a test event" not in text(page.get(address)).split("What was sent")[0]
        page.post(f"{address}/switch", {"enabled": "1"})
        assert Webhook.objects.get().disabled_at is None
        page.post(f"{address}/delete")
        assert page.get(address).status_code == 404

    def test_a_new_secret_is_shown_once(self, page: Client, address: str, webhook: tuple[Webhook, str]) -> None:
        reply = page.post(f"{address}/rotate", {"form_key": "k1", "keep": "1"})
        [new] = re.findall(r"whsec_[A-Za-z0-9+/]{40}", text(reply))
        assert Webhook.objects.get().secrets == [new, webhook[1]]
        page.post(f"{address}/rotate", {"form_key": "k2"})
        assert len(Webhook.objects.get().secrets) == 1

    def test_others_look_and_touch_nothing(self, address: str, bob: str, charlie: str) -> None:
        shown = text(browser("bob@example.com").get(address))
        assert "What was sent" in shown
        assert "<form" not in shown.split('<main id="content"')[1].split("</main>")[0]
        assert browser("bob@example.com").post(f"{address}/delete").status_code == 403
        assert browser("charlie@example.com").get(address).status_code == 404
        Membership.objects.filter(user__email="bob@example.com").update(role=Membership.Role.VIEWER)
        assert "Viewers cannot add webhooks" in text(browser("bob@example.com").get("/webhooks"))
