"""The request that tells a webhook what has happened: an event of Standard Webhooks, or a sentence in a group chat.

Feishu, DingTalk and WeCom answer HTTP 200 also to what they refuse, with a code in the body; Slack says it by the
status. The documents: open.feishu.cn (custom bots), open.dingtalk.com (custom robots), developer.work.weixin.qq.com
(group robots), docs.slack.dev (incoming webhooks).
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from common.outbound import NoAnswer, Reply
from common.wording import in_words
from webhooks import events, signing
from webhooks.messages import message
from webhooks.models import Delivery, Webhook
from wording import Message

LONGEST_REASON = 500
"""Characters of what went wrong that a chat is told."""
_CODES = {"feishu": ("code", "StatusCode"), "dingtalk": ("errcode",), "wecom": ("errcode",)}
_SAID = ("msg", "errmsg", "StatusMessage")


@dataclass(frozen=True, kw_only=True)
class Call:
    """What is to be sent, and to whom."""

    form: str
    url: str
    headers: Mapping[str, str]
    body: bytes


def call_of(delivery: Delivery) -> Call:
    """Return the request that tells `delivery.webhook` what happened, signed now."""
    webhook, now = delivery.webhook, time.time()
    if webhook.form == Webhook.Form.STANDARD:
        body = delivery.body()
        headers = signing.headers_of(message_id=delivery.event_id, at=int(now), body=body, secrets=webhook.secrets)
        return _call(webhook, webhook.url, body, headers)
    url, said = _signed(webhook, _in_chat(webhook.form, text_of(delivery)), now)
    return _call(webhook, url, json.dumps(said, ensure_ascii=False).encode(), {})


def text_of(delivery: Delivery) -> str:
    """Return what a chat is told, in its language; bots that ask for a word find "Luthier" in it."""
    with translation.override(delivery.webhook.language or settings.LANGUAGE_CODE):
        try:
            what = str(events.kind_named(delivery.event_type).label)
        except LookupError:  # of another version
            what = delivery.event_type
        lines = [f"Luthier · {delivery.webhook.team.name} · {what}"]
        lines += [_("This is a test.")] if delivery.is_test else []
        lines += [delivery.subject] if delivery.subject else []
        lines += [in_words(delivery.because)[:LONGEST_REASON]] if delivery.because else []
        lines += [f"{settings.PUBLIC_URL}{delivery.path}"] if delivery.path else []
        return "\n".join(lines)


def refusal_in(form: str, reply: Reply) -> Message | None:
    """Return why a chat has refused what it answered with HTTP 200; None where it has not."""
    if form not in _CODES:
        return None
    try:
        answered = reply.json()
    except NoAnswer as error:
        return error.message
    found = answered if isinstance(answered, dict) else {}
    code = next((found[name] for name in _CODES[form] if name in found), None)
    if code == 0:
        return None
    said = next((str(found[name]) for name in _SAID if found.get(name)), "")
    return message("chat_refused", code=str(code)[:40], said=said[:200])


def _call(webhook: Webhook, url: str, body: bytes, headers: Mapping[str, str]) -> Call:
    kind = {"content-type": "application/json; charset=utf-8" if headers == {} else "application/json"}
    return Call(form=webhook.form, url=url, body=body, headers={**kind, **headers})


def _in_chat(form: str, text: str) -> dict[str, Any]:
    if form == Webhook.Form.FEISHU:
        return {"msg_type": "text", "content": {"text": text}}
    if form == Webhook.Form.SLACK:
        return {"text": text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}
    return {"msgtype": "text", "text": {"content": text}}


def _signed(webhook: Webhook, said: dict[str, Any], now: float) -> tuple[str, dict[str, Any]]:
    """Return the address and the body with the signature that Feishu and DingTalk ask for, where they do."""
    url = webhook.url
    secret = next(iter(webhook.secrets), "")
    if secret and webhook.form == Webhook.Form.FEISHU:
        at = str(int(now))
        return url, {"timestamp": at, "sign": _hmac(f"{at}\n{secret}", ""), **said}
    if secret and webhook.form == Webhook.Form.DINGTALK:
        at = str(int(now * 1000))
        sign = quote_plus(_hmac(secret, f"{at}\n{secret}"))
        return f"{url}{'&' if '?' in url else '?'}timestamp={at}&sign={sign}", said
    return url, said


def _hmac(key: str, signed: str) -> str:
    return base64.b64encode(hmac.digest(key.encode(), signed.encode(), hashlib.sha256)).decode()
