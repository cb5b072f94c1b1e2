"""/api/v1/evaluations: models asked the same questions, and what that comes to."""

from typing import Any

from django.db.models import Prefetch, QuerySet
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.requests import team_of, user_of
from common.answers import DeletedObject, ListObject, answers
from common.api import deleted, one_page
from common.errors import NotFound
from common.fields import Checked, Either
from common.idempotency import idempotent
from common.keysets import beyond
from common.reads import Body, Query, body_of, query_of, read_json, reads, require_no_body
from common.wording import in_words
from compute.models import Priority
from evaluations import services
from evaluations.messages import message
from evaluations.models import Evaluation, Question, Sample
from evaluations.results.verdicts import VerdictObject, verdict_of
from evaluations.web.wire import EvaluationObject, SampleObject, evaluation_as_json, sample_as_json
from jobs.services import get_job

PRIORITIES = {one.word: one for one in Priority if one != Priority.URGENT}
MOST_PROMPTS = 200
LONGEST_PROMPT = 16_000
CHANGES = list(Sample.Change.values)


class AskedPrompt(serializers.Serializer[Any]):
    """A question whose right answer may be known."""

    prompt = serializers.CharField(max_length=LONGEST_PROMPT, trim_whitespace=False)
    reference = serializers.CharField(
        max_length=LONGEST_PROMPT, trim_whitespace=False, required=False, allow_blank=True
    )


class PromptField(Checked):
    """A text, or {"prompt", "reference"} where the right answer is known."""

    def __init__(self, **options: Any) -> None:
        super().__init__(Either([serializers.CharField(max_length=LONGEST_PROMPT), AskedPrompt()]), **options)

    def to_internal_value(self, data: Any) -> dict[str, str]:
        asked = {"prompt": data} if isinstance(data, str) else data
        if not isinstance(asked, dict):
            raise ValidationError(in_words(message("evaluation_prompt_invalid")))
        return read_json(AskedPrompt, asked)


class NewEvaluation(Body):
    """Models, and what they are asked: the rows of a file, or prompts."""

    models = serializers.ListField(child=serializers.CharField(max_length=300), min_length=1, max_length=8)
    file = serializers.CharField(max_length=60, required=False)
    prompts = serializers.ListField(child=PromptField(), required=False, max_length=MOST_PROMPTS)
    graders = serializers.ListField(
        child=serializers.DictField(child=serializers.JSONField()), required=False, max_length=10
    )
    baseline = serializers.BooleanField(default=True)
    name = serializers.CharField(max_length=200, required=False, allow_blank=True)
    priority = serializers.ChoiceField(list(PRIORITIES), default="normal")

    example = {
        "models": ["ft:smollm2-135m-instruct:team:xiaozhi:AbCd1234"],
        "prompts": ["Who are you?", {"prompt": "2 + 2?", "reference": "4"}],
        "baseline": True,
    }


class _Page(Query):
    after = serializers.CharField(required=False, max_length=60)
    limit = serializers.IntegerField(default=20, min_value=1, max_value=100)


class _Evaluations(_Page):
    job = serializers.CharField(required=False, max_length=60)
    model = serializers.CharField(required=False, max_length=300)


class _Samples(Query):
    after = serializers.IntegerField(default=0, min_value=0, max_value=2**31 - 1)
    limit = serializers.IntegerField(default=50, min_value=1, max_value=200)
    change = serializers.ChoiceField(CHANGES, required=False)
    model = serializers.CharField(required=False, max_length=300)
    kind = serializers.ChoiceField(list(Question.Kind.values), required=False)


class Evaluations(APIView):
    """GET, POST /api/v1/evaluations"""

    @answers(ListObject[EvaluationObject])
    @reads(query=_Evaluations)
    def get(self, request: Request) -> Response:
        asked = query_of(request)
        found = with_parts(Evaluation.objects.visible_to(team_of(request)))
        if "job" in asked:
            found = found.filter(job=asked["job"])
        if "model" in asked:
            found = found.filter(subjects__name=asked["model"])
        if "after" in asked:
            last = _found(request, asked["after"], param="after")
            found = found.filter(beyond(last.created_at, last.pk))
        return one_page(found, asked["limit"], evaluation_as_json)

    @answers(EvaluationObject, status=201)
    @reads(NewEvaluation)
    def post(self, request: Request) -> Response:
        asked = body_of(request)
        asked["priority"] = PRIORITIES[asked["priority"]]

        def create() -> Response:
            made = services.create_evaluation(team=team_of(request), by=user_of(request), **asked)
            return Response(evaluation_as_json(made), status=201)

        return idempotent(request, create)


class OneEvaluation(APIView):
    """GET, DELETE /api/v1/evaluations/{id}"""

    @answers(EvaluationObject)
    @reads()
    def get(self, request: Request, evaluation_id: str) -> Response:
        query_of(request)
        return Response(evaluation_as_json(_found(request, evaluation_id)))

    @answers(DeletedObject)
    @reads()
    def delete(self, request: Request, evaluation_id: str) -> Response:
        require_no_body(request)
        services.delete_evaluation(evaluation=_found(request, evaluation_id), by=user_of(request))
        return Response(deleted("evaluation", evaluation_id))


class CancelView(APIView):
    """POST /api/v1/evaluations/{id}/cancel: the answers that are there stay."""

    @answers(EvaluationObject)
    @reads()
    def post(self, request: Request, evaluation_id: str) -> Response:
        require_no_body(request)
        found = services.cancel_evaluation(evaluation=_found(request, evaluation_id), by=user_of(request))
        return Response(evaluation_as_json(found))


class SamplesView(APIView):
    """GET /api/v1/evaluations/{id}/samples?change=better: questions with every answer, in order"""

    @answers(ListObject[SampleObject])
    @reads(query=_Samples)
    def get(self, request: Request, evaluation_id: str) -> Response:
        asked = query_of(request)
        found = samples_of(
            _found(request, evaluation_id), change=asked.get("change"), model=asked.get("model"), kind=asked.get("kind")
        )
        return one_page(found.filter(number__gt=asked["after"]), asked["limit"], sample_as_json)


class VerdictView(APIView):
    """GET /api/v1/jobs/{id}/verdict: one light with reasons and what to do; POST has a job evaluated that is not."""

    @answers(VerdictObject)
    @reads()
    def get(self, request: Request, job_id: str) -> Response:
        query_of(request)
        return Response(verdict_of(get_job(team=team_of(request), job_id=job_id)))

    @answers(VerdictObject)
    @reads()
    def post(self, request: Request, job_id: str) -> Response:
        require_no_body(request)
        job = get_job(team=team_of(request), job_id=job_id)
        services.evaluate_job(job=job, by=user_of(request))
        return Response(verdict_of(job))


def with_parts(found: QuerySet[Evaluation]) -> QuerySet[Evaluation]:
    """Bring along what is shown of each evaluation."""
    return found.select_related("run").prefetch_related("subjects")


def samples_of(
    evaluation: Evaluation, *, change: str | None = None, model: str | None = None, kind: str | None = None
) -> QuerySet[Question]:
    """Return the asked questions with their answers, those alone with such an answer where that is asked for."""
    samples = Sample.objects.select_related("subject").order_by("subject__position")
    found = evaluation.questions.filter(is_asked=True).prefetch_related(Prefetch("samples", queryset=samples))
    if kind:
        found = found.filter(kind=kind)
    wanted = Sample.objects.of(evaluation)
    if change:
        wanted = wanted.filter(change=change)
    if model:
        wanted = wanted.filter(subject__name=model)
    return found.filter(pk__in=wanted.values("question")) if change or model else found


def _found(request: Request, evaluation_id: str, *, param: str = "evaluation_id") -> Evaluation:
    try:
        return services.get_evaluation(team=team_of(request), evaluation_id=evaluation_id)
    except NotFound:
        raise NotFound(message("evaluation_not_found", id=evaluation_id[:60]), param=param) from None
