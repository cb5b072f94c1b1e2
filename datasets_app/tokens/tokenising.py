"""Rows of a file as tokens, block by block: pure, so that it runs in this process or in many.

Between processes go frames: a task first, then blocks one way and answers the other.
"""

import pickle
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np

from chat import (
    LINES_AT_ONCE,
    ChatError,
    ChatFormat,
    Conversation,
    Packed,
    Plain,
    as_conversation,
    document_key,
    in_phase,
    in_validation,
    join_lines,
    pack,
    pack_documents,
    plain_key,
)
from datasets_app.checking.quick import ordinary_rows
from datasets_app.formats.base import RawRow
from datasets_app.formats.json_values import parse_value
from datasets_app.formats.streams import blocks
from datasets_app.shapes.examples import Example, Opened, open_examples
from wording import Message

BLOCK_BYTES = 1 << 20
BLOCK_ROWS = LINES_AT_ONCE

Talk = tuple[int, Conversation | Plain]
Row = Talk | tuple[int, str]
"""(physical line, conversation or plain text)."""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Which rows are learned, which are held out, and how long they may be."""

    max_seq_len: int
    seed: int = 0
    phase: float = 1.0
    """The share of rows that this phase trains on; the others are left out."""
    validation_share: float = 0.0
    """The share of those that is held out."""
    all_to: str = ""
    """The side of every row, where it is known beforehand."""
    joins_lines: bool = False
    """The rows are lines of one text, to be read on from one to the next."""


@dataclass(frozen=True, kw_only=True)
class RawLines:
    """A block of whole lines of JSON Lines, to be parsed where it is tokenised."""

    first_line: int
    content: bytes


@dataclass(kw_only=True)
class Block:
    """What became of a block of rows."""

    sides: dict[str, Packed] = field(default_factory=dict)
    lines_without_answer: list[int] = field(default_factory=list)
    lines_truncated: list[int] = field(default_factory=list)
    num_outside: int = 0


class BlockError(Exception):
    """A row that the template cannot write."""

    def __init__(self, line: int | None, message: Message, code: str, field: str) -> None:
        super().__init__(line, message, code, field)
        self.line, self.message, self.code, self.field = line, message, code, field


def raw_blocks(opened: Opened) -> Iterator[RawLines]:
    """Yield the text of JSON Lines in blocks that end with a line."""
    assert opened.text is not None
    line, pending = 1, b""
    for read in blocks(opened.text):
        pending += read
        if len(pending) < BLOCK_BYTES or (end := pending.rfind(b"\n") + 1) == 0:
            continue
        yield RawLines(first_line=line, content=pending[:end])
        line += pending.count(b"\n", 0, end)
        pending = pending[end:]
    if pending:
        yield RawLines(first_line=line, content=pending)


def rows_of(block: RawLines, reading: Mapping[str, Any], filename: str) -> list[Row]:
    """Return the rows of a block of a file that has been found good."""
    if not reading and (plain := _plain_rows(block)) is not None:
        return plain
    opened = open_examples(_Nothing(), filename, reading)
    rows: list[Row] = []
    for number, text in enumerate(block.content.split(b"\n"), block.first_line):
        if not text or text.isspace():
            continue
        value = parse_value(text, number)
        item = opened.read_item(RawRow(line=number, value=value, num_bytes=len(text)))
        assert isinstance(item, Example), item
        assert item.conversation is not None
        rows.append((number, item.conversation))
    return rows


def _plain_rows(block: RawLines) -> list[Row] | None:
    """Return the rows of a block of ordinary ones, decoded at once; None where one of them is anything else."""
    decoded = ordinary_rows(block.content)
    if decoded is None:
        return None
    is_gapless = block.content.count(b"\n") + (not block.content.endswith(b"\n")) == len(decoded)
    return list(enumerate(decoded, block.first_line)) if is_gapless else None


def tokenise(rows: list[Row], chat: ChatFormat, cut: Cut) -> Block:
    """Render, tokenise, mask, cut and split a block of rows; BlockError names the one that cannot be written."""
    if rows and isinstance(rows[0][1], str):
        return _tokenise_texts([(line, text) for line, text in rows if isinstance(text, str)], chat, cut)
    return _tokenise_talks([(line, talk) for line, talk in rows if not isinstance(talk, str)], chat, cut)


def _tokenise_talks(rows: list[Talk], chat: ChatFormat, cut: Cut) -> Block:
    block = Block()
    sides = np.asarray([_side(conversation, cut) for _, conversation in rows], dtype="<U10")
    chosen = [number for number, side in enumerate(sides) if side]
    block.num_outside = len(rows) - len(chosen)
    if not chosen:
        return block
    try:
        batches = list(pack(chat, (rows[number][1] for number in chosen), max_len=cut.max_seq_len))
    except ChatError as error:
        raise _named(error, [rows[number] for number in chosen], chat) from None
    packed = batches[0] if len(batches) == 1 else Packed.joined(batches)
    lines = np.asarray([rows[number][0] for number in chosen], dtype=np.int64)
    learns = packed.num_trained > 0
    block.lines_without_answer = lines[~learns].tolist()
    block.lines_truncated = lines[learns & packed.is_cut].tolist()
    for side in ("train", "validation"):
        is_here = learns & (sides[chosen] == side)
        if is_here.any():
            block.sides[side] = packed.select(is_here)
    return block


def _tokenise_texts(texts: list[tuple[int, str]], chat: ChatFormat, cut: Cut) -> Block:
    """Put plain texts into windows; a text as a whole is trained on or held out."""
    block = Block()
    found = [text for _line, text in texts]
    if cut.joins_lines:
        found = join_lines(found)
    sides: dict[str, list[str]] = {"train": [], "validation": []}
    for text in found:
        side = _side_of_key(document_key(text), cut)
        if side:
            sides[side].append(text)
        else:
            block.num_outside += 1
    for side, chosen in sides.items():
        if chosen:
            packed, _origins = pack_documents(chat, chosen, max_len=cut.max_seq_len, are_whole=not cut.joins_lines)
            block.sides[side] = packed
    return block


def _side(conversation: Conversation | Plain, cut: Cut) -> str:
    """Return train or validation; "" for a row of another phase."""
    if cut.all_to or (cut.phase >= 1 and not cut.validation_share):
        return cut.all_to or "train"
    key = conversation.canonical_key() if isinstance(conversation, Conversation) else plain_key(conversation)
    return _side_of_key(key, cut)


def _side_of_key(key: bytes, cut: Cut) -> str:
    if cut.all_to or (cut.phase >= 1 and not cut.validation_share):
        return cut.all_to or "train"
    if cut.phase < 1 and not in_phase(key, cut.phase, cut.seed):
        return ""
    return "validation" if in_validation(key, share=cut.validation_share, seed=cut.seed) else "train"


def _named(error: ChatError, rows: list[Talk], chat: ChatFormat) -> BlockError:
    """Find which row it was."""
    for line, conversation in rows:
        try:
            chat.render(conversation if isinstance(conversation, Conversation) else as_conversation(conversation))
        except ChatError as again:
            return BlockError(line, again.message, again.code, again.field or "")
    return BlockError(None, error.message, error.code, error.field or "")


class _Nothing:
    def read(self, size: int, /) -> bytes:
        return b""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a worker is given first."""

    chat_folder: str
    cut: Cut
    reading: Mapping[str, Any]
    filename: str


def write_frame(stream: IO[bytes], value: Any) -> None:
    """Send one object to the other end of a pipe between two processes of ours."""
    content = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(struct.pack("<Q", len(content)))
    stream.write(content)
    stream.flush()


def read_frame(stream: IO[bytes]) -> Any:
    """Return the next object; EOFError when the other end is gone."""
    head = stream.read(8)
    if len(head) < 8:
        raise EOFError
    size = struct.unpack("<Q", head)[0]
    content = stream.read(size)
    if len(content) < size:
        raise EOFError
    return pickle.loads(content)  # noqa: S301 - from our own parent or child alone
