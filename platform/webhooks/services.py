"""What can be done with webhooks: made, changed, given another secret, tried out, deleted; a delivery sent again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone

from accounts.models import AuditEvent, Team, User
from accounts.roles import require_own
from common.errors import NotFound, UserError
from common.ids import new_id
from common.outbound import OutboundError, require_address
from common.texts import is_storable
from common.wake import wake
from webhooks import delivering, events
from webhooks.calls import call_of
from webhooks.delivering import Outcome
from webhooks.messages import message
from webhooks.models import Delivery, Webhook
from webhooks.outbox import DELIVER

MOST_WEBHOOKS = 20
"""Of a team."""


def get_webhook(*, team: Team, webhook_id: str, for_change: bool = False) -> Webhook:
    """Return a webhook of `team`; NotFound for everybody else's."""
    found = Webhook.objects.visible_to(team).select_related("team")
    if for_change:
        found = found.select_for_update(of=("self",))
    webhook = found.filter(pk=webhook_id).first() if is_storable(webhook_id) else None
    if webhook is None:
        raise NotFound(message("webhook_not_found", id=webhook_id[:60]))
    return webhook


def get_delivery(*, webhook: Webhook, delivery_id: str) -> Delivery:
    """Return a delivery of `webhook`; NotFound for any other."""
    found = webhook.deliveries.filter(pk=delivery_id).first() if is_storable(delivery_id) else None
    if found is None:
        raise NotFound(message("delivery_not_found", id=delivery_id[:60]))
    return found


def create_webhook(
    *,
    team: Team,
    by: User,
    url: str,
    name: str = "",
    event_types: Sequence[str] = (),
    form: str = Webhook.Form.STANDARD,
    language: str = "",
    signing_secret: str = "",
) -> tuple[Webhook, str]:
    """Make a webhook and return it with its secret; without kinds of event it hears about all there are now.

    A group chat (any `form` but the standard one) has a secret of its own, if any: `signing_secret`.
    """
    _require_fitting(form, signing_secret, language)
    _require_address(url)
    with transaction.atomic():
        # So that two at once are counted one after the other.
        Team.objects.select_for_update(of=("self",)).get(pk=team.pk)
        if Webhook.objects.visible_to(team).count() >= MOST_WEBHOOKS:
            raise UserError(message("too_many_webhooks", most=MOST_WEBHOOKS), status=409)
        webhook = Webhook(team=team, created_by=by, name=name.strip() or _host_of(url), event_types=_known(event_types))
        webhook.url, webhook.form, webhook.language = url, form, language
        secret = "" if webhook.is_chat else webhook.take_new_secret()
        if signing_secret:
            webhook.take_secret(signing_secret)
        webhook.save(force_insert=True)
        AuditEvent.record(actor=by, team=team, action="webhook.created", target=webhook.pk, **_told(webhook))
    return webhook, secret


def change_webhook(
    *,
    team: Team,
    webhook_id: str,
    by: User,
    url: str | None = None,
    name: str | None = None,
    event_types: Sequence[str] | None = None,
    enabled: bool | None = None,
    language: str | None = None,
    signing_secret: str | None = None,
) -> Webhook:
    """Change what is given; None leaves it."""
    require_own(by=by, team=team, author_id=get_webhook(team=team, webhook_id=webhook_id).created_by_id)
    if url is not None:
        _require_address(url)
    with transaction.atomic():
        webhook = get_webhook(team=team, webhook_id=webhook_id, for_change=True)
        before, address = _told(webhook), webhook.url
        if url is not None:
            webhook.url = url
        _require_fitting(webhook.form, signing_secret, language)
        if signing_secret is not None:
            webhook.take_secret(signing_secret)
        if language is not None:
            webhook.language = language
        if name is not None:
            webhook.name = name.strip() or webhook.name
        if event_types is not None:
            webhook.event_types = _known(event_types)
        if enabled is not None and enabled != (webhook.disabled_at is None):
            webhook.switch_on() if enabled else webhook.switch_off(None)
        if (after := _told(webhook)) != before or webhook.url != address:
            webhook.updated_at = timezone.now()
            AuditEvent.record(actor=by, team=team, action="webhook.changed", target=webhook.pk, before=before, **after)
        webhook.save()
    return webhook


@transaction.atomic
def rotate_secret(*, team: Team, webhook_id: str, by: User, keeps_old: bool) -> tuple[Webhook, str]:
    """Replace the secret and return the new one; with `keeps_old` both sign for a day."""
    webhook = get_webhook(team=team, webhook_id=webhook_id, for_change=True)
    require_own(by=by, team=team, author_id=webhook.created_by_id)
    if webhook.is_chat:
        raise UserError(message("chat_makes_its_secret"), status=409)
    secret = webhook.take_new_secret(keeps_old=keeps_old)
    webhook.updated_at = timezone.now()
    webhook.save()
    AuditEvent.record(actor=by, team=team, action="webhook.rotated", target=webhook.pk, keeps_old=keeps_old)
    return webhook, secret


@transaction.atomic
def delete_webhook(*, team: Team, webhook_id: str, by: User) -> None:
    """Delete a webhook with its secret and all that was sent, or was to be."""
    webhook = get_webhook(team=team, webhook_id=webhook_id, for_change=True)
    require_own(by=by, team=team, author_id=webhook.created_by_id)
    AuditEvent.record(actor=by, team=team, action="webhook.deleted", target=webhook.pk, before=_told(webhook))
    webhook.delete()


def send_test(*, webhook: Webhook, by: User, kind: str) -> Delivery:
    """Send a sample event at once, and once only, and return what came of it."""
    require_own(by=by, team=webhook.team, author_id=webhook.created_by_id)
    delivery = Delivery.objects.create(
        webhook=webhook,
        event_id=new_id("evt"),
        event_type=kind,
        data=dict(events.kind_named(kind).sample),
        is_test=True,
        status=Delivery.Status.FAILED,
    )
    outcome = delivering.place(call_of(delivery))
    _note_test(delivery, outcome)
    return delivery


@transaction.atomic
def redeliver(*, team: Team, webhook_id: str, delivery_id: str, by: User) -> Delivery:
    """Send what has arrived or failed once more, under the same `webhook-id`."""
    webhook = get_webhook(team=team, webhook_id=webhook_id, for_change=True)
    require_own(by=by, team=team, author_id=webhook.created_by_id)
    delivery = get_delivery(webhook=webhook, delivery_id=delivery_id)
    if webhook.disabled_at is not None:
        raise UserError(message("webhook_is_off"), status=409)
    if delivery.status == Delivery.Status.PENDING:
        raise UserError(message("delivery_under_way"), status=409)
    delivery.ask_for()
    delivery.save()
    wake(DELIVER)
    return delivery


def forget(before: datetime) -> None:
    """Delete deliveries of before that moment."""
    Delivery.objects.filter(created_at__lt=before).exclude(status=Delivery.Status.PENDING).delete()


def _note_test(delivery: Delivery, outcome: Outcome) -> None:
    delivery.status = Delivery.Status.FAILED if outcome.error else Delivery.Status.SUCCEEDED
    delivery.num_attempts, delivery.last_at = 1, timezone.now()
    delivery.last_status, delivery.last_error, delivery.seconds = outcome.status, outcome.error, outcome.seconds
    delivery.save()


def _require_address(url: str) -> None:
    try:
        require_address(url)
    except OutboundError as error:
        raise UserError(error.message, code=error.code, param="url") from None


def _require_fitting(form: str, secret: str | None, language: str | None) -> None:
    """Refuse a secret for what makes its own, or has none, and a language for what is no sentence."""
    if language and form == Webhook.Form.STANDARD:
        raise UserError(message("webhook_takes_no_language"), param="language")
    if secret and form not in (Webhook.Form.FEISHU, Webhook.Form.DINGTALK):
        raise UserError(message("webhook_takes_no_secret"), param="signing_secret")


def _known(asked: Sequence[str]) -> list[str]:
    return [name for name in events.names() if name in asked or not asked]


def _host_of(url: str) -> str:
    return (urlsplit(url).hostname or "")[:100]


def _told(webhook: Webhook) -> dict[str, Any]:
    """Return what the audit says of a webhook: of its address the host alone, since there may be a secret in it."""
    return {
        "name": webhook.name,
        "host": _host_of(webhook.url),
        "form": webhook.form,
        "language": webhook.language,
        "secret": webhook.secret_hint,
        "event_types": webhook.event_types,
        "enabled": webhook.disabled_at is None,
    }
