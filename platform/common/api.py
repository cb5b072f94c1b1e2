"""How every API view answers with a list."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from rest_framework.response import Response

from common.answers import DeletedObject

M = TypeVar("M", bound=Model)


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
