"""Looks for what may be marks of a chat template in raw JSON Lines, at the speed of memory.

It must find all that `markup.found_in` finds in messages, and may find more: such blocks are looked at row by row.
"""

import re
import sys
from typing import Any

import numpy as np

_GREATER = (
    b"|>", b"\xef\xbd\x9c>", b"\\uff5c>", b"\\uFF5C>", b"_of_turn>", b"<s>", b"</s>", b"<bos>", b"<eos>", b"<eoh>",
    b"<eoa>", b"<sop>", b"SYS>>", b"<human>", b"<bot>", b"<AI>", b"_106>", b"_107>", b"_195>", b"_196>", b"_id_0>",
    b"_id_1>", b"\xe6\x88\xb7>", b"\\u6237>",
)  # fmt: skip
_PAIRS = {
    b"T]": (b"INST]", b"_PROMPT]"), b"n:": (b"Human:",), b"r:": (b"User:",),
    b"|]": (b"[|Human|]", b"[|AI|]", b"[|system|]", b"[|user|]", b"[|assistant|]", b"[|endofturn|]"),
    b"R:": (b"USER:",), b"t:": (b"Assistant:",), b"T:": (b"ASSISTANT:",),
}  # fmt: skip
"""Marks by their last two bytes, which are compared at once."""
_HASHED = re.compile(
    rb"### ?(?:human|user|assistant|instruction|input|response|system|output|answer|question|prompt|bot|[\x80-\xff\\])",
    re.IGNORECASE,
)
_ESCAPED = b"\\u003"
""""<" and ">" as some programs write them."""


def may_hold_marks(block: bytes, content: Any) -> bool:
    """Return whether a mark may be in `block`, whose bytes are `content` (uint8)."""
    # Comparing many bytes is quick, and looking for where they are equal is not: that is done only where some are.
    if b">" in block and _end_at(block, content, np.flatnonzero(content == ord(">")), _GREATER):
        return True
    if b"#" in block and _HASHED.search(block):
        return True
    if b"\\" in block and has_pair(content, _ESCAPED[:2]) and _ESCAPED in block:
        return True
    return any(
        has_pair(content, pair) and _end_at(block, content, _places(content, pair), marks)
        for pair, marks in _PAIRS.items()
    )


def has_pair(content: Any, pair: bytes) -> bool:
    """Return whether these two bytes follow one another somewhere."""
    number = int.from_bytes(pair, sys.byteorder)
    return bool((_pairs(content, 0) == number).any() or (_pairs(content, 1) == number).any())


def _pairs(content: Any, start: int) -> Any:
    """Return every second pair of bytes, from `start` on, as numbers."""
    return content[start : start + (len(content) - start) // 2 * 2].view(np.uint16)


def _places(content: Any, pair: bytes) -> Any:
    """Return where the second byte of each such pair is."""
    number = int.from_bytes(pair, sys.byteorder)
    found = [np.flatnonzero(_pairs(content, start) == number) * 2 + start + 1 for start in (0, 1)]
    return np.concatenate(found)


def _end_at(block: bytes, content: Any, places: Any, marks: tuple[bytes, ...]) -> bool:
    """Return whether one of the marks ends at one of these places."""
    for back in range(2, min(3, *map(len, marks)) + 1):
        places = places[places >= back]
        near = np.zeros(256, dtype=bool)
        near[[mark[-back] for mark in marks]] = True
        places = places[near[content[places - back + 1]]]
    longest = max(map(len, marks))
    return any(block.endswith(marks, max(0, place + 1 - longest), place + 1) for place in places.tolist())
