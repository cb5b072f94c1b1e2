"""DRF serializers made of TypedDicts: the type that mypy holds a function to is also what describes its answer."""

import ast
import functools
import inspect
import itertools
import sys
import types
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Required,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from rest_framework import serializers

from common.fields import Either

_PLAIN: dict[Any, tuple[type[serializers.Field], dict[str, Any]]] = {
    str: (serializers.CharField, {"allow_blank": True, "trim_whitespace": False}),
    bool: (serializers.BooleanField, {}),
    int: (serializers.IntegerField, {}),
    float: (serializers.FloatField, {}),
    object: (serializers.JSONField, {"allow_null": True}),
    Any: (serializers.JSONField, {"allow_null": True}),
}


def field_of(hint: Any, **options: Any) -> Any:
    """Return the field of a type that JSON has: of a TypedDict its serializer, of `A | B` an `Either`.

    `Annotated[str, choices]` is a text that is one of `choices`, such as a model's states.
    """
    members = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    kinds = [member for member in members if member is not types.NoneType]
    if len(kinds) < len(members):
        options["allow_null"] = True
    if len(kinds) > 1:
        return Either([field_of(kind) for kind in kinds], **options)
    if not kinds:
        return serializers.ChoiceField(choices=(), **options)  # nothing but null
    [kind] = kinds
    if kind in _PLAIN:
        made, settings = _PLAIN[kind]
        return made(**options | settings)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return serializers.ChoiceField(choices=arguments, **options)
    if origin is Annotated:
        return serializers.ChoiceField(choices=[str(choice) for choice in kind.__metadata__[0]], **options)
    if origin in (list, tuple):
        return serializers.ListField(child=field_of(arguments[0]), **options)
    if origin is dict:
        return serializers.DictField(child=field_of(arguments[1]), **options)
    return serializer_of(kind)(**options)


@functools.cache
def serializer_of(kind: Any) -> type[serializers.Serializer[Any]]:
    """Return the serializer of a TypedDict, which may be generic: `ListObject[FileObject]`."""
    origin = get_origin(kind) or kind
    if not is_typeddict(origin):
        raise TypeError(f"{kind} is no TypedDict.")
    notes = _notes(origin)
    fields = {
        name: field_of(hint, required=name in origin.__required_keys__, help_text=notes.get(name))
        for name, hint in _hints(kind).items()
    }
    name = "".join(part.__name__ for part in (*get_args(kind), origin))
    return type(name, (serializers.Serializer,), {"__doc__": origin.__doc__, **fields})


def _hints(kind: Any) -> dict[str, Any]:
    """Return the type of every key, with those of its parameters (`T`) filled in."""
    origin = get_origin(kind) or kind
    given: dict[Any, Any] = {}
    for base in (kind, *getattr(origin, "__orig_bases__", ())):
        given |= zip(getattr(get_origin(base), "__parameters__", ()), get_args(base), strict=False)
    return {name: _filled(hint, given) for name, hint in get_type_hints(origin, include_extras=True).items()}


def _filled(hint: Any, given: dict[Any, Any]) -> Any:
    if get_origin(hint) in (NotRequired, Required):
        [hint] = get_args(hint)
    if isinstance(hint, TypeVar):
        return given[hint]
    open_ones = getattr(hint, "__parameters__", ())
    return hint[tuple(given[one] for one in open_ones)] if open_ones else hint


def _notes(kind: Any) -> dict[str, str]:
    """Return the text below each key in the source."""
    try:
        [found] = ast.parse(inspect.getsource(kind)).body
    except OSError:  # made by a call, as where a key is a word of Python
        return {}
    assert isinstance(found, ast.ClassDef)
    notes: dict[str, str] = {}
    for base in found.bases:
        above = vars(sys.modules[kind.__module__]).get(ast.unparse(base).partition("[")[0])
        notes |= _notes(above) if is_typeddict(above) else {}
    for line, below in itertools.pairwise(found.body):
        if isinstance(line, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            notes[ast.unparse(line.target)] = inspect.cleandoc(str(below.value.value))
    return notes
