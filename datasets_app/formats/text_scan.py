"""Looks at brackets in raw JSON text without parsing it."""

import re

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
    """Return the position after the quote that ends the string in which `at` lies, or -1."""
    while (found := _INSIDE.search(raw, at)) is not None:
        if found[0] == b'"':
            return found.end()
        at = found.end() + 1
    return -1
