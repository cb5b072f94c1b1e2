"""Notes about texts that hold personal data or keys, which a model would learn to tell."""

import re
from typing import Any

import numpy as np

from chat import Conversation
from datasets_app.formats.base import RowFault
from datasets_app.messages import message
from scoring.detectors.masking import holds_personal_data

PERSONAL = "personal_data"
"""The kind of the note."""
_WRITTEN_OTHERWISE = re.compile(rb"\xef\xbc[\x8b\x90-\x99\xa0]")
"""Digits, + and @ in full width."""
_SECRETS = {
    b"@": rb"@", b"+": rb"\+[0-9]", b"-----BEGIN": rb"-----BEGIN", b"sk-": rb"sk-[A-Za-z0-9_-]{16}", b"AKIA": rb"AKIA",
    b"ASIA": rb"ASIA[A-Za-z0-9]", b"AKID": rb"AKID", b"LTAI": rb"LTAI", b"gho_": rb"gho_", b"ghp_": rb"ghp_",
    b"ghs_": rb"ghs_", b"ghu_": rb"ghu_", b"ghr_": rb"ghr_", b"github_pat_": rb"github_pat_", b"glpat-": rb"glpat-",
    b"hf_": rb"hf_[A-Za-z0-9]{30}", b"xox": rb"xox[abprs]-", b"AIza": rb"AIza", b"eyJ": rb"eyJ",
}  # fmt: skip
"""What is looked for at once, and the pattern that then decides."""
_FEWEST_DIGITS, _WINDOW = 9, 25
"""Of the shortest number without a plus that counts, and the bytes over which they may be spread."""


def may_hold_personal_data(block: bytes, content: Any) -> bool:
    """Return whether personal data may be in `block`, whose bytes are `content` (uint8), at the speed of memory.

    It must find all that `holds_personal_data` finds in the texts of JSON Lines, and may find more.
    """
    if any(mark in block and re.search(pattern, block) for mark, pattern in _SECRETS.items()):
        return True
    if b"\\u" in block or _WRITTEN_OTHERWISE.search(block):
        return True
    digits = np.cumsum((content - np.uint8(ord("0"))) < 10, dtype=np.int32)
    if len(digits) <= _WINDOW:
        return bool(digits[-1] >= _FEWEST_DIGITS) if len(digits) else False
    spread = digits[_WINDOW:] - digits[:-_WINDOW]
    return bool(digits[_WINDOW - 1] >= _FEWEST_DIGITS or spread.max() >= _FEWEST_DIGITS)


def personal_in_messages(conversation: Conversation, line: int) -> RowFault | None:
    """Return the note of the first message that holds personal data."""
    for number, turn in enumerate(conversation.messages):
        if turn.content and holds_personal_data(turn.content):
            return _note(line, f"messages[{number}].content")
    return None


def personal_in_text(text: str, line: int) -> RowFault | None:
    """Return the note of a row of text."""
    return _note(line, "text") if holds_personal_data(text) else None


def _note(line: int, field: str) -> RowFault:
    return RowFault(
        line=line, level="note", kind=PERSONAL, field=field, message=message("personal_data"), hint=message("mask_it")
    )
