"""Notes about texts that hold personal data or keys, which a model would learn to tell."""

import re
from typing import Any

import numpy as np

from chat import Conversation
from datasets_app.formats.base import RowFault
from datasets_app.messages import message
from datasets_app.shapes.mark_scan import has_pair
from scoring.detectors.masking import holds_personal_data

PERSONAL = "personal_data"
"""The kind of the note."""
_WRITTEN_OTHERWISE = re.compile(rb"\xef\xbc[\x8b\x90-\x99\xa0]")
"""Digits, + and @ in full width."""
_SECRETS = {
    b"@": {b"@": rb"@"},
    b"+": {b"+": rb"\+[0-9]"},
    b"-": {b"--": rb"-----BEGIN", b"k-": rb"sk-[A-Za-z0-9_-]{16}", b"t-": rb"glpat-"},
    b"_": {b"t_": rb"github_pat_", b"f_": rb"hf_[A-Za-z0-9]{30}", **{b"%c_" % one: rb"gh[opsur]_" for one in b"opsur"}},
    b"x": {b"xo": rb"xox[abprs]-"},
    b"I": {b"KI": rb"AKI[AD]", b"SI": rb"ASIA[A-Za-z0-9]", b"AI": rb"LTAI|AIza"},
    b"J": {b"yJ": rb"eyJ"},
}  # fmt: skip
"""A byte that is rare, two that are rarer, and the pattern that then decides: each takes longer than the one before."""
_FEWEST_DIGITS, _WINDOW = 9, 25
"""Of the shortest number without a plus that counts, and the bytes over which they may be spread."""


def may_hold_personal_data(block: bytes, content: Any) -> bool:
    """Return whether personal data may be in `block`, whose bytes are `content` (uint8), at the speed of memory.

    It must find all that `holds_personal_data` finds in the texts of JSON Lines, and may find more.
    """
    if _may_hold_secret(block, content) or _WRITTEN_OTHERWISE.search(block):
        return True
    if b"\\" in block and has_pair(content, b"\\u"):
        return True
    is_digit = (content - np.uint8(ord("0"))) < 10
    if len(content) <= _WINDOW:
        return int(np.count_nonzero(is_digit)) >= _FEWEST_DIGITS
    if not _has_many(is_digit):
        return False
    digits = np.cumsum(is_digit, dtype=np.int32)
    spread = digits[_WINDOW:] - digits[:-_WINDOW]
    return bool(digits[_WINDOW - 1] >= _FEWEST_DIGITS or spread.max() >= _FEWEST_DIGITS)


def _may_hold_secret(block: bytes, content: Any) -> bool:
    return any(
        (len(mark) == 1 or has_pair(content, mark)) and re.search(pattern, block) is not None
        for byte, marks in _SECRETS.items()
        if byte in block
        for mark, pattern in marks.items()
    )


def _has_many(is_digit: Any) -> bool:
    """Return early whether so many digits stand in two neighbouring pieces of 32 bytes: no window spans more."""
    whole = np.zeros(-(-len(is_digit) // 32) * 32, dtype=np.uint8)
    whole[: len(is_digit)] = is_digit
    counts = np.bitwise_count(np.packbits(whole).view(np.uint32))
    return bool((counts[1:] + counts[:-1]).max(initial=counts[0]) >= _FEWEST_DIGITS)


def personal_in_messages(conversation: Conversation, line: int) -> RowFault | None:
    """Return the note of the first message that holds personal data."""
    for number, turn in enumerate(conversation.messages):
        if turn.content and holds_personal_data(turn.content):
            return personal_note(line, f"messages[{number}].content")
    return None


def personal_in_text(text: str, line: int) -> RowFault | None:
    """Return the note of a row of text."""
    return personal_note(line, "text") if holds_personal_data(text) else None


def personal_note(line: int, field: str) -> RowFault:
    return RowFault(
        line=line, level="note", kind=PERSONAL, field=field, message=message("personal_data"), hint=message("mask_it")
    )
