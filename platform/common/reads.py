"""What each route reads, said once, at its view, by the serializers of its body and of its query.

A view gets both by `body_of` and `query_of`, which know no other serializers than those declared; what is not described
is refused by name. Where a body is read elsewhere, as one that streams, its reader takes names and limits from the
serializer, or the tests hold the two together.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from common.answers import marked
from common.errors import UserError
from common.fields import Checked, refusal_of_type
from common.messages import message
from common.wording import in_words

View = TypeVar("View", bound=Callable[..., Any])


class Body(serializers.Serializer[Any]):
    """An object that is sent, with an example of one."""

    example: ClassVar[Mapping[str, Any]] = {}


class Query(serializers.Serializer[Any]):
    """What follows the question mark of an address; an object is written as `name[key]=value`."""


@dataclass(frozen=True, kw_only=True)
class Reads:
    """What a route reads."""

    body: type[Body] | None = None
    query: type[Query] = Query
    kind: str = "application/json"
    """The content type of the body."""


def reads(
    body: type[Body] | None = None, *, query: type[Query] = Query, kind: str = "application/json"
) -> Callable[[View], View]:
    """Declare what a view, a method of one, or an ASGI application reads; without arguments: nothing."""

    def mark(view: View) -> View:
        view.reads = Reads(body=body, query=query, kind=kind)  # type: ignore[attr-defined]
        return view

    return mark


def reads_of(view: Any, method: str) -> Reads | None:
    """Return what `view`, as listed in the URL conf, declares to read for `method`."""
    return getattr(marked(view, method), "reads", None)


def body_of(request: Request) -> dict[str, Any]:
    """Return the body's fields; an unknown one is refused, since it would otherwise be ignored in silence."""
    if not isinstance(request.data, dict):
        raise UserError(message("body_no_object"), code="invalid_type")
    kind = _declared(request).body
    assert kind is not None
    return read_json(kind, request.data)


def read_json(kind: type[serializers.Serializer[Any]], data: Any) -> dict[str, Any]:
    """Return the fields of an object that came as JSON: a number is a number there, and no text that looks like one."""
    form = kind(data=data)
    _refuse_unknown(form, data)
    _refuse_other_types(form, data)
    return _valid(form)


def query_of(request: Request) -> dict[str, Any]:
    """Return the query's fields; an unknown one is refused."""
    kind = _declared(request).query
    sent = _gathered(kind().fields, request.query_params.dict())
    form = kind(data=sent)
    _refuse_unknown(form, sent)
    return _valid(form)


def require_no_body(request: Request) -> None:
    """Refuse fields where none is read, since they would be ignored in silence."""
    if not request.data:
        return
    name = next(iter(request.data)) if isinstance(request.data, dict) else "body"
    raise ValidationError({str(name): in_words(message("takes_no_fields"))})


def _declared(request: Request) -> Reads:
    """Return what the method that answers `request` declares."""
    assert request.parser_context is not None
    found: Reads = getattr(request.parser_context["view"], str(request.method).lower()).reads
    return found


def _valid(form: serializers.Serializer[Any]) -> dict[str, Any]:
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


def _gathered(fields: Mapping[str, Any], sent: Mapping[str, str]) -> dict[str, Any]:
    """Return the query with every `name[key]` of an object under its name."""
    objects: dict[str, dict[str, str]] = {}
    plain: dict[str, str] = {}
    for name, value in sent.items():
        whole, opened, key = name.partition("[")
        if opened and key.endswith("]") and isinstance(fields.get(whole), serializers.DictField):
            objects.setdefault(whole, {})[key.removesuffix("]")] = value
        else:
            plain[name] = value
    return {**objects, **plain}


def _refuse_unknown(form: Any, data: Any, path: str = "") -> None:
    """Refuse an unknown field, also in the objects and lists of a body."""
    form = form.read if isinstance(form, Checked) else form
    if isinstance(form, serializers.ListSerializer):
        for number, part in enumerate(data if isinstance(data, list) else []):
            _refuse_unknown(form.child, part, f"{path}.{number}")
    elif isinstance(form, serializers.Serializer) and isinstance(data, dict):
        if unknown := sorted(set(data) - set(form.fields)):
            said = message("field_not_known", known=list(form.fields) or "none")
            raise ValidationError({f"{path}.{unknown[0]}".lstrip("."): in_words(said)})
        for name, value in data.items():
            _refuse_unknown(form.fields[name], value, f"{path}.{name}")


def _refuse_other_types(form: Any, data: Any, path: str = "") -> None:
    """Refuse a value of another type than its field, which DRF would read as one; what it refuses is left to it."""
    form = form.read if isinstance(form, Checked) else form
    if isinstance(form, serializers.Serializer) and isinstance(data, dict):
        for name, value in data.items():
            _refuse_other_types(form.fields[name], value, f"{path}.{name}")
    elif isinstance(form, serializers.ListSerializer | serializers.ListField) and isinstance(data, list):
        for number, part in enumerate(data):
            _refuse_other_types(form.child, part, f"{path}.{number}")
    elif isinstance(form, serializers.DictField) and isinstance(data, dict):
        for name, value in data.items():
            _refuse_other_types(form.child, value, f"{path}.{name}")
    elif data is not None and (refusal := refusal_of_type(data, form)):
        raise ValidationError({path.lstrip("."): refusal})
