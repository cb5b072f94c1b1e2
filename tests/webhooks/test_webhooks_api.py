"""Webhooks over HTTP: by OpenAI's SDK and by our own routes; what is refused, and who may do what."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from django.test import Client

from accounts.models import AuditEvent, Membership
from accounts.services import create_api_key
from common.models import IdempotentReply
from console.asgi import application
from tests.deployments.deployments_cast import Server
from tests.receiver import Receiver
from tests.webhooks.conftest import KINDS
from webhooks import services
from webhooks.delivering import deliver_due
from webhooks.models import Delivery, Webhook
from webhooks.outbox import announce

URL = "/api/v1/webhooks"


def call(secret: str, method: str, path: str = URL, body: Any = None, **headers: str) -> Any:
    return Client().generic(
        method, path, "" if body is None else json.dumps(body), content_type="application/json",
        headers={"authorization": f"Bearer {secret}", **headers},
    )  # fmt: skip


def made(secret: str, receiver: Receiver, **fields: Any) -> Any:
    reply = call(secret, "POST", body={"url": receiver.url, **fields})
    assert reply.status_code == 201, reply.content
    return reply.json()


@pytest.fixture
def platform() -> Iterator[Server]:
    server = Server(application)
    yield server
    server.stop()


class TestSdk:
    @pytest.mark.django_db(transaction=True)
    def test_openais_client_does_all_of_it(self, platform: Server, alice: str, receiver: Receiver) -> None:
        client = openai.OpenAI(
            base_url=f"{platform.url}/v1", api_key=alice, max_retries=0, _strict_response_validation=True
        )
        hooks = client.webhooks
        assert set(KINDS) <= set(hooks.event_types.list().data)
        new = hooks.create(url=receiver.url, name="mine", event_types=["fine_tuning.job.succeeded"])
        assert new.signing_secret.startswith("whsec_")
        assert new.signing_secret_hint == f"whsec_…{new.signing_secret[-4:]}"
        assert [one.id for one in hooks.list()] == [new.id]
        changed = hooks.update(new.id, name="ours", event_types=["fine_tuning.job.failed"])
        assert (changed.name, changed.event_types) == ("ours", ["fine_tuning.job.failed"])
        assert hooks.retrieve(new.id).url == receiver.url
        rotated = hooks.rotate_secret(new.id, keep_old_secret_active_for_24_hours=False)
        tested = hooks.test(new.id, event_type="fine_tuning.job.failed")
        assert (tested.success, tested.status_code) == (True, 200)
        [came] = receiver.received
        event = hooks.unwrap(came.body, came.headers, secret=rotated.signing_secret)
        assert event.type == "fine_tuning.job.failed"
        assert hooks.delete(new.id).deleted
        with pytest.raises(openai.NotFoundError):
            hooks.retrieve(new.id)


@pytest.mark.django_db
class TestMaking:
    def test_the_secret_is_said_once_and_rests_encrypted(self, alice: str, receiver: Receiver) -> None:
        new = made(alice, receiver)
        assert new["signing_secret"].startswith("whsec_")
        assert new["event_types"] == services.events.names()
        assert new["name"] == "127.0.0.1"
        for reply in (call(alice, "GET"), call(alice, "GET", f"{URL}/{new['id']}")):
            assert new["signing_secret"] not in reply.content.decode()
        row = Webhook.objects.values().get()
        assert new["signing_secret"] not in str(row)
        assert receiver.url not in str(row)
        assert new["signing_secret"] not in str(list(AuditEvent.objects.values()))

    def test_the_same_request_makes_it_once_and_stores_no_secret(self, alice: str, receiver: Receiver) -> None:
        first, second = (
            call(alice, "POST", body={"url": receiver.url}, **{"idempotency-key": "k"}).json() for _ in range(2)
        )
        assert first["id"] == second["id"]
        assert (second["signing_secret"], Webhook.objects.count()) == (None, 1)
        assert first["signing_secret"] not in str(IdempotentReply.objects.values().get())

    @pytest.mark.parametrize(
        ("body", "param", "code"),
        [
            ({}, "url", None), ({"url": "ftp://example.com/"}, "url", "outbound_scheme"),
            ({"url": "http://u:p@127.0.0.1/"}, "url", "outbound_credentials"),
            ({"url": "http://169.254.169.254/latest/meta-data"}, "url", "outbound_private"),
            ({"url": "http://[::1]:8000/"}, "url", "outbound_private"),
            ({"url": "http://127.0.0.1/", "event_types": ["response.completed"]}, "event_types.0", None),
            ({"url": "http://127.0.0.1/", "event_types": []}, "event_types", None),
            ({"url": "http://127.0.0.1/", "secret": "whsec_x"}, "secret", None),
        ],
    )  # fmt: skip
    def test_what_cannot_be_is_refused_by_name(self, alice: str, body: Any, param: str, code: str | None) -> None:
        reply = call(alice, "POST", body=body)
        assert reply.status_code == 400
        error = reply.json()["error"]
        assert error["param"] == param
        assert code in (None, error["code"])
        assert not Webhook.objects.exists()

    def test_a_team_has_twenty_at_most(self, alice: str, receiver: Receiver, monkeypatch: Any) -> None:
        monkeypatch.setattr(services, "MOST_WEBHOOKS", 1)
        made(alice, receiver)
        reply = call(alice, "POST", body={"url": receiver.url})
        assert (reply.status_code, reply.json()["error"]["code"]) == (409, "too_many_webhooks")


@pytest.mark.django_db
class TestChanging:
    def test_what_is_not_named_stays(self, alice: str, receiver: Receiver) -> None:
        new = made(alice, receiver, name="mine", event_types=KINDS[:1])
        changed = call(alice, "POST", f"{URL}/{new['id']}", {"name": "ours"}).json()
        assert (changed["name"], changed["event_types"], changed["url"]) == ("ours", KINDS[:1], receiver.url)
        assert changed["enabled"]
        assert AuditEvent.objects.get(action="webhook.changed").before["name"] == "mine"

    def test_another_address_is_looked_at_too(self, alice: str, receiver: Receiver) -> None:
        new = made(alice, receiver)
        reply = call(alice, "POST", f"{URL}/{new['id']}", {"url": "http://10.0.0.1/"})
        assert reply.json()["error"]["code"] == "outbound_private"
        assert Webhook.objects.get().url == receiver.url

    def test_switched_off_it_is_told_nothing(self, alice: str, receiver: Receiver) -> None:
        new = made(alice, receiver)
        found = call(alice, "POST", f"{URL}/{new['id']}", {"enabled": False}).json()
        assert (found["enabled"], found["disabled_because"]["code"]) == (False, None)
        announce(KINDS[0], team=Webhook.objects.get().team, data={"id": "ftjob-1"})
        assert not Delivery.objects.exists()

    def test_deleted_it_leaves_nothing(self, alice: str, receiver: Receiver) -> None:
        new = made(alice, receiver)
        announce(KINDS[0], team=Webhook.objects.get().team, data={"id": "ftjob-1"})
        assert call(alice, "DELETE", f"{URL}/{new['id']}").json()["deleted"]
        assert not Delivery.objects.exists()
        deliver_due()
        assert receiver.received == []


@pytest.mark.django_db
class TestDeliveries:
    def test_are_listed_by_pages_and_sent_again(self, alice: str, receiver: Receiver) -> None:
        path = f"{URL}/{made(alice, receiver)['id']}/deliveries"
        for number in (1, 2, 3):
            announce(KINDS[0], team=Webhook.objects.get().team, data={"id": f"ftjob-{number}"})
        waiting = call(alice, "GET", f"{path}?limit=2").json()
        assert [one["event"]["data"]["id"] for one in waiting["data"]] == ["ftjob-3", "ftjob-2"]
        rest = call(alice, "GET", f"{path}?after={waiting['last_id']}").json()["data"]
        assert [one["status"] for one in rest] == ["pending"]
        under_way = call(alice, "POST", f"{path}/{rest[0]['id']}/redeliver")
        assert (under_way.status_code, under_way.json()["error"]["code"]) == (409, "delivery_under_way")
        deliver_due()
        assert call(alice, "GET", f"{path}?status=pending").json()["data"] == []
        again = call(alice, "POST", f"{path}/{rest[0]['id']}/redeliver").json()
        assert (again["status"], again["response_status"]) == ("pending", 200)
        deliver_due()
        assert receiver.received[0].headers["webhook-id"] == receiver.received[3].headers["webhook-id"]

    def test_a_test_that_does_not_arrive_says_why(self, alice: str, receiver: Receiver) -> None:
        new = made(alice, receiver)
        receiver.answer = lambda came: (503, {}, b"")
        path = f"{URL}/{new['id']}"
        assert call(alice, "POST", f"{path}/test", {"event_type": KINDS[0]}).json()["status_code"] == 503
        Webhook.objects.get().deliveries.all().delete()
        webhook = Webhook.objects.get()
        webhook.url = "http://127.0.0.1:1/"
        webhook.save()
        reply = call(alice, "POST", f"{path}/test", {"event_type": KINDS[0]})
        assert (reply.status_code, reply.json()["error"]["code"]) == (400, "outbound_no_connection")
        [sent] = call(alice, "GET", f"{path}/deliveries").json()["data"]
        assert (sent["is_test"], sent["status"], sent["error"]["code"]) == (True, "failed", "outbound_no_connection")


@pytest.mark.django_db
class TestWhoMay:
    def test_another_team_sees_none_of_it(self, alice: str, charlie: str, receiver: Receiver) -> None:
        new = made(alice, receiver)
        announce(KINDS[0], team=Webhook.objects.get().team, data={"id": "ftjob-1"})
        path, sent = f"{URL}/{new['id']}", Delivery.objects.get()
        assert call(charlie, "GET").json()["data"] == []
        for method, address, body in [
            ("GET", path, None), ("POST", path, {"name": "x"}), ("DELETE", path, None),
            ("POST", f"{path}/rotate_secret", {}), ("POST", f"{path}/test", {"event_type": KINDS[0]}),
            ("GET", f"{path}/deliveries", None), ("POST", f"{path}/deliveries/{sent.pk}/redeliver", None),
            ("GET", f"{URL}?after={new['id']}", None),
        ]:  # fmt: skip
            assert call(charlie, method, address, body).status_code == 404, (method, address)
        assert receiver.received == []
        assert Webhook.objects.get().name == new["name"]

    def test_a_delivery_of_another_webhook_is_not_there(self, alice: str, receiver: Receiver) -> None:
        first, second = made(alice, receiver), made(alice, receiver)
        announce(KINDS[0], team=Webhook.objects.first().team, data={"id": "ftjob-1"})  # type: ignore[union-attr]
        sent = Delivery.objects.get(webhook_id=first["id"])
        reply = call(alice, "POST", f"{URL}/{second['id']}/deliveries/{sent.pk}/redeliver")
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "delivery_not_found")

    def test_a_member_changes_their_own_alone(self, alice: str, bob: str, receiver: Receiver) -> None:
        hers, his = made(alice, receiver), made(bob, receiver)
        assert call(bob, "POST", f"{URL}/{his['id']}", {"name": "x"}).status_code == 200
        for method, path, body in [
            ("POST", "", {"name": "x"}), ("DELETE", "", None), ("POST", "/rotate_secret", {}),
            ("POST", "/test", {"event_type": KINDS[0]}),
        ]:  # fmt: skip
            reply = call(bob, method, f"{URL}/{hers['id']}{path}", body)
            assert (reply.status_code, reply.json()["error"]["code"]) == (403, "role_needed"), (method, path)
        assert call(alice, "DELETE", f"{URL}/{his['id']}").status_code == 200

    def test_a_key_for_trainings_reads_and_makes_none(self, alice: str, receiver: Receiver) -> None:
        secret = create_api_key(email="alice@example.com", team_name="A", scopes=["train", "read"])
        assert call(secret, "GET").status_code == 200
        reply = call(secret, "POST", body={"url": receiver.url})
        assert (reply.status_code, reply.json()["error"]["code"]) == (403, "scope_needed")

    def test_a_viewer_makes_none(self, alice: str, receiver: Receiver) -> None:
        viewer = create_api_key(email="dora@example.com", team_name="A", role=Membership.Role.VIEWER)
        assert call(viewer, "POST", body={"url": receiver.url}).status_code == 403
