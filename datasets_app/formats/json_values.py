"""Parses one JSON value that a stranger wrote: depth and length are checked before any parser sees it."""

import json
import re
from collections.abc import Mapping
from typing import Any, Self

from datasets_app.formats.base import RowFault
from datasets_app.formats.streams import LONGEST_ROW
from datasets_app.messages import message
from wording import Message

DEEPEST = 100

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
"""A string, or what is left from a quote that is never closed: every byte is looked at once."""
_BRACKET = re.compile(rb"[\[\]{}]")

_CAUSES = {
    "expecting value": message("expecting_value"),
    "expecting ',' delimiter": message("expecting_comma"),
    "expecting ':' delimiter": message("expecting_colon"),
    "expecting property name enclosed in double quotes": message("expecting_name"),
    "unterminated string": message("unterminated_string"),
    "invalid control character": message("invalid_control_character"),
    "invalid \\escape": message("invalid_escape"),
}


class _NotJSON(ValueError):
    """A constant or number that is not valid JSON."""


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
            kind="not_json",
            message=message("no_json_value", value=str(error)),
            hint=message("write_null_or_finite"),
        )
    except json.JSONDecodeError as error:
        return _not_json(error, line)
    except (ValueError, RecursionError):
        return RowFault(
            line=line,
            kind="not_json",
            message=message("row_number_too_long"),
            hint=message("write_long_numbers_as_text"),
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
        kind="line_too_long",
        message=message("row_too_long", mebibytes=LONGEST_ROW // 2**20),
        hint=message("shorten_the_example"),
    )


def too_deep(line: int) -> RowFault:
    """Return the fault of a row beyond DEEPEST."""
    return RowFault(
        line=line,
        kind="nested_too_deep",
        message=message("row_nested_too_deep", levels=DEEPEST),
        hint=message("write_a_flat_list"),
    )


def not_utf8(raw: bytes, line: int, error: UnicodeDecodeError) -> RowFault:
    """Say at which byte UTF-8 ends; `raw` begins on `line`."""
    at = line + raw.count(b"\n", 0, error.start)
    position = error.start - (raw.rfind(b"\n", 0, error.start) + 1) + 1
    if error.reason == "unexpected end of data":
        return RowFault(
            line=at,
            kind="truncated_utf8",
            message=message("row_ends_in_a_character", position=position),
            hint=message("upload_the_whole_file"),
        )
    return RowFault(
        line=at,
        kind="not_utf8",
        message=message("byte_not_utf8", position=position, byte=f"0x{raw[error.start]:02X}"),
        hint=message("save_file_as_utf8_again"),
    )


def _fault_before_parsing(raw: bytes, line: int) -> RowFault | None:
    if len(raw) > LONGEST_ROW:
        return too_long(line)
    if b"\0" in raw:
        position = raw.index(b"\0")
        return RowFault(
            line=line + raw.count(b"\n", 0, position),
            kind="binary",
            message=message("row_binary"),
            hint=message("save_file_as_utf8_again"),
        )
    return too_deep(line) if is_deep(raw) else None


def is_deep(raw: bytes) -> bool:
    """Return whether brackets outside of strings nest deeper than DEEPEST."""
    if raw.count(b"[") + raw.count(b"{") <= DEEPEST:
        return False
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub(b"", raw)):
        depth += 1 if bracket[0] in b"[{" else -1
        if depth > DEEPEST:
            return True
    return False


def _not_json(error: json.JSONDecodeError, line: int) -> RowFault:
    hint = message("write_json_objects")
    if error.msg == "Extra data":
        why = message("more_after_json", column=error.colno)
        hint = message("put_each_on_its_line")
    elif not error.doc[: error.pos].strip():
        why = message("row_begins_otherwise", start=repr(error.doc.strip()[:20]))
    else:
        why = message("row_not_json", cause=_cause(error.msg), column=error.colno)
    return RowFault(line=line + error.lineno - 1, kind="not_json", message=why, hint=hint)


def _cause(text: str) -> Message | str:
    """Return what json says without the words that lead over to the place."""
    cause = text[:1].lower() + text[1:].rstrip(": ").removesuffix(" at").removesuffix(" starting")
    return _CAUSES.get(cause, cause)


def _refuse_constant(name: str) -> None:
    raise _NotJSON(name)


def _whole(text: str) -> int | Number:
    return Number(text) if text == "-0" else int(text)


def _finite(text: str) -> Number:
    number = Number(text)
    if number in (float("inf"), float("-inf")):
        raise _NotJSON(text[:40])
    return number
