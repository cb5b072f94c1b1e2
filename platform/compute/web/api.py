"""Compute over HTTP: the pool for every key, quotas for administrators."""

from collections.abc import Sequence
from typing import Any, Literal, TypedDict

from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import TeamView
from accounts.authentication import IsPlatformAdmin, is_platform_admin
from accounts.models import Team
from accounts.requests import team_of, user_of
from common.answers import answers
from common.errors import UserError
from common.reads import Body, Query, body_of, query_of, reads
from common.wording import MessageObject, on_the_wire
from compute.administering.nodes import pool_named
from compute.administering.quotas import (
    MOST_ACCELERATORS,
    MOST_BYTES,
    MOST_SECONDS,
    effect_of,
    quota_in,
    said_of,
    set_quota,
    with_changes,
)
from compute.administering.standings import Standing, standings
from compute.forecasting.lines import HowOften, how_often
from compute.messages import message
from compute.models import Pool, Quota
from compute.pool import WholePool, whole_pool


class QuotaObject(TypedDict):
    """A team's share of the pool, and what it makes of it; null: no limit."""

    object: Literal["quota"]
    team: str
    name: str
    pool: str
    accelerators: int | None
    """The ceiling, as it was called before there were guarantees."""
    guaranteed: int
    ceiling: int | None
    accelerator_hours: int | None
    per_user: int | None
    longest_run_seconds: int | None
    storage_bytes: int | None
    in_use: int
    borrowed: int
    waiting: int
    hours_used: float
    hours_held: float


class ChangedQuota(QuotaObject, MessageObject):
    """A quota, and what the change does at once: Runs that can start, are preempted or paused, and all in words."""

    starts: int
    preempted: int
    paused: int


class PoolObject(WholePool):
    """Everything that the pool's page and its API show."""

    object: Literal["pool"]


class ForecastsObject(HowOften):
    """How often the first range of a Run held, of the newest ones that have started."""

    object: Literal["forecasts"]


class OfPool(Query):
    """Which pool is meant; "": the one that nodes belong to by default."""

    pool = serializers.CharField(required=False, default="", max_length=60)


class PoolView(APIView):
    """GET /api/v1/pool: nodes, devices and teams; members see their own team and others' devices as taken.

    `pool` shows one pool alone.
    """

    @answers(PoolObject)
    @reads(query=OfPool)
    def get(self, request: Request) -> Response:
        name = query_of(request)["pool"]
        team = None if is_platform_admin(request) else team_of(request)
        found: PoolObject = {"object": "pool", **whole_pool(team=team, of=pool_named(name) if name else None)}
        return Response(found)


class ForecastsView(APIView):
    """GET /api/v1/pool/forecasts: how often the ranges of when waiting Runs start have held; 80 % should."""

    permission_classes = [IsAuthenticated, IsPlatformAdmin]

    @answers(ForecastsObject)
    def get(self, request: Request) -> Response:
        found: ForecastsObject = {"object": "forecasts", **how_often()}
        return Response(found)


def _number(most: int = MOST_ACCELERATORS, *, may_be_null: bool = True) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=0, max_value=most, allow_null=may_be_null, required=False)


class QuotaBody(Body):
    """What is not sent stays as it is, null is no limit; `preview` only says what the change would do."""

    accelerators = _number()
    guaranteed = _number(may_be_null=False)
    ceiling = _number()
    accelerator_hours = _number()
    per_user = _number()
    longest_run_seconds = _number(MOST_SECONDS)
    storage_bytes = _number(MOST_BYTES)
    preview = serializers.BooleanField(required=False, default=False)

    example = {"guaranteed": 1, "ceiling": 2, "preview": True}


class QuotaView(TeamView):
    """GET and PUT /api/v1/quotas/{team} {"guaranteed": 1, "ceiling": 2}; {"accelerators": 2} is a ceiling alone.

    `?pool=` says in which pool. What is not sent stays as it is; null is no limit. The answer says what the change does
    at once; with `preview` nothing is changed. Members see their own team's quota, others' do not exist.
    """

    def get_permissions(self) -> Sequence[Any]:
        if self.request.method == "PUT":
            return [IsAuthenticated(), IsPlatformAdmin()]
        return super().get_permissions()

    @answers(QuotaObject)
    @reads(query=OfPool)
    def get(self, request: Request, team: str) -> Response:
        found, where = team_of(request), _pool_of(request)
        return Response(_as_json(found, where, quota_in(found, where)))

    @answers(ChangedQuota)
    @reads(QuotaBody, query=OfPool)
    def put(self, request: Request, team: str) -> Response:
        found, where = team_of(request), _pool_of(request)
        changes = body_of(request)
        is_preview = changes.pop("preview")
        if not changes:
            raise UserError(message("nothing_to_change"), code="missing_required_parameter")
        effect = effect_of(team=found, pool=where, changes=changes)
        if is_preview:
            found.storage_bytes = changes.get("storage_bytes", found.storage_bytes)
            quota = with_changes(team=found, pool=where, changes=changes)
        else:
            set_quota(team=found, pool=where, by=user_of(request), **changes)
            quota = quota_in(found, where)
        changed: ChangedQuota = {
            **_as_json(found, where, quota),
            "starts": effect.starts,
            "preempted": effect.preempted,
            "paused": effect.ended,
            **on_the_wire(said_of(effect)),
        }
        return Response(changed)


def _pool_of(request: Request) -> Pool:
    name = query_of(request)["pool"]
    return pool_named(name) if name else Pool.default()


def _as_json(team: Team, pool: Pool, quota: Quota) -> QuotaObject:
    standing = standings(pool).get(team.pk, Standing())
    return {
        "object": "quota",
        "team": team.slug,
        "name": team.name,
        "pool": pool.name,
        "accelerators": quota.ceiling,
        "guaranteed": quota.guaranteed,
        "ceiling": quota.ceiling,
        "accelerator_hours": quota.accelerator_hours,
        "per_user": quota.per_user,
        "longest_run_seconds": quota.longest_run_seconds,
        "storage_bytes": team.storage_bytes,
        "in_use": standing.in_use,
        "borrowed": standing.borrowed,
        "waiting": standing.waiting,
        "hours_used": standing.hours_used,
        "hours_held": standing.hours_held,
    }
