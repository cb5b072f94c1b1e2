"""Usage over HTTP: one's own team's, and to administrators every team's."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import is_platform_admin
from accounts.requests import team_of
from common.api import query_of
from ledger.asking import question_of
from ledger.reading import COUNTED, Question, Sums, usage
from ledger.tables import as_csv


class UsageQuery(serializers.Serializer[Any]):
    to = serializers.CharField(required=False, default="")
    group_by = serializers.CharField(required=False, default="")

    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.CharField(required=False, default=""), **super().get_fields()}


class UsageView(APIView):
    """GET /api/v1/usage?from=&to=&group_by=team|user|day|model"""

    def get_permissions(self) -> Sequence[Any]:
        return [IsAuthenticated()] if is_platform_admin(self.request) else super().get_permissions()

    def get(self, request: Request) -> Response | HttpResponse:
        question = _question(request)
        data = [as_json(sums, question.by) for sums in usage(question)]
        return Response({"object": "list", "data": data, "has_more": False})


class UsageFileView(UsageView):
    """GET /api/v1/usage.csv, asked as /api/v1/usage is."""

    def get(self, request: Request) -> Response | HttpResponse:
        question = _question(request)
        name = f"usage-{question.first}-{question.last}-{question.by}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        content = as_csv(usage(question), by=question.by)
        return HttpResponse(content, content_type="text/csv; charset=utf-8", headers=headers)


def as_json(sums: Sums, by: str) -> dict[str, Any]:
    """Return a row as the API shows it; null where nobody knows whose it was."""
    counts = {name: getattr(sums, name) for name in COUNTED}
    return {by: sums.key or None, **counts, "accelerator_seconds": round(float(sums.accelerator_seconds), 3)}


def _question(request: Request) -> Question:
    asked = query_of(UsageQuery, request)
    team = None if is_platform_admin(request) else team_of(request)
    return question_of(first=asked["from"], last=asked["to"], by=asked["group_by"], team=team)
