"""What was done, read: by whom it is asked for, page by page, as a table, and for how long it is kept."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from accounts.models import AuditEvent, Team
from common.days import beginning
from common.tables import as_csv

COLUMNS = ("at", "actor", "key", "address", "request_id", "team", "action", "target", "before", "after")


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of the audit; what is empty is not asked."""

    team: Team | None
    """None: every team, and entries without a team."""
    actor: str = ""
    """A part of an email."""
    action: str = ""
    """An action, or the first word of several: "member" of "member.added" and others."""
    first: date | None = None
    last: date | None = None
    """The last day that counts."""


def events(question: Question, *, after: int | None = None) -> Any:
    """Return the events that are asked for, the newest first; `after`: those older than the event of this number."""
    found = AuditEvent.objects.order_by("-pk")
    if question.team is not None:
        found = found.visible_to(question.team)
    if question.actor:
        found = found.filter(actor_email__icontains=question.actor)
    if question.action:
        found = found.filter(Q(action=question.action) | Q(action__startswith=f"{question.action}."))
    if question.first is not None:
        found = found.filter(at__gte=beginning(question.first))
    if question.last is not None:
        found = found.filter(at__lt=beginning(question.last + timedelta(days=1)))
    return found if after is None else found.filter(pk__lt=after)


def audit_csv(found: Iterable[AuditEvent]) -> str:
    """Return events as a table of text."""
    return as_csv(COLUMNS, ([_cell(value) for value in _row(event)] for event in found))


def _row(event: AuditEvent) -> tuple[Any, ...]:
    who = (event.actor_email, event.key, event.address, event.request_id)
    return (event.at.isoformat(), *who, event.team_slug, event.action, event.target, event.before, event.after)


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) if value else ""


@transaction.atomic
def forget(before: datetime) -> None:
    """Delete events from before a moment: the only way in which one goes."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL luthier.audit_retention = 'on'")  # else the events' trigger refuses
        AuditEvent.objects.filter(at__lt=before).delete()
        cursor.execute("SET LOCAL luthier.audit_retention = 'off'")
