"""Jobs side by side: their page, and the same over HTTP."""

from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.requests import PageRequest, team_of
from common.answers import answers
from common.errors import NotFound, UserError
from common.reads import Query, query_of, reads
from common.wording import in_words
from evaluations.web.comparing import (
    ComparisonObject,
    answer_rows,
    comparison_of,
    figure_rows,
    heads_of,
    jobs_named,
    outcome_rows,
    setting_rows,
)


@login_required
@require_GET
def compare_jobs(request: PageRequest) -> HttpResponse:
    """Show two to four jobs side by side; with fewer or more of them the list says how many it takes."""
    try:
        jobs = jobs_named(request.team, request.GET.getlist("job"))
    except NotFound:
        raise
    except UserError as error:
        messages.error(request, in_words(error.message))
        return redirect("jobs")
    outcomes = comparison_of(jobs)["jobs"]
    named = urlencode({"jobs": ",".join(job.pk for job in jobs)}, safe=",")
    context = {
        "heads": heads_of(jobs, outcomes),
        "settings": setting_rows(jobs),
        "outcomes": outcome_rows(outcomes),
        "figures": figure_rows(jobs),
        "answers": answer_rows(jobs),
        "curl": f"curl '{settings.PUBLIC_URL}/api/v1/jobs/compare?{named}' -H 'Authorization: Bearer sk-luthier-…'",
    }
    return render(request, "evaluations/compare_jobs.html", context)


class _Compared(Query):
    jobs = serializers.CharField(max_length=250)


class CompareJobs(APIView):
    """GET /api/v1/jobs/compare?jobs=A,B: two to four jobs, in what they differ, and what came of each"""

    @answers(ComparisonObject)
    @reads(query=_Compared)
    def get(self, request: Request) -> Response:
        team = team_of(request)
        asked: str = query_of(request)["jobs"]
        return Response(comparison_of(jobs_named(team, [name.strip() for name in asked.split(",")])))
