"""/api/v1/models: tuned models with what people call them, where they come from, and their cards."""

from typing import Annotated, Literal, TypedDict

from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Team
from accounts.requests import team_of, user_of
from common.answers import ListObject, answers
from common.api import one_page
from common.keysets import beyond
from common.lists import LONGEST_SEARCH
from common.reads import Query, body_of, query_of, reads
from common.texts import is_storable
from datasets_app.models import TrainingFile
from datasets_app.web.api import AnyAccept
from deployments.models import Deployment
from evaluations.web.model_files import adapter_response, card_response
from jobs.models import TunedModel
from jobs.tuned_models import get_model, rename_job
from jobs.web.names import NewName


class ModelList(Query):
    """A page of models, the newest first; `q` is part of a name, of the data's, the base's or the API's."""

    q = serializers.CharField(required=False, max_length=LONGEST_SEARCH, allow_blank=True)
    after = serializers.CharField(required=False, max_length=250)
    limit = serializers.IntegerField(default=20, min_value=1, max_value=100)


class DataObject(TypedDict):
    """The data set that a model learned from, as it was; what is null was deleted with it."""

    id: str
    filename: str | None
    version: int | None
    sha256: str | None


class TunedModelObject(TypedDict):
    """A `model.tuned`: `name` is for people, `model` is what requests say."""

    id: str
    object: Literal["model.tuned"]
    name: str
    is_named: bool
    model: str
    base_model: str
    parent: str | None
    """The tuned model or checkpoint that it was trained further from; null where it was the base."""
    job: str
    result: Annotated[str, ("adapter", "model")]
    bytes: int
    sha256: str
    training_data: DataObject
    validation_data: DataObject | None
    evaluation: str | None
    deployments: list[str]
    created_at: int


class Models(APIView):
    """GET /api/v1/models?q=&after=&limit=: the team's tuned models, the newest first"""

    @answers(ListObject[TunedModelObject])
    @reads(query=ModelList)
    def get(self, request: Request) -> Response:
        asked = query_of(request)
        found = with_parts(models_of(team_of(request), asked.get("q", "")))
        if "after" in asked:
            last = get_model(team=team_of(request), model_id=asked["after"])
            found = found.filter(beyond(last.created_at, last.pk))
        return one_page(found, asked["limit"], model_as_json)


class OneModel(APIView):
    """GET, PATCH /api/v1/models/{id}, by its id or its name at the API; a new name is its job's as well"""

    @answers(TunedModelObject)
    @reads()
    def get(self, request: Request, model_id: str) -> Response:
        query_of(request)
        return Response(model_as_json(get_model(team=team_of(request), model_id=model_id)))

    @answers(TunedModelObject)
    @reads(NewName)
    def patch(self, request: Request, model_id: str) -> Response:
        asked = body_of(request)
        model = get_model(team=team_of(request), model_id=model_id)
        model.job.name = rename_job(job=model.job, by=user_of(request), **asked).name
        return Response(model_as_json(model))


class CardView(APIView):
    """GET /api/v1/models/{id}/card: Markdown in Hugging Face's shape"""

    content_negotiation_class = AnyAccept

    @answers(None, streams={"text/markdown": None})
    @reads()
    def get(self, request: Request, model_id: str) -> HttpResponse:
        query_of(request)
        return card_response(get_model(team=team_of(request), model_id=model_id))


class PackageView(APIView):
    """GET /api/v1/models/{id}/package: the adapter's files and the card, as one ZIP file"""

    content_negotiation_class = AnyAccept

    @answers(None, streams={"application/octet-stream": None})
    @reads()
    def get(self, request: Request, model_id: str) -> StreamingHttpResponse:
        query_of(request)
        return adapter_response(get_model(team=team_of(request), model_id=model_id))


def models_of(team: Team, text: str) -> QuerySet[TunedModel]:
    """Return the team's live models that have `text` in one of their names, the newest first."""
    found = TunedModel.objects.visible_to(team).live().select_related("base_model", "job__base_model")
    if text and is_storable(text):
        found = found.filter(
            Q(job__name__icontains=text)
            | Q(name__icontains=text)
            | Q(base_model__display_name__icontains=text)
            | Q(job__file_ids__training_name__icontains=text)
        )
    return found.order_by("-created_at", "-pk")


def with_parts(found: QuerySet[TunedModel]) -> QuerySet[TunedModel]:
    """Bring along what is said of each model."""
    live = Prefetch("deployments", queryset=Deployment.objects.live(), to_attr="live_deployments")
    files = ("job__training_file", "job__validation_file", "job__evaluation")
    return found.select_related(*files).prefetch_related(live)


def model_as_json(model: TunedModel) -> TunedModelObject:
    """Return a `model.tuned`."""
    job = model.job
    live = getattr(model, "live_deployments", None)
    deployments = Deployment.objects.live().filter(adapter=model) if live is None else live
    evaluation = getattr(job, "evaluation", None)
    validation = job.validation_file_id_shown
    return {
        "id": model.pk,
        "object": "model.tuned",
        "name": str(job),
        "is_named": bool(job.name),
        "model": model.name,
        "base_model": model.base_model_id,
        "parent": job.parent.get("name"),
        "job": job.pk,
        "result": model.result,
        "bytes": model.bytes,
        "sha256": model.sha256,
        "training_data": _data(job.training_file, job.training_file_id_shown, job.file_ids.get("training_name")),
        "validation_data": _data(job.validation_file, validation, None) if validation else None,
        "evaluation": evaluation.pk if evaluation is not None else None,
        "deployments": [one.name for one in deployments],
        "created_at": int(model.created_at.timestamp()),
    }


def _data(file: TrainingFile | None, file_id: str, name: str | None) -> DataObject:
    if file is None:
        return {"id": file_id, "filename": name, "version": None, "sha256": None}
    return {"id": file.pk, "filename": file.filename, "version": file.version, "sha256": file.sha256}
