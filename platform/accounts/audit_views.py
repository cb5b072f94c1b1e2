"""The page of the audit."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from accounts import audit
from accounts.audit_api import MOST_EXPORTED, place_of, question_of
from accounts.audit_words import ACTIONS
from accounts.models import AuditEvent, Team
from accounts.requests import PageRequest
from accounts.roles import Role, needs, require_role
from common.errors import UserError
from common.wording import in_words

ROWS = 50
FIELDS = ("actor", "action", "team", "from", "to")


@dataclass(frozen=True, kw_only=True)
class Change:
    """One value that was changed; None where there was none."""

    name: str
    before: Any
    after: Any


@needs(Role.OWNER)
@login_required
@require_GET
def audit_page(request: PageRequest) -> HttpResponse:
    """Show what was done, to administrators by everybody, to owners in their team."""
    own = None if request.user.is_staff else request.team
    if own is not None:
        require_role(Role.OWNER, user=request.user, team=own)
    asked = {name: request.GET.get(name, "")[:254] for name in FIELDS}
    error, status = "", 200
    try:
        found = audit.events(question_of(asked, own=own), after=place_of(request.GET.get("after", "")))
    except UserError as refused:
        error, status, found = in_words(refused.message), refused.status, AuditEvent.objects.none()
    rows = list(found[: ROWS + 1])
    query = {name: value for name, value in asked.items() if value}
    context = {
        "error": error,
        "asked": {**asked, "since": asked["from"]},
        "is_asked": bool(query),
        "actions": ACTIONS.items(),
        "teams": Team.objects.tenants().order_by("name") if own is None else (),
        "rows": [_row(event) for event in rows[:ROWS]],
        "older": urlencode({**query, "after": rows[ROWS - 1].pk}) if len(rows) > ROWS else "",
        "newest": urlencode(query) if request.GET.get("after") else None,
        "file": f"/api/v1/audit.csv?{urlencode(query)}",
        "most": MOST_EXPORTED,
        "curl": f"curl '{settings.PUBLIC_URL}/api/v1/audit?{urlencode(query)}' -H 'Authorization: Bearer sk-luthier-…'",
    }
    return render(request, "accounts/audit.html", context, status=status)


def _row(event: AuditEvent) -> dict[str, object]:
    before, after = event.before or {}, event.after or {}
    names = list(dict.fromkeys([*before, *after]))
    return {
        "event": event,
        "action": ACTIONS.get(event.action, event.action),
        "changes": [
            Change(name=name, before=_shown(before.get(name)), after=_shown(after.get(name)))
            for name in names
            if event.before is not None or after.get(name) not in (None, "")
        ],
    }


def _shown(value: Any) -> Any:
    return (_("yes") if value else _("no")) if isinstance(value, bool) else value
