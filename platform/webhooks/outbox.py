"""What has happened is written here, in the transaction in which it happens: neither is there without the other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, kw_only=True)
class Happening:
    """What is told, for people: of which kind, in which team, whose work it is, and what of it."""

    kind: str
    team: Team
    is_everybodys: bool
    """Whether it is nobody's work, and concerns the whole team."""
    author_id: int | None
    subject: str
    path: str
    because: Message | None


Teller = Callable[[Happening], None]
_tellers: list[Teller] = []


def also_tell(teller: Teller) -> None:
    """Call `teller` with all that is announced, within its transaction."""
    if teller not in _tellers:
        _tellers.append(teller)


def announce(
    kind: str, team: Team, data: Mapping[str, Any], *, about: object = "", because: Message | None = None
) -> None:
    """Have each webhook of `team` that hears about `kind` told: a delivery for each, sent after the commit.

    `data` is for programs, and in the kind's `path`; people are told `about` what it is, and `because` of what. Whose
    work it is says `about.created_by_id`; without one it concerns everybody in the team. Within the transaction of the
    change that it tells of. Raises LookupError for a kind that nobody has registered.
    """
    path = events.kind_named(kind).path.format(**data)
    assert connection.in_atomic_block, "An event is written in the transaction of what it tells of."
    happening = Happening(
        kind=kind,
        team=team,
        is_everybodys=not hasattr(about, "created_by_id"),
        author_id=getattr(about, "created_by_id", None),
        subject=str(about)[:200],
        path=path,
        because=because,
    )
    _to_webhooks(happening, data)
    for teller in _tellers:
        teller(happening)


def _to_webhooks(happening: Happening, data: Mapping[str, Any]) -> None:
    event_id, now = new_id("evt"), timezone.now()
    made = [
        Delivery(
            webhook=webhook,
            event_id=event_id,
            event_type=happening.kind,
            data=dict(data),
            created_at=now,
            subject=happening.subject,
            path=happening.path,
            because=happening.because,
        )
        for webhook in Webhook.objects.visible_to(happening.team).hearing(happening.kind)
    ]
    for delivery in made:
        delivery.ask_for()
    if made:
        Delivery.objects.bulk_create(made)
        wake(DELIVER)
