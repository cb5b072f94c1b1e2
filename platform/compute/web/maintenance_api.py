"""Maintenance over HTTP: everybody sees when nodes are out of service, administrators plan it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal, TypedDict

from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import IsPlatformAdmin, require_member
from accounts.requests import user_of
from common.answers import DeletedObject, ListObject, answers
from common.api import deleted, listed
from common.errors import UserError
from common.reads import Body, body_of, query_of, reads, require_no_body
from common.wording import MessageObject, on_the_wire
from compute.administering.maintenance import cancel, effect_of, maintenance_named, plan, said_of
from compute.administering.nodes import node_named, pool_named
from compute.messages import message
from compute.models import Maintenance

LATEST = 2**32
"""Unix seconds: a moment in the year 2106."""


class WindowObject(TypedDict):
    """A window in which one node, or every node of a pool, runs nothing. Times in Unix seconds."""

    object: Literal["maintenance"]
    node: str | None
    pool: str | None
    begins_at: int
    ends_at: int
    reason: str


class MaintenanceObject(WindowObject):
    """A window that is planned, or goes on."""

    id: str
    state: Literal["planned", "going_on"]


class PlannedMaintenance(WindowObject, MessageObject):
    """A window, and what it does: Runs that are stopped when it begins, Runs that wait for its end, both in words."""

    id: str | None
    """Null in a preview, as is the state: nothing was planned."""
    state: Literal["planned", "going_on"] | None
    drained: int
    held_back: int


class MaintenanceBody(Body):
    """A window of one node, or of a whole pool, in Unix seconds; `preview` only says what it would do."""

    node = serializers.CharField(required=False, max_length=200)
    pool = serializers.CharField(required=False, max_length=60)
    begins_at = serializers.IntegerField(min_value=0, max_value=LATEST)
    ends_at = serializers.IntegerField(min_value=0, max_value=LATEST)
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=200)
    preview = serializers.BooleanField(required=False, default=False)

    example = {"node": "gpu-1", "begins_at": 1790000000, "ends_at": 1790007200, "reason": "New driver", "preview": True}


class MaintenancesView(APIView):
    """GET /api/v1/maintenance: what is planned and what goes on.

    POST {"node": …} or {"pool": …}, with begins_at and ends_at in Unix seconds, plans it and says what that does;
    with `preview` it plans nothing.
    """

    def get_permissions(self) -> Sequence[Any]:
        if self.request.method == "POST":
            return [IsAuthenticated(), IsPlatformAdmin()]
        return super().get_permissions()

    @answers(ListObject[MaintenanceObject])
    @reads()
    def get(self, request: Request) -> Response:
        query_of(request)
        require_member(request)
        return listed([as_json(one) for one in Maintenance.objects.to_come().select_related("node", "pool")])

    @answers(PlannedMaintenance)
    @reads(MaintenanceBody)
    def post(self, request: Request) -> Response:
        asked = body_of(request)
        if ("node" in asked) == ("pool" in asked):
            raise UserError(message("maintenance_of_one"), code="invalid_value", param="node")
        window: dict[str, Any] = {
            "node": node_named(asked["node"]) if "node" in asked else None,
            "pool": pool_named(asked["pool"]) if "pool" in asked else None,
            **{name: datetime.fromtimestamp(asked[name], UTC) for name in ("begins_at", "ends_at")},
        }
        effect = effect_of(**window)
        window["reason"] = asked["reason"]
        made = None if asked["preview"] else plan(**window, by=user_of(request))
        found: PlannedMaintenance = {
            **_window_as_json(made or Maintenance(**window)),
            "id": made.pk if made else None,
            "state": _state_of(made) if made else None,
            "drained": effect.drained,
            "held_back": effect.held_back,
            **on_the_wire(said_of(effect)),
        }
        return Response(found)


class MaintenanceView(APIView):
    """DELETE /api/v1/maintenance/{id}: called off; one that goes on ends at once."""

    permission_classes = [IsAuthenticated, IsPlatformAdmin]

    @answers(DeletedObject)
    @reads()
    def delete(self, request: Request, maintenance_id: str) -> Response:
        require_no_body(request)
        cancel(maintenance=maintenance_named(maintenance_id), by=user_of(request))
        return Response(deleted("maintenance", maintenance_id))


def as_json(one: Maintenance) -> MaintenanceObject:
    return {**_window_as_json(one), "id": one.pk, "state": _state_of(one)}


def _state_of(one: Maintenance) -> Literal["planned", "going_on"]:
    return "going_on" if one.is_on else "planned"


def _window_as_json(one: Maintenance) -> WindowObject:
    return {
        "object": "maintenance",
        "node": one.node.name if one.node else None,
        "pool": one.pool.name if one.pool else None,
        "begins_at": int(one.begins_at.timestamp()),
        "ends_at": int(one.ends_at.timestamp()),
        "reason": one.reason,
    }
