"""Group chats: Feishu, DingTalk, WeCom and Slack are told in sentences, signed as each asks for."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from accounts.models import AuditEvent, Team
from tests.receiver import Receiver
from tests.webhooks.conftest import KINDS
from tests.webhooks.test_webhooks_api import URL, call
from tests.webhooks.test_webhooks_pages import browser
from webhooks.delivering import deliver_due
from webhooks.models import Delivery, Webhook
from webhooks.outbox import announce
from wording import as_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
SECRET = "SEC0123456789abcdef0123456789"
FINE = {"feishu": b'{"code":0,"msg":"success"}', "dingtalk": b'{"errcode":0,"errmsg":"ok"}'}
FINE |= {"wecom": b'{"errcode":0,"errmsg":"ok"}', "slack": b"ok"}
REFUSED = {"feishu": b'{"code":19021,"msg":"sign match fail"}', "dingtalk": b'{"errcode":310000,"errmsg":"sign"}'}
REFUSED |= {"wecom": b'{"errcode":93000,"errmsg":"invalid webhook url"}'}


@pytest.fixture
def page(alice: str) -> Client:
    return browser("alice@example.com")


def made(secret: str, receiver: Receiver, form: str, **fields: Any) -> Any:
    receiver.answer = lambda came: (200, {}, FINE[form])
    reply = call(secret, "POST", body={"url": f"{receiver.url}?key=k3y", "form": form, **fields})
    assert reply.status_code == 201, reply.content
    return reply.json()


def happen() -> None:
    why = as_written("The trainer ran out of memory at step 3.")
    announce(KINDS[1], Team.objects.get(name="A"), {"id": "ftjob-1"}, about="invoice-v3 <b> & co", because=why)
    deliver_due()


def text_in(form: str, body: bytes) -> str:
    said = json.loads(body)
    return str({"feishu": lambda: said["content"]["text"], "slack": lambda: said["text"]}.get(
        form, lambda: said["text"]["content"])())  # fmt: skip


class TestSentences:
    @pytest.mark.parametrize("form", FINE)
    def test_say_what_happened_to_what_why_and_where(
        self, alice: str, receiver: Receiver, form: str, settings: Any
    ) -> None:
        made(alice, receiver, form)
        happen()
        text = text_in(form, receiver.received[0].body)
        assert "invoice-v3" in text
        for part in (
            "Luthier · A · A job has failed",
            "out of memory at step 3",
            f"{settings.PUBLIC_URL}/jobs/ftjob-1",
        ):
            assert part in text
        assert Delivery.objects.get().status == "succeeded"

    def test_are_in_the_language_of_the_chat(self, alice: str, receiver: Receiver) -> None:
        made(alice, receiver, "wecom", language="zh-hans")
        happen()
        assert "任务失败" in text_in("wecom", receiver.received[0].body)

    def test_markup_is_text_in_slack(self, alice: str, receiver: Receiver) -> None:
        made(alice, receiver, "slack")
        happen()
        assert "invoice-v3 &lt;b&gt; &amp; co" in text_in("slack", receiver.received[0].body)

    def test_a_test_says_that_it_is_one(self, alice: str, receiver: Receiver) -> None:
        new = made(alice, receiver, "slack")
        call(alice, "POST", f"{URL}/{new['id']}/test", {"event_type": KINDS[0]})
        assert "This is a test." in text_in("slack", receiver.received[0].body)


class TestSignatures:
    def test_feishus_is_keyed_by_time_and_secret(self, alice: str, receiver: Receiver) -> None:
        made(alice, receiver, "feishu", signing_secret=SECRET)
        happen()
        said = json.loads(receiver.received[0].body)
        key = f"{said['timestamp']}\n{SECRET}".encode()
        assert said["sign"] == base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()
        assert abs(int(said["timestamp"]) - time.time()) < 60

    def test_dingtalks_stands_in_the_address(self, alice: str, receiver: Receiver) -> None:
        made(alice, receiver, "dingtalk", signing_secret=SECRET)
        happen()
        asked = {name: value[0] for name, value in parse_qs(urlsplit(receiver.received[0].path).query).items()}
        signed = f"{asked['timestamp']}\n{SECRET}".encode()
        assert asked["sign"] == base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
        assert asked["key"] == "k3y"
        assert abs(int(asked["timestamp"]) / 1000 - time.time()) < 60

    def test_without_a_secret_nothing_is_signed(self, alice: str, receiver: Receiver) -> None:
        made(alice, receiver, "feishu")
        happen()
        assert set(json.loads(receiver.received[0].body)) == {"msg_type", "content"}
        assert not [name for name in receiver.received[0].headers if name.startswith("webhook-")]


class TestRefusals:
    @pytest.mark.parametrize("form", REFUSED)
    def test_what_a_chat_refuses_with_http_200_has_not_arrived(self, alice: str, receiver: Receiver, form: str) -> None:
        made(alice, receiver, form)
        receiver.answer = lambda came: (200, {}, REFUSED[form])
        happen()
        sent = Delivery.objects.get()
        body = json.loads(REFUSED[form])
        assert sent.status == "pending"
        for part in (str(body.get("code", body.get("errcode"))), body.get("msg", body.get("errmsg"))):
            assert part in str(sent.last_error)

    def test_a_page_in_place_of_a_chats_answer_is_none(self, alice: str, receiver: Receiver) -> None:
        made(alice, receiver, "feishu")
        receiver.answer = lambda came: (200, {}, b"<html>")
        happen()
        assert Delivery.objects.get().status == "pending"

    @pytest.mark.parametrize(
        ("body", "param"),
        [
            ({"signing_secret": SECRET}, "signing_secret"), ({"language": "en"}, "language"),
            ({"form": "slack", "signing_secret": SECRET}, "signing_secret"), ({"form": "teams"}, "form"),
            ({"form": "wecom", "language": "de"}, "language"),
        ],
    )  # fmt: skip
    def test_what_does_not_fit_is_refused_by_name(self, alice: str, body: Any, param: str) -> None:
        reply = call(alice, "POST", body={"url": "http://127.0.0.1/", **body})
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)

    def test_a_chats_secret_is_not_made_here(self, alice: str, receiver: Receiver) -> None:
        new = made(alice, receiver, "feishu", signing_secret=SECRET)
        reply = call(alice, "POST", f"{URL}/{new['id']}/rotate_secret", {})
        assert (reply.status_code, reply.json()["error"]["code"]) == (409, "chat_makes_its_secret")
        call(alice, "POST", f"{URL}/{new['id']}", {"signing_secret": ""})
        assert Webhook.objects.get().secrets == []


def test_what_lets_one_write_into_a_chat_is_shown_nowhere(alice: str, page: Client, receiver: Receiver) -> None:
    new = made(alice, receiver, "feishu", signing_secret=SECRET)
    assert new["signing_secret"] is None
    shown = f"{json.dumps(new)} {page.get('/webhooks').content.decode()}"
    shown += page.get(f"/webhooks/{new['id']}").content.decode()
    shown += f"{list(Webhook.objects.values())} {list(AuditEvent.objects.values())}"
    assert "k3y" not in shown
    assert SECRET not in shown
    assert f"http://127.0.0.1:{receiver.port}/…" in shown


def test_the_page_adds_a_chat_and_keeps_what_is_not_entered_again(page: Client, receiver: Receiver) -> None:
    asked = {
        "url": receiver.url,
        "name": "our chat",
        "form": "dingtalk",
        "language": "zh-hans",
        "signing_secret": SECRET,
    }
    page.post("/webhooks", {**asked, "event_types": KINDS, "form_key": "k1"})
    found = Webhook.objects.get()
    assert (found.form, found.language, found.secrets) == ("dingtalk", "zh-hans", [SECRET])
    change = {"url": "", "name": "ours", "language": "en", "signing_secret": "", "event_types": KINDS[:1]}
    page.post(f"/webhooks/{found.pk}", change)
    found.refresh_from_db()
    assert (found.name, found.language, found.url, found.secrets) == ("ours", "en", receiver.url, [SECRET])
