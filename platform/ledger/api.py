"""Usage over HTTP: one's own team's, and to administrators every team's."""

from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import is_platform_admin
from accounts.models import Team
from accounts.requests import no_team, team_named, team_of
from common.answers import ListObject, answers
from common.api import listed
from common.fields import CheckedText
from common.reads import Query, query_of, reads
from common.tables import as_csv
from ledger.asking import question_of
from ledger.reading import COUNTED, GROUPS, Question, Sums, usage


class UsageQuery(Query):
    to = CheckedText(serializers.DateField(), default="")
    group_by = CheckedText(serializers.ChoiceField(choices=GROUPS), default="")
    team = serializers.CharField(required=False, default="", max_length=100)

    def get_fields(self) -> dict[str, Any]:
        return {"from": CheckedText(serializers.DateField(), default=""), **super().get_fields()}


class UsageRow(TypedDict):
    """What one team, person, day or model has used; that key alone is there, null where it is unknown."""

    team: NotRequired[str | None]
    user: NotRequired[str | None]
    day: NotRequired[str | None]
    model: NotRequired[str | None]
    accelerator_seconds: float
    requests: int
    prompt_tokens: int
    completion_tokens: int


class UsageView(APIView):
    """GET /api/v1/usage?from=&to=&group_by=team|user|day|model; an administrator may name one team: &team="""

    def get_permissions(self) -> Sequence[Any]:
        return [IsAuthenticated()] if is_platform_admin(self.request) else super().get_permissions()

    @answers(ListObject[UsageRow])
    @reads(query=UsageQuery)
    def get(self, request: Request) -> Response | HttpResponse:
        question = _question(request)
        return listed([as_json(sums, question.by) for sums in usage(question)])


class UsageFileView(UsageView):
    """GET /api/v1/usage.csv, asked as /api/v1/usage is."""

    @answers(None, streams={"text/csv": None})
    @reads(query=UsageQuery)
    def get(self, request: Request) -> Response | HttpResponse:
        question = _question(request)
        name = f"usage-{question.first}-{question.last}-{question.by}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        content = _as_csv(usage(question), by=question.by)
        return HttpResponse(content, content_type="text/csv; charset=utf-8", headers=headers)


def as_json(sums: Sums, by: str) -> UsageRow:
    """Return a row as the API shows it; null where it is not known whose it was."""
    row: UsageRow = {
        "accelerator_seconds": round(float(sums.accelerator_seconds), 3),
        "requests": sums.requests,
        "prompt_tokens": sums.prompt_tokens,
        "completion_tokens": sums.completion_tokens,
    }
    row[by] = sums.key or None  # type: ignore[literal-required]
    return row


def _question(request: Request) -> Question:
    asked = query_of(request)
    team = _team(request, asked["team"])
    return question_of(first=asked["from"], last=asked["to"], by=asked["group_by"], team=team)


def _team(request: Request, name: str) -> Team | None:
    """Return whose usage it is; None: every team's."""
    if is_platform_admin(request):
        return team_named(name) if name else None
    own = team_of(request)
    if name not in ("", own.slug, own.name):
        raise no_team(name)
    return own


def _as_csv(rows: Sequence[Sums], *, by: str) -> str:
    """Return usage as comma-separated values: a line of names and one for each row."""
    return as_csv([by, *COUNTED], ([row.key, *(getattr(row, name) for name in COUNTED)] for row in rows))
