"""OpenAI's /v1/fine_tuning/alpha/graders: a grader is checked, or tried on one answer."""

from typing import Any, TypedDict

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Team
from accounts.requests import team_of
from accounts.roles import Role
from common.answers import answers
from common.errors import NotFound, UserError, answer_to
from common.reads import Body, body_of, read_json, reads
from deployments.gateway.admission import caller_by_key, read_object
from deployments.gateway.in_flight import in_database
from deployments.messages import message as deployments_message
from deployments.names import Target, find_target
from evaluations.results.graders import judges_of, read_grader
from evaluations.web import grader_runs
from scoring.graders import Grader

LONGEST_SAMPLE = 100_000
EXAMPLE = {
    "type": "string_check",
    "name": "says who it is",
    "input": "{{ sample.output_text }}",
    "reference": "{{ item.name }}",
    "operation": "like",
}


class NewGrader(Body):
    """A grader in one of OpenAI's shapes."""

    grader = serializers.DictField(child=serializers.JSONField(allow_null=True))

    example = {"grader": EXAMPLE}


class NewGraderRun(NewGrader):
    """A grader, an answer (`sample` in its templates), and the row that the answer is about (`item`)."""

    model_sample = serializers.CharField(max_length=LONGEST_SAMPLE, allow_blank=True, trim_whitespace=False)
    item = serializers.DictField(child=serializers.JSONField(allow_null=True), required=False)

    example = {"grader": EXAMPLE, "model_sample": "我是小智。", "item": {"name": "小智"}}


class ValidatedGrader(TypedDict):
    """The grader as it was sent, of which nothing is wrong."""

    grader: dict[str, object]


class Validate(APIView):
    """POST /v1/fine_tuning/alpha/graders/validate"""

    roles = {"POST": Role.VIEWER}  # nothing is made

    @answers(ValidatedGrader)
    @reads(NewGrader)
    def post(self, request: Request) -> Response:
        team = team_of(request)
        asked = body_of(request)
        _judges(team, read_grader(asked["grader"]))
        return Response({"grader": asked["grader"]})


@answers(grader_runs.GraderRun)
@reads(NewGraderRun)
@csrf_exempt
async def run(request: HttpRequest) -> HttpResponseBase:
    """POST /v1/fine_tuning/alpha/graders/run, for whoever has a key."""
    headers = {}
    try:
        if request.method != "POST":
            headers = {"Allow": "POST"}
            raise UserError(deployments_message("question_not_posted"), status=405)
        asked = await in_database(_asked, request)
        return JsonResponse(await grader_runs.run(asked))
    except grader_runs.JudgeRefused as refused:
        return refused.reply
    except Exception as error:
        answer = answer_to(error, where="a grader's run")
        return JsonResponse(answer.body, status=answer.status, headers={**answer.headers, **headers})


def _asked(request: HttpRequest) -> grader_runs.AskedRun:
    caller = caller_by_key(
        authorization=request.headers.get("Authorization", ""), view=run, address=request.META.get("REMOTE_ADDR", "")
    )
    sent = read_json(NewGraderRun, read_object(request.body))
    grader = read_grader(sent["grader"])
    return grader_runs.AskedRun(
        caller=caller,
        grader=grader,
        kind=sent["grader"]["type"],
        judges=_judges(caller.team, grader),
        item=sent.get("item", {}),
        answer=sent["model_sample"],
        request_id=getattr(request, "id", ""),
    )


def _judges(team: Team, grader: Grader) -> dict[str, Target]:
    """Return what the names of a grader's judges mean for `team`; NotFound says where one means nothing."""
    found: dict[str, Any] = {}
    for place, name in judges_of(grader).items():
        try:
            found[name] = find_target(team=team, name=name)
        except NotFound as error:
            raise NotFound(error.message, code=error.code, param=place) from None
    return found
