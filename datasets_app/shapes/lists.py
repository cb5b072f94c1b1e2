"""Rows that are lists, a conversation without an object around it, and rows that hold one as text."""

from collections.abc import Mapping
from typing import Any

from datasets_app.formats.json_values import parse_value
from datasets_app.formats.raw_json import is_message


def as_row(value: Any) -> Any:
    """Return a list of messages as the row that it means, a list of one row as that row, anything else itself; a row
    whose messages are written as JSON in a cell, as tables have them, with the messages themselves."""
    if isinstance(value, Mapping):
        return _with_lists(value)
    if not isinstance(value, list) or not value:
        return value
    first = next((part for part in value if is_message(part)), None)
    if first is not None:
        key = "contents" if "parts" in first else "messages" if "role" in first else "conversations"
        return {key: value}
    if all(isinstance(part, Mapping) and {"prompt", "response"} <= part.keys() for part in value):
        first = {key: part for key, part in value[0].items() if key != "system"}  # Qianfan's rounds
        return {"system": value[0].get("system"), "conversation": [first, *value[1:]]}
    return value[0] if len(value) == 1 and isinstance(value[0], Mapping) else value


def _with_lists(row: Mapping[str, Any]) -> Mapping[str, Any]:
    for key in ("messages", "conversations"):
        text = row.get(key)
        if isinstance(text, str) and text.lstrip().startswith("["):
            parsed = parse_value(text.encode("utf-8", "surrogatepass"), 1)
            row = {**row, key: parsed} if isinstance(parsed, list) else row
    return row
