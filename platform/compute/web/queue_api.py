"""The queue over HTTP: to administrators all of it, to others their team's part."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypedDict

from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import IsPlatformAdmin, is_platform_admin
from accounts.models import Team
from accounts.requests import no_team, team_named, team_of, user_of
from common.answers import ListObject, answers
from common.api import one_page
from common.reads import Body, Query, body_of, query_of, reads, require_no_body
from common.wording import MessageObject, on_the_wire
from compute.administering import preempting, queue
from compute.models import Priority, Run
from compute.services import explain

PRIORITIES = {priority.word: priority for priority in Priority}


STATES = ("waiting", "running")


class QueueQuery(Query):
    state = serializers.ChoiceField(STATES, required=False, default="waiting", allow_blank=True)
    team = serializers.CharField(required=False, default="", allow_blank=True, max_length=100)
    kind = serializers.CharField(required=False, default="", allow_blank=True, max_length=40)
    priority = serializers.ChoiceField(list(PRIORITIES), required=False, default="", allow_blank=True)
    pool = serializers.CharField(required=False, default="", allow_blank=True, max_length=60)
    search = serializers.CharField(required=False, default="", allow_blank=True, max_length=100)
    after = serializers.CharField(required=False, default="", max_length=40)
    limit = serializers.IntegerField(default=20, min_value=1, max_value=100)


class QueuedObject(TypedDict):
    """Work that waits or runs; the place is known of the first in line. Times in Unix seconds."""

    id: str
    object: Literal["queue.run"]
    state: Annotated[str, Run.State]
    position: int | None
    kind: str
    label: str
    model: str
    team: str
    user: str | None
    pool: str
    accelerators: int | None
    priority: str
    queued_at: int
    started_at: int | None
    node: str | None
    stop_reason: str | None
    code: str | None
    params: dict[str, object] | None
    message: str | None
    eta_low: int | None
    eta_high: int | None


class QueueView(APIView):
    """GET /api/v1/queue?state=&team=&kind=&priority=&pool=&search=&after=&limit=: what waits, by priority and place.

    `state=running`: what runs instead.
    """

    @answers(ListObject[QueuedObject])
    @reads(query=QueueQuery)
    def get(self, request: Request) -> Response:
        asked = query_of(request)
        own = None if is_platform_admin(request) else team_of(request)
        found = queue.line(question_of(asked, own=own), after=asked["after"])
        return one_page(found, asked["limit"], as_json)


class MoveBody(Body):
    """Which end of its priority work goes to."""

    to = serializers.ChoiceField(["front", "back"])

    example = {"to": "front"}


class MoveView(APIView):
    """POST /api/v1/queue/{run}/move {"to": "front"}: to the front, or the back, of its priority."""

    permission_classes = [IsAuthenticated, IsPlatformAdmin]

    @answers(QueuedObject)
    @reads(MoveBody)
    def post(self, request: Request, run: str) -> Response:
        return Response(as_json(queue.move(run_id=run, by=user_of(request), **body_of(request))))


class PriorityBody(Body):
    """The priority of work that waits."""

    priority = serializers.ChoiceField(list(PRIORITIES))

    example = {"priority": "high"}


class PriorityView(APIView):
    """POST /api/v1/queue/{run}/priority {"priority": "high"}."""

    permission_classes = [IsAuthenticated, IsPlatformAdmin]

    @answers(QueuedObject)
    @reads(PriorityBody)
    def post(self, request: Request, run: str) -> Response:
        priority = PRIORITIES[body_of(request)["priority"]]
        return Response(as_json(queue.prioritise(run_id=run, priority=priority, by=user_of(request))))


class PreemptionEffect(MessageObject):
    """What preempting would do: how many Runs that wait could start instead, and all of it in sentences."""

    object: Literal["effect"]
    starts: int


class PreemptView(APIView):
    """POST /api/v1/queue/{run}/preempt: it saves a checkpoint and waits again in its place. GET: what that would do."""

    permission_classes = [IsAuthenticated, IsPlatformAdmin]

    @answers(PreemptionEffect)
    @reads()
    def get(self, request: Request, run: str) -> Response:
        query_of(request)
        found = queue.run_named(run)
        preempting.require_running(found)
        effect = preempting.effect_of(found)
        said = on_the_wire(preempting.said_of(effect, found))
        return Response(PreemptionEffect(object="effect", starts=effect.starts, **said))

    @answers(QueuedObject)
    @reads()
    def post(self, request: Request, run: str) -> Response:
        require_no_body(request)
        return Response(as_json(preempting.preempt(run_id=run, by=user_of(request))))


def question_of(asked: Mapping[str, str], *, own: Team | None) -> queue.Question:
    """Return what somebody asks who sees the team `own` alone; None: all of them."""
    name = asked["team"]
    if own is not None and name not in ("", own.slug, own.name):
        raise no_team(name)
    team = own if own is not None else team_named(name) if name else None
    return queue.Question(
        team=team,
        is_running=asked["state"] == "running",
        kind=asked["kind"],
        priority=PRIORITIES.get(asked["priority"]),
        pool=asked["pool"],
        find=asked["search"].strip().replace("\0", ""),
    )


def as_json(run: Run) -> QueuedObject:
    forecast, is_waiting = getattr(run, "forecast", None), run.state == Run.State.WAITING
    said: Any = on_the_wire(explain(run))
    return {
        "id": run.pk,
        "object": "queue.run",
        "state": run.state,
        "position": forecast.position if forecast and is_waiting else None,
        "kind": run.kind,
        "label": run.label,
        "model": run.model,
        "team": run.team.slug,
        "user": run.user.email if run.user else None,
        "pool": run.pool.name,
        "accelerators": run.accelerators,
        "priority": Priority(run.priority).word,
        "queued_at": int(run.queued_at.timestamp()),
        "started_at": int(run.started_at.timestamp()) if run.started_at else None,
        "node": run.node.name if run.node else None,
        "stop_reason": run.stop_reason or None,
        "code": said["code"],
        "params": said["params"],
        "message": said["message"],
        "eta_low": int(forecast.low_at.timestamp()) if is_waiting and forecast and forecast.low_at else None,
        "eta_high": int(forecast.high_at.timestamp()) if is_waiting and forecast and forecast.high_at else None,
    }
