"""What a JSON Schema may say that an answer is held to: nothing in it is ignored, and a refusal says where it stands.

Pure, and bounded by the size of what was sent. OpenAI's rules for `strict`, and its words for what breaks them.
"""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from serving.messages import message
from wording import Message, as_written

MAX_CHARACTERS = 120_000
"""Of all names and values of a schema together; this and the next two are OpenAI's limits."""
MAX_PROPERTIES = 5_000
MAX_ENUM_VALUES = 1_000

_ANNOTATIONS = {"title", "description", "default", "examples", "$schema", "$id", "$comment", "deprecated"} | {
    "readOnly", "writeOnly",
}  # fmt: skip
_MAPS = ("properties", "patternProperties", "$defs", "definitions")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLE = ("items", "additionalProperties")
_ASSERTIONS = {
    "type", "enum", "const", "$ref", "required", "minProperties", "maxProperties", "minItems", "maxItems", "minLength",
    "maxLength", "pattern", "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
}  # fmt: skip
KEYWORDS = frozenset({*_ANNOTATIONS, *_MAPS, *_LISTS, *_SINGLE, *_ASSERTIONS})
"""Every keyword that is honoured, or says nothing of the answer."""
NOT_STRICT = ("allOf", "oneOf", "patternProperties", "prefixItems", "minProperties", "maxProperties")
"""Keywords that OpenAI does not permit where `strict` is true."""
_SPEAKS_OF_TYPE = ("type", "$ref", "anyOf", "enum", "const")

Place = tuple[str, ...]


class SchemaFault(Exception):
    """A schema that no answer can be held to."""

    def __init__(self, reason: Message) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class _Part:
    """A schema within the schema."""

    place: Place
    value: Any


def check_schema(schema: Any, *, is_strict: bool) -> None:
    """Raise SchemaFault where a schema has what is not honoured, is too large, or breaks the rules of `strict`."""
    if not isinstance(schema, dict):
        raise SchemaFault(message("schema_not_an_object"))
    if is_strict and schema.get("type") != "object":
        raise SchemaFault(message("schema_root_not_an_object", type=repr(schema.get("type"))))
    properties = values = 0
    for part in _parts(schema):
        if isinstance(part.value, bool) and part.place:
            continue
        _check_keywords(part)
        if is_strict:
            _check_strict(part)
        properties += len(part.value.get("properties", ()))
        values += len(part.value.get("enum", ()))
    _check_size(schema, properties, values)


def written(schema: dict[str, Any]) -> str:
    """Return a checked schema as JSON, its references as addresses: with what is not ASCII percent-encoded."""
    copied = copy.deepcopy(schema)
    for part in _parts(copied):
        if isinstance(part.value, dict) and "$ref" in part.value:
            part.value["$ref"] = quote(part.value["$ref"], safe="#/$%!&'()*+,;=:@?~")
    return json.dumps(copied, ensure_ascii=False)


def _parts(schema: dict[str, Any]) -> Iterator[_Part]:
    """Yield a schema and each one inside it; a body has few levels, so that none is too deep."""
    waiting = [_Part((), schema)]
    while waiting:
        part = waiting.pop()
        yield part
        if isinstance(part.value, dict):
            waiting.extend(_inside(part))


def _inside(part: _Part) -> Iterator[_Part]:
    for name in _MAPS:
        for key, inner in part.value.get(name, {}).items():
            yield _Part((*part.place, name, key), inner)
    for name in _LISTS:
        for number, inner in enumerate(part.value.get(name, ())):
            yield _Part((*part.place, name, str(number)), inner)
    for name in _SINGLE:
        if name in part.value:
            yield _Part((*part.place, name), part.value[name])


def _check_keywords(part: _Part) -> None:
    if not isinstance(part.value, dict):
        raise _fault(part, message("schema_part_not_a_schema"))
    for name, value in part.value.items():
        if name not in KEYWORDS:
            raise _fault(part, message("schema_keyword_not_permitted", keyword=name))
        kind: type | None = dict if name in _MAPS else list if name in (*_LISTS, "enum", "required") else None
        if kind is not None and not isinstance(value, kind):
            raise _fault(part, message("schema_keyword_malformed", keyword=name))
    required = part.value.get("required", [])
    if not all(isinstance(name, str) for name in required):
        raise _fault(part, message("schema_keyword_malformed", keyword="required"))
    target = part.value.get("$ref", "#")
    if not isinstance(target, str) or not target.startswith("#"):
        raise _fault(part, message("schema_reference_elsewhere", target=repr(target)))


def _check_strict(part: _Part) -> None:
    value = part.value
    for name in NOT_STRICT:
        if name in value:
            raise _fault(part, message("schema_keyword_not_permitted", keyword=name))
    if not any(name in value for name in _SPEAKS_OF_TYPE):
        raise _fault(part, message("schema_without_type"))
    kinds = value.get("type")
    if kinds != "object" and not (isinstance(kinds, list) and "object" in kinds) and "properties" not in value:
        return
    if value.get("additionalProperties") is not False:
        raise _fault(part, message("schema_open_object"))
    names, required = list(value.get("properties", {})), value.get("required", [])
    missing = next((name for name in names if name not in required), None)
    if missing is not None:
        raise _fault(part, message("schema_property_not_required", name=missing))
    extra = next((name for name in required if name not in names), None)
    if extra is not None:
        raise _fault(part, message("schema_extra_required", name=extra))


def _check_size(schema: dict[str, Any], properties: int, values: int) -> None:
    if properties > MAX_PROPERTIES:
        raise SchemaFault(message("schema_too_many_properties", number=properties, most=MAX_PROPERTIES))
    if values > MAX_ENUM_VALUES:
        raise SchemaFault(message("schema_too_many_values", number=values, most=MAX_ENUM_VALUES))
    characters = len(repr(schema))
    if characters > MAX_CHARACTERS:
        raise SchemaFault(message("schema_too_long", number=characters, most=MAX_CHARACTERS))


def _fault(part: _Part, reason: Message) -> SchemaFault:
    return SchemaFault(message("schema_fault_at", place=as_written(repr(part.place)), reason=reason))
