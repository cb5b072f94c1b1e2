"""The catalogue over HTTP: read by every key, changed by administrators."""

from typing import Annotated, Literal, TypedDict

from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import IsPlatformAdmin
from accounts.requests import user_of
from catalogue import services
from catalogue.folders import Facts
from catalogue.models import BaseModel
from common.answers import ListObject, answers
from common.api import listed
from common.days import read_day
from common.reads import Body, body_of, reads, require_no_body
from common.wording import in_words


class SourceObject(TypedDict):
    """Where a base model can be had."""

    kind: str
    repo: str


class BaseModelObject(Facts):
    """A base model of the catalogue; times are unix seconds."""

    object: Literal["base_model"]
    id: str
    display_name: str
    licence: str
    licence_url: str
    licence_accepted: bool
    sources: list[SourceObject]
    state: Annotated[str, BaseModel.State]
    bytes_done: int
    bytes_total: int
    error: str
    error_code: str | None
    error_params: dict[str, object] | None
    sha256: str | None
    present_at: int | None
    shutdown_date: str | None
    """The day from which it is to be gone, as administrators have announced it."""


def as_json(base: BaseModel) -> BaseModelObject:
    """Return a base model as the API shows it."""
    return {
        "object": "base_model",
        "id": base.id,
        "display_name": base.display_name,
        "family": base.family,
        "parameters": base.parameters,
        "context_length": base.context_length,
        "hidden_size": base.hidden_size,
        "num_layers": base.num_layers,
        "vocab_size": base.vocab_size,
        "licence": base.licence,
        "licence_url": base.licence_url,
        "licence_accepted": base.licence_is_open,
        "sources": [{"kind": s["kind"], "repo": s["repo"] or s["requirement"]} for s in base.sources],
        "template": base.template,
        "state": base.state,
        "bytes_done": base.bytes_done,
        "bytes_total": base.bytes_total,
        "error": in_words(base.error),
        "error_code": base.error_code or None,
        "error_params": base.error.stored()["params"] if base.error else None,
        "sha256": base.sha256 or None,
        "present_at": int(base.present_at.timestamp()) if base.present_at else None,
        "shutdown_date": base.leaves_on.isoformat() if base.leaves_on else None,
    }


class _Admin(APIView):
    permission_classes = [IsAuthenticated, IsPlatformAdmin]


class Download(Body):
    """What a download of a base model needs."""

    accept_licence = serializers.BooleanField(default=False)

    example = {"accept_licence": True}


class Shutdown(Body):
    """The day from which a base model is to be gone; null for none."""

    shutdown_date = serializers.CharField(allow_null=True, max_length=40)
    """As 2027-01-14."""

    example = {"shutdown_date": "2027-01-14"}


class Token(Body):
    """A hub's token; an empty one removes it."""

    token = serializers.CharField(allow_blank=True, max_length=500)

    example = {"token": "hf_…"}


class CatalogueView(APIView):
    """GET /api/v1/catalogue"""

    @answers(ListObject[BaseModelObject])
    def get(self, request: Request) -> Response:
        return listed([as_json(base) for base in BaseModel.objects.all()])


class ModelView(APIView):
    """GET /api/v1/catalogue/{id}"""

    @answers(BaseModelObject)
    def get(self, request: Request, model_id: str) -> Response:
        return Response(as_json(services.get_model(model_id)))


class DownloadView(_Admin):
    """POST /api/v1/catalogue/{id}/download {"accept_licence": true}"""

    @answers(BaseModelObject, status=202)
    @reads(Download)
    def post(self, request: Request, model_id: str) -> Response:
        asked = body_of(request)
        base = services.get_model(model_id)
        if asked["accept_licence"]:
            services.accept_licence(base=base, by=user_of(request))
        services.request_download(base=base, by=user_of(request))
        return Response(as_json(services.get_model(model_id)), status=202)


class LicenceView(_Admin):
    """POST /api/v1/catalogue/{id}/accept_licence"""

    @answers(BaseModelObject)
    @reads()
    def post(self, request: Request, model_id: str) -> Response:
        require_no_body(request)
        services.accept_licence(base=services.get_model(model_id), by=user_of(request))
        return Response(as_json(services.get_model(model_id)))


class ShutdownView(_Admin):
    """PUT /api/v1/catalogue/{id}/shutdown_date: what OpenAI's list of models says of the base and all that is of it"""

    @answers(BaseModelObject)
    @reads(Shutdown)
    def put(self, request: Request, model_id: str) -> Response:
        day = read_day(body_of(request)["shutdown_date"] or "", "shutdown_date")
        base = services.get_model(model_id)
        services.announce_shutdown(base=base, by=user_of(request), day=day)
        return Response(as_json(services.get_model(model_id)))


class HubTokenView(_Admin):
    """PUT /api/v1/hubs/{hub}/token {"token": "…"}; an empty one removes it. It is never shown."""

    @answers(None, status=204)
    @reads(Token)
    def put(self, request: Request, hub: str) -> Response:
        services.set_hub_token(hub=hub, token=body_of(request)["token"], by=user_of(request))
        return Response(status=204)
