"""Compute over HTTP: the pool for every key, quotas for administrators."""

from typing import Literal, TypedDict

from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import IsPlatformAdmin, is_platform_admin
from accounts.models import Team
from accounts.requests import team_named, team_of
from common.answers import answers
from common.api import body_of
from compute import services
from compute.forecasting import HowOften, how_often
from compute.pool import Pool


class QuotaObject(TypedDict):
    """How many accelerators a team may hold at once; null: the whole pool."""

    object: Literal["quota"]
    team: str
    name: str
    accelerators: int | None


class PoolObject(Pool):
    """Everything that the pool's page and its API show."""

    object: Literal["pool"]


class ForecastsObject(HowOften):
    """How often the first range of a Run held, of the newest ones that have started."""

    object: Literal["forecasts"]


class PoolView(APIView):
    """GET /api/v1/pool: nodes, devices and teams; members see their own team and others' devices as taken."""

    @answers(PoolObject)
    def get(self, request: Request) -> Response:
        team = None if is_platform_admin(request) else team_of(request)
        found: PoolObject = {"object": "pool", **services.pool(team=team)}
        return Response(found)


class ForecastsView(APIView):
    """GET /api/v1/pool/forecasts: how often the ranges of when waiting Runs start have held; 80 % should."""

    permission_classes = [IsAuthenticated, IsPlatformAdmin]

    @answers(ForecastsObject)
    def get(self, request: Request) -> Response:
        found: ForecastsObject = {"object": "forecasts", **how_often()}
        return Response(found)


class QuotaBody(serializers.Serializer):
    accelerators = serializers.IntegerField(min_value=0, max_value=services.MOST_ACCELERATORS, allow_null=True)


class QuotaView(APIView):
    """GET and PUT /api/v1/quotas/{team} {"accelerators": 2}; null removes the quota, so that the whole pool is open."""

    permission_classes = [IsAuthenticated, IsPlatformAdmin]

    @answers(QuotaObject)
    def get(self, request: Request, team: str) -> Response:
        return Response(_as_json(team_named(team)))

    @answers(QuotaObject)
    def put(self, request: Request, team: str) -> Response:
        found = team_named(team)
        services.set_quota(team=found, accelerators=_accelerators(request), by=request.user)  # type: ignore[arg-type]
        return Response(_as_json(found))


def _accelerators(request: Request) -> int | None:
    value: int | None = body_of(QuotaBody, request)["accelerators"]
    return value


def _as_json(team: Team) -> QuotaObject:
    return {"object": "quota", "team": team.slug, "name": team.name, "accelerators": services.quota_of(team)}
