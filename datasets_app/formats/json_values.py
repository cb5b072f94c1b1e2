"""Parses one JSON value that a stranger wrote: depth and length are checked before any parser sees it."""

import json
import re
from collections.abc import Mapping
from typing import Any, Self

from datasets_app.formats.base import RowFault
from datasets_app.formats.streams import LONGEST_ROW

DEEPEST = 100

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
"""A string, or what is left from a quote that is never closed: every byte is looked at once."""
_BRACKET = re.compile(rb"[\[\]{}]")

UTF8_HINT = "Save the file as UTF-8 and upload it again."


class _NotJSON(ValueError):
    """A constant or number that is no JSON."""


class Number(float):
    """A number that remembers its characters: as text, 3.10 is not 3.1."""

    written: str

    def __new__(cls, text: str) -> Self:
        number = super().__new__(cls, text)
        number.written = str(text)
        return number

    def __str__(self) -> str:
        return self.written


def parse_value(raw: bytes, line: int) -> Any:
    """Return the value that `raw` holds, or a RowFault for `line` (where the value begins)."""
    if fault := _fault_before_parsing(raw, line):
        return fault
    try:
        return from_json(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        return not_utf8(raw, line, error)
    except _NotJSON as error:
        return RowFault(
            line=line,
            code="not_json",
            message=f"{error} is no value of JSON.",
            hint="Write null or a finite number instead, or leave the key out.",
        )
    except json.JSONDecodeError as error:
        return _not_json(error, line)
    except (ValueError, RecursionError):
        return RowFault(
            line=line,
            code="not_json",
            message="The row holds a number too long to be read.",
            hint="Write long numbers as text, between quotes.",
        )


def from_json(text: str) -> Any:
    """Return the value of JSON text, whose numbers remember how they are written. Raises ValueError."""
    return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite, parse_int=_whole)


def to_json(value: Any) -> str:
    """Return `value` as JSON text, with numbers as they were written."""
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(str(key), ensure_ascii=False)}: {to_json(part)}" for key, part in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(to_json, value))}]"
    return value.written if isinstance(value, Number) else json.dumps(value, ensure_ascii=False, default=str)


def too_long(line: int) -> RowFault:
    """Return the fault of a row beyond LONGEST_ROW."""
    return RowFault(
        line=line,
        code="line_too_long",
        message=f"The row is longer than {LONGEST_ROW // 2**20} MiB, the most that one example may have.",
        hint="Shorten or split the example. If a line break is missing, put each example on a line of its own.",
    )


def too_deep(line: int) -> RowFault:
    """Return the fault of a row beyond DEEPEST."""
    return RowFault(
        line=line,
        code="nested_too_deep",
        message=f"The row nests brackets more than {DEEPEST} levels deep.",
        hint="Write each example as a flat list of messages.",
    )


def not_utf8(raw: bytes, line: int, error: UnicodeDecodeError) -> RowFault:
    """Say at which byte UTF-8 ends; `raw` begins on `line`."""
    at = line + raw.count(b"\n", 0, error.start)
    position = error.start - (raw.rfind(b"\n", 0, error.start) + 1) + 1
    if error.reason == "unexpected end of data":
        return RowFault(
            line=at,
            code="truncated_utf8",
            message=f"The row ends in the middle of a character, at byte {position} of the line.",
            hint="The file seems to be cut off. Upload the whole file.",
        )
    return RowFault(
        line=at,
        code="not_utf8",
        message=f"Byte {position} of the line (0x{raw[error.start]:02X}) is not UTF-8.",
        hint=UTF8_HINT,
    )


def _fault_before_parsing(raw: bytes, line: int) -> RowFault | None:
    if len(raw) > LONGEST_ROW:
        return too_long(line)
    if b"\0" in raw:
        position = raw.index(b"\0")
        return RowFault(
            line=line + raw.count(b"\n", 0, position),
            code="binary",
            message="The row holds a NUL byte, so it is binary data and not text.",
            hint=UTF8_HINT,
        )
    return too_deep(line) if is_deep(raw) else None


def is_deep(raw: bytes) -> bool:
    """Tell whether brackets outside of strings nest deeper than DEEPEST."""
    if raw.count(b"[") + raw.count(b"{") <= DEEPEST:
        return False
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub(b"", raw)):
        depth += 1 if bracket[0] in b"[{" else -1
        if depth > DEEPEST:
            return True
    return False


def _not_json(error: json.JSONDecodeError, line: int) -> RowFault:
    hint = 'Write each example as one JSON object, with double quotes: {"messages": [...]}.'
    if error.msg == "Extra data":
        message = f"After the first JSON value, at column {error.colno}, something else follows."
        hint = "Put each example on a line of its own, without a comma after it."
    elif not error.doc[: error.pos].strip():
        message = f"The row is not JSON: it begins with {error.doc.strip()[:20]!r}."
    else:
        message = f"The row is not JSON: {_cause(error.msg)}, at column {error.colno}."
    return RowFault(line=line + error.lineno - 1, code="not_json", message=message, hint=hint)


def _cause(text: str) -> str:
    """Return what json says without the words that lead over to the place."""
    return text[:1].lower() + text[1:].rstrip(": ").removesuffix(" at").removesuffix(" starting")


def _refuse_constant(name: str) -> None:
    raise _NotJSON(name)


def _whole(text: str) -> int | Number:
    return Number(text) if text == "-0" else int(text)


def _finite(text: str) -> Number:
    number = Number(text)
    if number in (float("inf"), float("-inf")):
        raise _NotJSON(text[:40])
    return number
