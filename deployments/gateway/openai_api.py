"""OpenAI's routes of models and inference."""

from datetime import datetime
from typing import Literal, NotRequired, TypedDict

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Scope, Team
from accounts.requests import team_of, user_of
from catalogue.models import BaseModel
from common.answers import DeletedObject, ListObject, answers
from common.api import deleted, listed
from common.errors import UserError, answer_to
from common.reads import reads, require_no_body
from deployments import services
from deployments.gateway.admission import admit, is_local_program
from deployments.gateway.bodies import NewChatCompletion, NewCompletion
from deployments.gateway.gateway import gateway
from deployments.gateway.in_flight import in_database
from deployments.messages import message
from deployments.models import Deployment
from deployments.names import find_target
from jobs.models import TunedModel
from serving import wire


class ModelObject(TypedDict):
    """OpenAI's model object."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    shutdown_date: NotRequired[str]
    """The day from which its base is to be gone; absent where none is announced."""


@answers(wire.ChatCompletion, streams={"text/event-stream": wire.ChatChunk})
@reads(NewChatCompletion)
@csrf_exempt
async def chat_completions(request: HttpRequest) -> HttpResponseBase:
    return await _completions(request, is_chat=True)


@answers(wire.TextCompletion, streams={"text/event-stream": wire.TextChunk})
@reads(NewCompletion)
@csrf_exempt
async def completions(request: HttpRequest) -> HttpResponseBase:
    return await _completions(request, is_chat=False)


class Models(APIView):
    read_scopes = (Scope.TRAIN,)  # whoever trains looks for a base

    @answers(ListObject[ModelObject])
    def get(self, request: Request) -> Response:
        """List the bases that can be trained, by each of their names, the team's tuned models and its deployments."""
        team = team_of(request)
        own = [*_tuned(team), *_deployments(team)]
        taken = {one["id"] for one in own}  # a deployment's name goes before a mapped one
        return listed([*(base for base in _bases() if base["id"] not in taken), *own])


class Model(APIView):
    read_scopes = (Scope.TRAIN,)

    @answers(ModelObject)
    def get(self, request: Request, name: str) -> Response:
        team = team_of(request)
        target = find_target(team=team, name=name)
        if target.deployment is not None:
            return Response(_as_json(name, target.deployment.created_at, team.slug, target.base_model))
        if target.adapter is not None:
            return Response(_as_json(name, target.adapter.created_at, team.slug, target.base_model))
        return Response(_as_json(name, target.base_model.present_at, "luthier", target.base_model))

    @answers(DeletedObject)
    @reads()
    def delete(self, request: Request, name: str) -> Response:
        require_no_body(request)
        services.delete_model(team=team_of(request), by=user_of(request), name=name)
        return Response(deleted("model", name))


async def _completions(request: HttpRequest, *, is_chat: bool) -> HttpResponseBase:
    if request.method != "POST":
        answer = answer_to(UserError(message("question_not_posted"), status=405))
        return JsonResponse(answer.body, status=answer.status, headers={"Allow": "POST"})
    try:
        question = await in_database(
            admit,
            authorization=request.headers.get("Authorization", ""),
            is_local=is_local_program(request),
            content=request.body,
            address=request.META.get("REMOTE_ADDR", ""),
        )
        return await gateway().answer(question, is_chat=is_chat, request_id=getattr(request, "id", ""))
    except Exception as error:
        answer = answer_to(error, where="a question")
        return JsonResponse(answer.body, status=answer.status, headers=answer.headers)


def _bases() -> list[ModelObject]:
    present = BaseModel.objects.present().prefetch_related("names")
    named = [(name, base) for base in present for name in (base.pk, *(other.pk for other in base.names.all()))]
    return [_as_json(name, base.present_at, "luthier", base) for name, base in named]


def _tuned(team: Team) -> list[ModelObject]:
    adapters = TunedModel.objects.visible_to(team).live().select_related("base_model")
    return [_as_json(adapter.name, adapter.created_at, team.slug, adapter.base_model) for adapter in adapters]


def _deployments(team: Team) -> list[ModelObject]:
    deployments = Deployment.objects.visible_to(team).live().select_related("base_model")
    return [
        _as_json(deployment.name, deployment.created_at, team.slug, deployment.base_model) for deployment in deployments
    ]


def _as_json(name: str, created: datetime | None, owner: str, base: BaseModel) -> ModelObject:
    created_at = int(created.timestamp()) if created else 0
    found: ModelObject = {"id": name, "object": "model", "created": created_at, "owned_by": owner}
    return {**found, "shutdown_date": base.leaves_on.isoformat()} if base.leaves_on else found
