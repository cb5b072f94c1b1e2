"""How every API view reads a request, strictly, and answers with a list."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from common.answers import DeletedObject
from common.errors import UserError
from common.messages import message
from common.wording import in_words

M = TypeVar("M", bound=Model)


def query_of(
    kind: type[serializers.Serializer], request: Request, *, beside: Callable[[str], bool] = lambda name: False
) -> dict[str, Any]:
    """Return the query's fields; an unknown one is refused, but those that `beside` says are read elsewhere."""
    query = request.query_params.dict()
    form = kind(data=query)
    _refuse_unknown(form, {name: value for name, value in query.items() if not beside(name)})
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


def require_no_body(request: Request) -> None:
    """Refuse fields where none is read, since they would be ignored in silence."""
    if not request.data:
        return
    name = next(iter(request.data)) if isinstance(request.data, dict) else "body"
    raise ValidationError({str(name): in_words(message("takes_no_fields"))})


def body_of(kind: type[serializers.Serializer], request: Request) -> dict[str, Any]:
    """Return the body's fields; an unknown one is refused, since it would otherwise be ignored in silence."""
    if not isinstance(request.data, dict):
        raise UserError(message("body_no_object"), code="invalid_type")
    form = kind(data=request.data)
    _refuse_unknown(form, request.data)
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


def _refuse_unknown(form: Any, data: Any, path: str = "") -> None:
    """Refuse an unknown field, also in the objects and lists of a body."""
    if isinstance(form, serializers.ListSerializer):
        for number, part in enumerate(data if isinstance(data, list) else []):
            _refuse_unknown(form.child, part, f"{path}.{number}")
    elif isinstance(form, serializers.Serializer) and isinstance(data, dict):
        if unknown := sorted(set(data) - set(form.fields)):
            said = message("field_not_known", known=list(form.fields) or "none")
            raise ValidationError({f"{path}.{unknown[0]}".lstrip("."): in_words(said)})
        for name, value in data.items():
            _refuse_unknown(form.fields[name], value, f"{path}.{name}")


def listed(data: Sequence[Mapping[str, object]], *, has_more: bool = False, **beside: Any) -> Response:
    """Return a list in OpenAI's form: with the ids of its ends, by which a client asks for more."""
    ends = (
        {"first_id": data[0].get("id"), "last_id": data[-1].get("id")} if data else {"first_id": None, "last_id": None}
    )
    return Response({"object": "list", "data": data, "has_more": has_more, **ends, **beside})


def deleted(kind: str, name: str) -> DeletedObject:
    """Return what is left to say of something that was deleted."""
    return {"id": name, "object": kind, "deleted": True}


def one_page(rows: QuerySet[M], limit: int, as_json: Callable[[M], Mapping[str, object]]) -> Response:
    """Return the first `limit` of `rows`, which are ordered and begin where the page does."""
    found = list(rows[: limit + 1])
    return listed([as_json(row) for row in found[:limit]], has_more=len(found) > limit)
