"""What teams may ask in a minute and in a day, over HTTP: read by everybody in a team, set by administrators."""

from collections.abc import Sequence
from typing import Any, Literal, TypedDict

from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TeamView
from accounts.authentication import IsPlatformAdmin
from accounts.messages import message
from accounts.models import ApiKey, Team
from accounts.rate_limits import limits_of
from accounts.requests import team_of, user_of
from accounts.teams import set_limits
from common.answers import answers
from common.errors import UserError
from common.reads import Body, body_of, query_of, reads

MOST = 10**12


def _limit() -> serializers.IntegerField:
    return serializers.IntegerField(min_value=0, max_value=MOST, required=False, allow_null=True)


class LimitsField(serializers.Serializer[Any]):
    """What is not said or null is as the platform has it; 0 is no limit."""

    requests_per_minute = _limit()
    requests_per_day = _limit()
    tokens_per_minute = _limit()
    tokens_per_day = _limit()


class LimitsBody(Body):
    """What is not sent stays as it is; null is as the platform has it, 0 is no limit."""

    requests_per_minute = _limit()
    requests_per_day = _limit()
    tokens_per_minute = _limit()
    tokens_per_day = _limit()

    example = {"requests_per_minute": 600, "tokens_per_day": 50_000_000}


class LimitsObject(TypedDict):
    """The limits that hold; 0 is no limit."""

    requests_per_minute: int
    requests_per_day: int
    tokens_per_minute: int
    tokens_per_day: int


class TeamLimitsObject(LimitsObject):
    """What all keys of a team together may ask."""

    object: Literal["rate_limits"]
    team: str


class TeamLimitsView(TeamView):
    """GET, PUT /api/v1/teams/{team}/limits {"requests_per_minute", "tokens_per_day", …}"""

    def get_permissions(self) -> Sequence[Any]:
        return [IsAuthenticated(), IsPlatformAdmin()] if self.request.method == "PUT" else super().get_permissions()

    @answers(TeamLimitsObject)
    @reads()
    def get(self, request: Request, team: str) -> Response:
        query_of(request)
        return Response(_team_json(team_of(request)))

    @answers(TeamLimitsObject)
    @reads(LimitsBody)
    def put(self, request: Request, team: str) -> Response:
        changes = body_of(request)
        if not changes:
            raise UserError(message("no_limit_sent"), code="missing_required_parameter")
        return Response(_team_json(set_limits(team=team_of(request), by=user_of(request), **changes)))


def limits_as_json(whose: ApiKey | Team) -> LimitsObject:
    found = limits_of(whose)
    return {
        "requests_per_minute": found["requests_per_minute"],
        "requests_per_day": found["requests_per_day"],
        "tokens_per_minute": found["tokens_per_minute"],
        "tokens_per_day": found["tokens_per_day"],
    }


def _team_json(team: Team) -> TeamLimitsObject:
    return {"object": "rate_limits", "team": team.slug, **limits_as_json(team)}
