"""What each route answers, said once, at its view, by the type of what the view returns.

A view returns plain dicts, as its TypedDicts say, so that a list costs no serializer. `Declared.serializer` is what an
API schema is made of; the tests hold every answer that they get to it, so that neither can change alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypedDict, TypeVar

from rest_framework import serializers

from common.typed_serializers import field_of

T = TypeVar("T")
View = TypeVar("View", bound=Callable[..., Any])


class ListObject(TypedDict, Generic[T]):
    """A list in OpenAI's form: with the ids of its ends, by which a client asks for more."""

    object: Literal["list"]
    data: list[T]
    has_more: bool
    first_id: str | None
    last_id: str | None


class DeletedObject(TypedDict):
    """What is left to say of something that was deleted."""

    id: str
    object: str
    deleted: Literal[True]


class ErrorDetail(TypedDict):
    """What is wrong: in words, and by a code that programs can distinguish."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorObject(TypedDict):
    """OpenAI's error object: the body of every answer from status 400 on."""

    error: ErrorDetail


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What a route answers to a request that succeeds."""

    body: Any
    """A TypedDict, or None for an answer without a body. A preview has the shape of what it previews."""
    status: int = 200
    streams: Mapping[str, Any] = field(default_factory=dict)
    """Content types that it may have instead of JSON, with the type of each line or event; None for bytes."""

    @property
    def serializer(self) -> serializers.Field[Any, Any, Any, Any] | None:
        """The serializer of the body."""
        return field_of(self.body) if self.body is not None else None


def answers(body: Any, *, status: int = 200, streams: Mapping[str, Any] | None = None) -> Callable[[View], View]:
    """Declare what a view, a method of one, or an ASGI application answers."""

    def mark(view: View) -> View:
        view.answers = Declared(body=body, status=status, streams=streams or {})  # type: ignore[attr-defined]
        return view

    return mark


def declared(view: Any, method: str) -> Declared | None:
    """Return what `view`, as listed in the URL conf, declares for `method`."""
    found: Declared | None = getattr(marked(view, method), "answers", None)
    return found


def marked(view: Any, method: str) -> Any:
    """Return what stands under the decorators of `view`, as listed in the URL conf: itself, or its method."""
    kind = getattr(view, "cls", None)
    return view if kind is None else getattr(kind, "get" if method == "HEAD" else method.lower(), None)
