"""Webhooks of teams, and their outbox: a row for each event that one of them is to hear about."""

import json
from datetime import datetime, timedelta
from typing import Any, Self
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Team, User
from common.encryption import decrypt, encrypt
from common.ids import new_id
from common.keysets import beyond
from common.message_field import MessageField
from webhooks import signing
from webhooks.messages import message
from wording import Message

OVERLAP = timedelta(hours=24)
"""For which an old secret signs as well, where somebody has asked for that."""


def _webhook_id() -> str:
    return new_id("webhook")


def _delivery_id() -> str:
    return new_id("delivery")


class WebhookQuerySet(models.QuerySet["Webhook"]):
    def visible_to(self, team: Team) -> Self:
        return self.filter(team=team)

    def hearing(self, kind: str) -> Self:
        """Those that are to be told of a kind of event."""
        return self.filter(disabled_at=None, event_types__contains=[kind])

    def after(self, last: "Webhook") -> Self:
        """Those that come after `last` in a list of the newest first."""
        return self.filter(beyond(last.created_at, last.pk))


class Webhook(models.Model):
    """An address that a team wants to be called when something has happened."""

    class Form(models.TextChoices):
        STANDARD = "standard", _("A program (Standard Webhooks)")
        FEISHU = "feishu", _("Group chat in Feishu")
        DINGTALK = "dingtalk", _("Group chat in DingTalk")
        WECOM = "wecom", _("Group chat in WeCom")
        SLACK = "slack", _("Channel in Slack")

    id = models.CharField(primary_key=True, max_length=40, default=_webhook_id)
    team = models.ForeignKey(Team, models.CASCADE, related_name="webhooks")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    name = models.CharField(max_length=100)
    form = models.CharField(max_length=10, choices=Form.choices, default=Form.STANDARD)
    language = models.CharField(max_length=10, blank=True, default="")
    """Of the sentences in a group chat; "": the platform's."""
    sealed_url = models.TextField()
    """Encrypted, as secrets are: many addresses have one in them."""
    sealed_secret = models.TextField(blank=True)
    """Empty for a group chat whose bot has none."""
    sealed_old_secret = models.TextField(blank=True)
    old_secret_until = models.DateTimeField(null=True)
    secret_hint = models.CharField(max_length=20, blank=True)
    event_types = ArrayField(models.CharField(max_length=60))
    failing_since = models.DateTimeField(null=True)
    """Since when nothing has arrived; null where the last delivery did."""
    disabled_at = models.DateTimeField(null=True)
    disabled_because = MessageField()
    """Null where a person has switched it off."""
    busy_until = models.DateTimeField(null=True)
    """One request at a time: until then, or until it has ended, no other is sent."""
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [models.Index(fields=["team", "-created_at", "-id"], name="webhook_team")]

    def __str__(self) -> str:
        return self.name

    @property
    def url(self) -> str:
        return decrypt(self.sealed_url)

    @url.setter
    def url(self, url: str) -> None:
        self.sealed_url = encrypt(url)

    @property
    def is_chat(self) -> bool:
        return self.form != self.Form.STANDARD

    @property
    def shown_url(self) -> str:
        """Return what may be shown of the address: whoever knows all of a group chat's may write into it."""
        if not self.is_chat:
            return self.url
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}/…"

    @property
    def secrets(self) -> list[str]:
        """Return what to sign with: its secret, and for a while after a rotation the one before."""
        found = [decrypt(self.sealed_secret)] if self.sealed_secret else []
        if self.old_secret_until is not None and self.old_secret_until > timezone.now():
            found.append(decrypt(self.sealed_old_secret))
        return found

    def take_new_secret(self, *, keeps_old: bool = False) -> str:
        """Replace the secret and return the new one, which is shown this once; not saved."""
        secret = signing.new_secret()
        self.sealed_old_secret = self.sealed_secret if keeps_old else ""
        self.old_secret_until = timezone.now() + OVERLAP if keeps_old else None
        self.sealed_secret, self.secret_hint = encrypt(secret), signing.hint_of(secret)
        return secret

    def take_secret(self, secret: str) -> None:
        """Sign with a secret that was made elsewhere; "": with none. Not saved."""
        self.sealed_secret = encrypt(secret) if secret else ""
        self.secret_hint = f"…{secret[-4:]}" if len(secret) > 12 else "…" if secret else ""

    def switch_off(self, because: Message | None) -> None:
        """Send nothing more; what waits has failed, and can be sent again by hand. Not saved."""
        self.disabled_at, self.disabled_because = timezone.now(), because
        self.deliveries.waiting().fail()

    def switch_on(self) -> None:
        """Not saved."""
        self.disabled_at = self.disabled_because = self.failing_since = None


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def waiting(self) -> Self:
        return self.filter(status=Delivery.Status.PENDING)

    def due(self, now: datetime) -> Self:
        return self.waiting().filter(next_at__lte=now)

    def after(self, last: "Delivery") -> Self:
        """Those that come after `last` in a list of the newest first."""
        return self.filter(beyond(last.created_at, last.pk))

    def fail(self) -> int:
        """Give those up whose webhook has been switched off."""
        from_now_on = {"status": Delivery.Status.FAILED, "next_at": None}
        return self.update(**from_now_on, last_error=message("webhook_was_off"))


class Delivery(models.Model):
    """One event for one webhook: what is to be sent, and what came of it. It is history and outbox at once."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Being sent")
        SUCCEEDED = "succeeded", _("Arrived")
        FAILED = "failed", _("Not arrived")

    id = models.CharField(primary_key=True, max_length=40, default=_delivery_id)
    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries")
    event_id = models.CharField(max_length=40)
    """The `webhook-id`: the same however often it is sent, so that whoever hears it twice can tell."""
    event_type = models.CharField(max_length=60)
    data = models.JSONField(default=dict)
    subject = models.CharField(max_length=200, blank=True, default="")
    """What it is about, as people call it: for group chats, as the two that follow."""
    path = models.CharField(max_length=200, blank=True, default="")
    """Its page."""
    because = MessageField()
    is_test = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    """When it happened."""
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    num_attempts = models.PositiveIntegerField(default=0)
    num_failures = models.PositiveIntegerField(default=0)
    """Since somebody has asked for it: what the next pause follows from."""
    next_at = models.DateTimeField(null=True)
    give_up_at = models.DateTimeField(null=True)
    last_at = models.DateTimeField(null=True)
    last_status = models.PositiveIntegerField(null=True)
    """The HTTP status; null where there was no answer."""
    last_error = MessageField()
    seconds = models.FloatField(null=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [
            models.Index(fields=["webhook", "-created_at", "-id"], name="delivery_webhook"),
            models.Index(fields=["webhook", "next_at"], condition=Q(status="pending"), name="delivery_due"),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} for {self.webhook_id}"

    def ask_for(self) -> None:
        """Have it sent as soon as may be, and again until it arrives or is given up. Not saved."""
        self.status, self.num_failures = self.Status.PENDING, 0
        self.next_at = timezone.now()
        self.give_up_at = self.next_at + timedelta(seconds=settings.TIMES.webhook_give_up_seconds)

    def event_as_json(self) -> dict[str, Any]:
        """Return the event in OpenAI's shape."""
        return {
            "object": "event",
            "id": self.event_id,
            "type": self.event_type,
            "created_at": int(self.created_at.timestamp()),
            "data": self.data,
        }

    def body(self) -> bytes:
        return json.dumps(self.event_as_json(), ensure_ascii=False, separators=(",", ":")).encode()
