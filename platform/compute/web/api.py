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
from compute.administering.nodes import pool_named
from compute.administering.quotas import MOST_ACCELERATORS, MOST_BYTES, MOST_SECONDS, quota_in, set_quota
from compute.administering.standings import Standing, standings
from compute.forecasting.lines import HowOften, how_often
from compute.messages import message
from compute.models import Pool
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
    """What is not sent stays as it is; null is no limit."""

    accelerators = _number()
    guaranteed = _number(may_be_null=False)
    ceiling = _number()
    accelerator_hours = _number()
    per_user = _number()
    longest_run_seconds = _number(MOST_SECONDS)
    storage_bytes = _number(MOST_BYTES)

    example = {"guaranteed": 1, "ceiling": 2}


class QuotaView(TeamView):
    """GET and PUT /api/v1/quotas/{team} {"guaranteed": 1, "ceiling": 2}; {"accelerators": 2} is a ceiling alone.

    `?pool=` says in which pool. What is not sent stays as it is; null is no limit. Members see their own team's quota,
    others' do not exist.
    """

    def get_permissions(self) -> Sequence[Any]:
        if self.request.method == "PUT":
            return [IsAuthenticated(), IsPlatformAdmin()]
        return super().get_permissions()

    @answers(QuotaObject)
    @reads(query=OfPool)
    def get(self, request: Request, team: str) -> Response:
        return Response(_as_json(team_of(request), _pool_of(request)))

    @answers(QuotaObject)
    @reads(QuotaBody, query=OfPool)
    def put(self, request: Request, team: str) -> Response:
        found, where = team_of(request), _pool_of(request)
        changes = body_of(request)
        if not changes:
            raise UserError(message("nothing_to_change"), code="missing_required_parameter")
        set_quota(team=found, pool=where, by=user_of(request), **changes)
        return Response(_as_json(found, where))


def _pool_of(request: Request) -> Pool:
    name = query_of(request)["pool"]
    return pool_named(name) if name else Pool.default()


def _as_json(team: Team, pool: Pool) -> QuotaObject:
    quota, standing = quota_in(team, pool), standings(pool).get(team.pk, Standing())
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
