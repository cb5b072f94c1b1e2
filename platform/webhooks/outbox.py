"""What has happened is written here, in the transaction in which it happens: neither is there without the other."""

from collections.abc import Mapping
from typing import Any

from django.db import connection
from django.utils import timezone

from accounts.models import Team
from common.ids import new_id
from common.wake import wake
from webhooks import events
from webhooks.models import Delivery, Webhook
from wording import Message

DELIVER = "webhooks.deliver"


def announce(
    kind: str,
    team: Team,
    data: Mapping[str, Any],
    *,
    about: object = "",
    because: Message | None = None,
) -> None:
    """Have each webhook of `team` that hears about `kind` told: a delivery for each, sent after the commit.

    `data` is for programs, and in the kind's `path`; group chats are told `about` what it is, and `because` of what.
    Within the transaction of the change that it tells of. Raises LookupError for a kind that nobody has registered.
    """
    path = events.kind_named(kind).path.format(**data)
    assert connection.in_atomic_block, "An event is written in the transaction of what it tells of."
    hearing = list(Webhook.objects.visible_to(team).hearing(kind))
    for_chats = {"subject": str(about)[:200] if hearing else "", "path": path, "because": because}
    event_id, now = new_id("evt"), timezone.now()
    made = [
        Delivery(webhook=webhook, event_id=event_id, event_type=kind, data=dict(data), created_at=now, **for_chats)
        for webhook in hearing
    ]
    for delivery in made:
        delivery.ask_for()
    if made:
        Delivery.objects.bulk_create(made)
        wake(DELIVER)
