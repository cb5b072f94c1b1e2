"""What JSON text is before it is parsed: how many brackets are open, and whether arrays are conversations.

Arrays of messages without an object around them are a conversation each, where other files have one array of rows.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

_TEXTS = frozenset({"content", "parts", "text", "tool_calls"})
_BEGUN = re.compile(r'\[\s*\{\s*"(?:role|from)"\s*:\s*"')
"""The beginning of a first message that is longer than what is looked at."""
_FIRST = re.compile(r"\[\s*")
_OUTSIDE = re.compile(rb'["\[\]{}]')
_INSIDE = re.compile(rb'["\\]')


def open_depth(raw: bytes) -> int:
    """Return how many brackets are still open at the end of `raw`, or 1 at least when a string is."""
    depth, at = 0, 0
    while (found := _OUTSIDE.search(raw, at)) is not None:
        at = found.end()
        if found[0] != b'"':
            depth += 1 if found[0] in b"[{" else -1
            continue
        end = end_of_string(raw, at)
        if end < 0:
            return max(depth, 0) + 1
        at = end
    return depth


def end_of_string(raw: bytes, at: int) -> int:
    """Return the position after the quote that ends the string around `at`, or -1."""
    while (found := _INSIDE.search(raw, at)) is not None:
        if found[0] == b'"':
            return found.end()
        at = found.end() + 1
    return -1


def is_message(value: Any) -> bool:
    """Return whether it is one message of a conversation rather than a row."""
    if not isinstance(value, Mapping) or "messages" in value or "conversations" in value:
        return False
    return ("role" in value and bool(_TEXTS & value.keys())) or {"from", "value"} <= value.keys()


def is_bare(text: bytes) -> bool:
    """Return whether a text that begins with an array has a conversation in each, and not all rows in one."""
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
