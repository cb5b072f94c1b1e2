"""Arrays of messages without an object around them: a conversation each, where other files have one array of rows."""

import json
import re
from collections.abc import Mapping
from typing import Any

from datasets_app.formats.text_scan import open_depth

_TEXTS = frozenset({"content", "parts", "text", "tool_calls"})
_BEGUN = re.compile(r'\[\s*\{\s*"(?:role|from)"\s*:\s*"')
"""The beginning of a first message that is longer than what is looked at."""
_FIRST = re.compile(r"\[\s*")


def is_message(value: Any) -> bool:
    """Tell one message of a conversation from a row."""
    if not isinstance(value, Mapping) or "messages" in value or "conversations" in value:
        return False
    return ("role" in value and bool(_TEXTS & value.keys())) or {"from", "value"} <= value.keys()


def is_bare(text: bytes) -> bool:
    """Tell whether a text that begins with an array has a conversation in each, and not all rows in one."""
    first, _, rest = text.partition(b"\n")
    return (rest.lstrip().startswith(b"[") and open_depth(first) == 0) or _begins_with_message(text)


def _begins_with_message(head: bytes) -> bool:
    text = head.decode("utf-8", "replace")
    start = _FIRST.match(text)
    if start is None:
        return False
    try:
        first, _ = json.JSONDecoder(strict=False).raw_decode(text, start.end())
    except (ValueError, RecursionError):
        return _BEGUN.match(text) is not None
    return is_message(first)
