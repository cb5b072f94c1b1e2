"""Plain texts packed into windows to read on from: continued pre-training."""

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from chat.packing import Packed

if TYPE_CHECKING:
    from chat.chat_format import ChatFormat

LEAST_TOKENS = 2
"""A shorter window has no token that follows another."""
LINES_AT_ONCE = 512
"""Lines of one text that are joined into passages together."""
PASSAGE_CHARS = 8000
"""Characters of such a passage: a few windows, so that what is held out comes from all of the text."""


def document_key(text: str) -> bytes:
    """Return the bytes that decide whether a text is trained on or held out."""
    return json.dumps({"text": text}, ensure_ascii=False).encode("utf-8", "replace")


def join_lines(lines: Sequence[str]) -> list[str]:
    """Join LINES_AT_ONCE lines of a text, or as many as are left, into passages of about PASSAGE_CHARS."""
    passages: list[list[str]] = []
    size = PASSAGE_CHARS
    for line in lines:
        if size >= PASSAGE_CHARS:
            passages.append([])
            size = 0
        passages[-1].append(f"{line}\n")
        size += len(line) + 1
    return ["".join(passage) for passage in passages]


def pack_documents(
    chat_format: "ChatFormat", texts: Sequence[str], *, max_len: int, are_whole: bool = True
) -> tuple[Packed, list[int]]:
    """Return the texts in windows of at most `max_len` tokens, and of each window the number of its text.

    Every token but a window's first is learned. No window holds parts of two texts. Texts that are not whole, but
    passages of a longer one, get no end.
    """
    windows: list[list[int]] = []
    origins: list[int] = []
    for number, ids in enumerate(chat_format.encode_documents(texts, are_whole=are_whole)):
        for start in range(0, len(ids), max_len):
            window = ids[start : start + max_len]
            if len(window) >= LEAST_TOKENS:
                windows.append(window)
                origins.append(number)
    return _packed(windows), origins


def _packed(windows: Iterable[list[int]]) -> Packed:
    rows = list(windows)
    lengths = np.asarray([len(row) for row in rows], dtype=np.int64)
    flat = [token for row in rows for token in row]
    trained = np.ones(len(flat), dtype=np.uint8)
    trained[np.cumsum(lengths) - lengths] = 0
    return Packed(
        ids=np.asarray(flat, dtype=np.uint32),
        trained=trained,
        lengths=lengths,
        num_trained=np.maximum(lengths - 1, 0),
        is_cut=np.zeros(len(rows), dtype=np.bool_),
    )
