"""Names of other providers' models over HTTP: read by every key, changed by administrators."""

from typing import Literal, TypedDict

from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import IsPlatformAdmin
from accounts.requests import user_of
from catalogue.foreign_names import proposals, remove_model_name, set_model_name
from catalogue.models import ModelName
from common.answers import DeletedObject, ListObject, answers
from common.api import deleted, listed
from common.reads import Body, Query, body_of, query_of, reads, require_no_body


class ModelNameObject(TypedDict):
    """What a name means; `set_at` is null for one that is only proposed."""

    id: str
    object: Literal["model_name"]
    base: str
    set_at: int | None


class MappedName(Body):
    """The base that a name means."""

    base = serializers.CharField(max_length=80)

    example = {"base": "smollm2-135m-instruct"}


class NamesQuery(Query):
    proposed = serializers.BooleanField(default=False)
    """Those that nobody has mapped yet, each with a base of about its size."""


class ModelNamesView(APIView):
    """GET /api/v1/model_names?proposed="""

    @answers(ListObject[ModelNameObject])
    @reads(query=NamesQuery)
    def get(self, request: Request) -> Response:
        if query_of(request)["proposed"]:
            return listed([_as_json(one.name, one.base.pk, None) for one in proposals()])
        return listed([as_json(name) for name in ModelName.objects.all()])


class ModelNameView(APIView):
    """PUT, DELETE /api/v1/model_names/{name}"""

    permission_classes = [IsAuthenticated, IsPlatformAdmin]

    @answers(ModelNameObject)
    @reads(MappedName)
    def put(self, request: Request, name: str) -> Response:
        return Response(as_json(set_model_name(name=name, base_id=body_of(request)["base"], by=user_of(request))))

    @answers(DeletedObject)
    @reads()
    def delete(self, request: Request, name: str) -> Response:
        require_no_body(request)
        remove_model_name(name=name, by=user_of(request))
        return Response(deleted("model_name", name))


def as_json(name: ModelName) -> ModelNameObject:
    """Return a mapped name as the API shows it."""
    return _as_json(name.name, name.base_id, int(name.set_at.timestamp()))


def _as_json(name: str, base: str, set_at: int | None) -> ModelNameObject:
    return {"id": name, "object": "model_name", "base": base, "set_at": set_at}
