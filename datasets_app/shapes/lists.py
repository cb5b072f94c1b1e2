"""Rows that are lists: a conversation without an object around it."""

from collections.abc import Mapping
from typing import Any

from datasets_app.formats.bare import is_message


def as_row(value: Any) -> Any:
    """Return a list of messages as the row that it means, a list of one row as that row, anything else itself."""
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
