"""API keys over HTTP: one's own, for owners the team's. A secret is said once, when its key is made."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import services
from accounts.limits_api import LimitsField, LimitsObject, limits_as_json
from accounts.messages import message
from accounts.models import ApiKey, Scope
from accounts.requests import team_of, user_of
from common.answers import DeletedObject, ListObject, answers
from common.api import deleted, one_page
from common.errors import NotFound
from common.idempotency import idempotent
from common.reads import Body, Query, body_of, query_of, reads, require_no_body

MOST_DAYS = services.LONGEST_LIFE.days
LONGEST_OVERLAP = 7 * 86_400
"""Seconds for which a rotated key still works."""


class NewKey(Body):
    """A key: what it is for, what it may do, and how long it lasts. Without scopes it may do all but administer."""

    name = serializers.CharField(max_length=100, required=False, allow_blank=True, default="")
    scopes = serializers.ListField(
        child=serializers.ChoiceField(Scope.choices), required=False, default=list, max_length=len(Scope)
    )
    expires_in_days = serializers.IntegerField(
        min_value=1, max_value=MOST_DAYS, required=False, allow_null=True, default=None
    )

    limits = LimitsField(required=False, default=dict)

    example = {
        "name": "nightly training",
        "scopes": ["data", "train"],
        "expires_in_days": 90,
        "limits": {"requests_per_minute": 60},
    }


class Rotation(Body):
    """How long the old key goes on working beside the new one."""

    overlap_seconds = serializers.IntegerField(min_value=0, max_value=LONGEST_OVERLAP, required=False, default=0)

    example = {"overlap_seconds": 3600}


class KeyPage(Query):
    after = serializers.CharField(required=False, max_length=60)
    limit = serializers.IntegerField(default=20, min_value=1, max_value=100)


class KeyObject(TypedDict):
    """An API key, without its secret. Times are unix seconds."""

    id: str
    object: Literal["api_key"]
    name: str
    prefix: str
    """The secret's first characters."""
    scopes: list[Annotated[str, Scope]] | None
    """null: everything but what takes an administrator of the platform."""
    team: str
    user: str
    limits: LimitsObject
    created_at: int
    expires_at: int | None
    last_used_at: int | None
    value: NotRequired[str | None]
    """The secret, in the answer that makes the key; null where that was said before."""


class KeysView(APIView):
    """GET, POST /api/v1/keys {"name", "scopes", "expires_in_days"}"""

    @answers(ListObject[KeyObject])
    @reads(query=KeyPage)
    def get(self, request: Request) -> Response:
        asked = query_of(request)
        found = services.keys_of(team=team_of(request), user=user_of(request))
        if "after" in asked:
            last = services.get_api_key(key_id=asked["after"], team=team_of(request), by=user_of(request))
            found = found.after(last)
        return one_page(found, asked["limit"], key_as_json)

    @answers(KeyObject, status=201)
    @reads(NewKey)
    def post(self, request: Request) -> Response:
        asked = body_of(request)
        days = asked.pop("expires_in_days")
        end = None if days is None else timezone.now() + timedelta(days=days)
        team, user, by_key = team_of(request), user_of(request), _key_of(request)
        return _said_once(
            request, lambda: services.issue_api_key(user=user, team=team, expires_at=end, by_key=by_key, **asked)
        )


class CurrentKeyView(APIView):
    """GET /api/v1/keys/current: the key that asks, whatever it may do: whose it is, for which team, and its scopes"""

    read_scopes = tuple(Scope.values)

    @answers(KeyObject)
    @reads()
    def get(self, request: Request) -> Response:
        query_of(request)
        key = _key_of(request)
        if key is None:
            raise NotFound(message("no_key_asks"), code="key_not_found")
        return Response(key_as_json(key))


class KeyView(APIView):
    """GET, DELETE /api/v1/keys/{id}: a key that is deleted is worthless from then on."""

    roles = {"DELETE": "viewer"}  # one's own, also for those who have lost a role

    @answers(KeyObject)
    @reads()
    def get(self, request: Request, key_id: str) -> Response:
        query_of(request)
        found = services.get_api_key(key_id=key_id, team=team_of(request), by=user_of(request))
        return Response(key_as_json(found))

    @answers(DeletedObject)
    @reads()
    def delete(self, request: Request, key_id: str) -> Response:
        require_no_body(request)
        services.revoke_api_key(key_id=key_id, team=team_of(request), by=user_of(request))
        return Response(deleted("api_key", key_id))


class RotateKeyView(APIView):
    """POST /api/v1/keys/{id}/rotate {"overlap_seconds"}: a new key that may do the same; the old one ends."""

    @answers(KeyObject, status=201)
    @reads(Rotation)
    def post(self, request: Request, key_id: str) -> Response:
        overlap = timedelta(seconds=body_of(request)["overlap_seconds"])
        team, user, by_key = team_of(request), user_of(request), _key_of(request)
        return _said_once(
            request,
            lambda: services.rotate_api_key(key_id=key_id, team=team, by=user, overlap=overlap, by_key=by_key),
        )


def key_as_json(key: ApiKey) -> KeyObject:
    return {
        "id": key.pk,
        "object": "api_key",
        "name": key.name,
        "prefix": key.prefix,
        "scopes": key.scopes or None,
        "team": key.team.slug,
        "user": key.user.email,
        "limits": limits_as_json(key),
        "created_at": int(key.created_at.timestamp()),
        "expires_at": _seconds(key.expires_at),
        "last_used_at": _seconds(key.last_used_at),
    }


def _said_once(request: Request, make: Any) -> Response:
    """Return what `make` made with its secret, which the reply that is kept for a repeated request does not hold."""
    made: list[str] = []

    def create() -> Response:
        key, secret = make()
        made.append(secret)
        return Response(key_as_json(key), status=201)

    reply = idempotent(request, create)
    return Response({**reply.data, "value": made[0] if made else None}, status=reply.status_code)


def _key_of(request: Request) -> ApiKey | None:
    return request.auth if isinstance(request.auth, ApiKey) else None


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
