"""The form of an answer: a JSON object with certain keys, or a text with fixed parts.

It is learned from examples, so that nobody has to write a schema, and no pattern of anybody's is ever run: a form is
checked in time that grows with the answer alone.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, NoReturn, TypedDict

_BLANK = re.compile(r"\{[^{}\n]{1,60}\}")


class StoredForm(TypedDict, total=False):
    """A form as JSON: `keys` and `optional` of an object, or the `pieces` of a text."""

    keys: dict[str, list[str]]
    """What type the value of each key may have."""
    optional: list[str]
    """Keys that may be missing."""
    pieces: list[str]
    """What stands before the first gap, between two, and after the last one."""


def form_of_objects(texts: Sequence[str]) -> StoredForm | None:
    """Return the form that all of `texts` share: one JSON object each; None where some text is none."""
    values = [_object_in(text) for text in texts]
    objects = [value for value in values if value is not None]
    if not objects or len(objects) < len(values):
        return None
    keys: dict[str, set[str]] = {}
    for value in objects:
        for key, part in value.items():
            keys.setdefault(key, set()).add(_type_of(part))
    always = set.intersection(*(set(value) for value in objects))
    return {"keys": {key: sorted(types) for key, types in keys.items()}, "optional": sorted(set(keys) - always)}


def form_of_template(template: str) -> StoredForm | None:
    """Return the form of a text such as "Reason: {reason}"; None where it has no gap, or nothing but gaps."""
    pieces = _BLANK.split(_lines(template))
    if len(pieces) < 2 or not any(piece.strip() for piece in pieces) or "" in pieces[1:-1]:
        return None
    return {"pieces": pieces}


def fits(form: StoredForm, answer: str) -> bool:
    """Return whether the whole answer has this form; each gap of a text holds something."""
    if "pieces" in form:
        return _has_pieces(form["pieces"], _lines(answer))
    value = _object_in(answer)
    if value is None:
        return False
    keys, optional = form.get("keys", {}), form.get("optional", [])
    has_all = all(key in value for key in keys if key not in optional)
    return has_all and all(key in keys and _type_of(part) in keys[key] for key, part in value.items())


def _has_pieces(pieces: Sequence[str], answer: str) -> bool:
    first, *between, last = pieces
    if not answer.startswith(first) or not answer.endswith(last):
        return False
    begin, end = len(first), len(answer) - len(last)
    for piece in between:
        found = answer.find(piece, begin + 1, end)
        if found < 0 or not answer[begin:found].strip():
            return False
        begin = found + len(piece)
    return begin < end and bool(answer[begin:end].strip())


def _lines(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _object_in(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return kinds[type(value)]
