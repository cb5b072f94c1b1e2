"""The audit over HTTP: to administrators all of it, to owners that of their team."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypedDict

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import audit
from accounts.authentication import is_platform_admin
from accounts.messages import message
from accounts.models import AuditEvent, Team
from accounts.requests import no_team, team_named, team_of
from accounts.roles import Role
from common.answers import ListObject, answers
from common.api import one_page
from common.days import read_day
from common.errors import NotFound
from common.fields import CheckedText
from common.reads import Query, query_of, reads

MOST_EXPORTED = 50_000
"""Rows of a file."""


class AuditFilter(Query):
    actor = serializers.CharField(required=False, default="", allow_blank=True, max_length=254)
    action = serializers.CharField(required=False, default="", allow_blank=True, max_length=60)
    team = serializers.CharField(required=False, default="", allow_blank=True, max_length=100)
    to = CheckedText(serializers.DateField(), default="", allow_blank=True)

    def get_fields(self) -> dict[str, Any]:
        return {"from": CheckedText(serializers.DateField(), default="", allow_blank=True), **super().get_fields()}


class AuditQuery(AuditFilter):
    after = serializers.CharField(required=False, default="", max_length=40)
    limit = serializers.IntegerField(default=20, min_value=1, max_value=100)


class AuditEventObject(TypedDict):
    """Who did what to what, from where, and what that changed."""

    id: str
    object: Literal["audit_event"]
    created_at: int
    actor: str | None
    key: str | None
    address: str | None
    request_id: str | None
    team: str | None
    action: str
    target: str | None
    before: dict[str, Any] | None
    after: dict[str, Any]


class _AuditView(APIView):
    roles = {"GET": Role.OWNER}

    def get_permissions(self) -> Sequence[Any]:
        return [IsAuthenticated()] if is_platform_admin(self.request) else super().get_permissions()

    def question(self, asked: Mapping[str, str]) -> audit.Question:
        own = None if is_platform_admin(self.request) else team_of(self.request)
        return question_of(asked, own=own)


class AuditView(_AuditView):
    """GET /api/v1/audit?actor=&action=&team=&from=&to=&after=&limit="""

    @answers(ListObject[AuditEventObject])
    @reads(query=AuditQuery)
    def get(self, request: Request) -> Response:
        asked = query_of(request)
        found = audit.events(self.question(asked), after=place_of(asked["after"]))
        return one_page(found, asked["limit"], as_json)


class AuditFileView(_AuditView):
    """GET /api/v1/audit.csv, asked as /api/v1/audit is: the newest that there are, as one table."""

    @answers(None, streams={"text/csv": None})
    @reads(query=AuditFilter)
    def get(self, request: Request) -> HttpResponse:
        found = audit.events(self.question(query_of(request)))[:MOST_EXPORTED]
        headers = {"Content-Disposition": 'attachment; filename="audit.csv"'}
        return HttpResponse(audit.audit_csv(found), content_type="text/csv; charset=utf-8", headers=headers)


def question_of(asked: Mapping[str, str], *, own: Team | None) -> audit.Question:
    """Return what somebody asks who sees the team `own` alone; None: all of them."""
    name = asked["team"]
    if own is not None and name not in ("", own.slug, own.name):
        raise no_team(name)
    team = own if own is not None else team_named(name) if name else None
    first, last = read_day(asked["from"], "from"), read_day(asked["to"], "to")
    return audit.Question(team=team, actor=asked["actor"].strip(), action=asked["action"], first=first, last=last)


def place_of(after: str) -> int | None:
    """Return the number of the event after which a page continues."""
    if not after:
        return None
    if not (after.isascii() and after.isdigit() and len(after) < 19):
        raise NotFound(message("no_audit_event", event=after[:40]), param="after")
    return int(after)


def as_json(event: AuditEvent) -> AuditEventObject:
    at: datetime = event.at
    return {
        "id": str(event.pk),
        "object": "audit_event",
        "created_at": int(at.timestamp()),
        "actor": event.actor_email or None,
        "key": event.key or None,
        "address": event.address or None,
        "request_id": event.request_id or None,
        "team": event.team_slug or None,
        "action": event.action,
        "target": event.target or None,
        "before": event.before,
        "after": event.after,
    }
