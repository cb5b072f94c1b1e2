"""Checks plain JSON Lines of conversations at the speed of the parser: many rows at once, and one by one only where
something is unusual.

A typed decoder (msgspec) accepts a block of ordinary rows: known roles, text, no further keys in a message. Which kinds
of messages follow one another is looked up, not computed. Whatever it does not accept goes the slow way, which
explains.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Annotated, Any

import msgspec
import numpy as np

from chat import Plain
from datasets_app.checking.report import Listener, Report, add
from datasets_app.checking.row_index import RowIndexWriter
from datasets_app.formats.base import RawRow, RowFault
from datasets_app.formats.json_values import parse_value, too_long
from datasets_app.formats.streams import BOM, LONGEST_ROW, Readable
from datasets_app.shapes import go_together, is_only_named
from datasets_app.shapes.asking import Said, kind_of
from datasets_app.shapes.examples import Example, Opened
from datasets_app.shapes.mark_scan import may_hold_marks
from datasets_app.shapes.personal_notes import may_hold_personal_data, personal_note
from scoring.detectors.masking import holds_personal_data

BLOCK = 1 << 17
"""Bytes: what is decoded at once still fits in the processor's cache."""
_NEWLINE, _BRACE = b"\n{"
SIGN_BYTES = 16 * 2**20
SHORT_BYTES = 40
"""A shorter value beside the messages holds no text."""
_EMPTY = (b"null", b'""', b"[]", b"{}")
_LONGEST_EMPTY = 4


Text = Annotated[str, msgspec.Meta(min_length=1)]
Ignored = msgspec.Raw | msgspec.UnsetType


class _System(msgspec.Struct, tag_field="role", tag="system", forbid_unknown_fields=True, gc=False):
    content: str


class _User(msgspec.Struct, tag_field="role", tag="user", forbid_unknown_fields=True, gc=False):
    content: Text


class _Assistant(msgspec.Struct, tag_field="role", tag="assistant", forbid_unknown_fields=True, gc=False):
    content: Text


class _Beside(msgspec.Struct, gc=False):
    """unused.BESIDE: keys that people keep beside a conversation. Any other is looked at the slow way."""

    id: Ignored = msgspec.UNSET
    idx: Ignored = msgspec.UNSET
    index: Ignored = msgspec.UNSET
    source: Ignored = msgspec.UNSET
    dataset: Ignored = msgspec.UNSET
    metadata: Ignored = msgspec.UNSET
    meta: Ignored = msgspec.UNSET
    category: Ignored = msgspec.UNSET
    type: Ignored = msgspec.UNSET
    lang: Ignored = msgspec.UNSET
    language: Ignored = msgspec.UNSET
    tags: Ignored = msgspec.UNSET
    score: Ignored = msgspec.UNSET


class _MessagesAlone(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    messages: list[_System | _User | _Assistant]


class _Messages(_Beside, forbid_unknown_fields=True, gc=False, kw_only=True):
    messages: list[_System | _User | _Assistant]


class _FromSystem(msgspec.Struct, tag_field="from", tag="system", forbid_unknown_fields=True, gc=False):
    content: str = msgspec.field(name="value")


class _FromUser(msgspec.Struct, tag_field="from", tag="user", forbid_unknown_fields=True, gc=False):
    content: Text = msgspec.field(name="value")


class _FromHuman(msgspec.Struct, tag_field="from", tag="human", forbid_unknown_fields=True, gc=False):
    content: Text = msgspec.field(name="value")


class _FromAssistant(msgspec.Struct, tag_field="from", tag="assistant", forbid_unknown_fields=True, gc=False):
    content: Text = msgspec.field(name="value")


class _FromGPT(msgspec.Struct, tag_field="from", tag="gpt", forbid_unknown_fields=True, gc=False):
    content: Text = msgspec.field(name="value")


class _ConversationsAlone(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    messages: list[_FromSystem | _FromUser | _FromHuman | _FromAssistant | _FromGPT] = msgspec.field(
        name="conversations"
    )


class _Conversations(_Beside, forbid_unknown_fields=True, gc=False, kw_only=True):
    messages: list[_FromSystem | _FromUser | _FromHuman | _FromAssistant | _FromGPT] = msgspec.field(
        name="conversations"
    )


_ALL_BESIDE = attrgetter(*_Beside.__struct_fields__)
_ROLES: dict[type, str] = {
    _System: "system", _User: "user", _Assistant: "assistant", _FromSystem: "system", _FromUser: "user",
    _FromHuman: "user", _FromAssistant: "assistant", _FromGPT: "assistant",
}  # fmt: skip
_ANSWERS = frozenset(kind for kind, role in _ROLES.items() if role == "assistant")
_ROWS: dict[str, type[_Messages | _Conversations]] = {"messages": _Messages, "conversations": _Conversations}
_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {name: msgspec.json.Decoder(row) for name, row in _ROWS.items()}
_ALONE: dict[str, msgspec.json.Decoder[Any]] = {
    "messages": msgspec.json.Decoder(_MessagesAlone),
    "conversations": msgspec.json.Decoder(_ConversationsAlone),
}
"""Quicker, for files without a key beside the messages."""
Kinds = tuple[type, ...]


class LineCheck:
    """One pass over one file."""

    def __init__(
        self, opened: Opened, report: Report, listener: Listener, index: RowIndexWriter | None, *, head: bytes
    ) -> None:
        """Begin; the first line in `head` decides which ordinary rows are expected."""
        self._opened = opened
        self._report = report
        self._listener = listener
        self._index = index
        self._shape = _shape_of(head)
        self._looks_beside = False
        self._known: dict[Kinds, bool] = {}
        self._counts: Counter[Kinds] = Counter()
        self._line = 1
        self._offset = 0
        self.hashes: list[Any] = []
        """Of every line, in blocks: int64."""

    def run(self, stream: Readable) -> None:
        """Check every line of `stream`."""
        told_at = 0
        for block in self._blocks(stream):
            self._check(block)
            self._report.bytes_read = self._offset
            if self._offset - told_at >= SIGN_BYTES:
                told_at = self._offset
                self._settle()
                self._listener.alive(self._report)
        self._settle()
        self._report.bytes_read = self._offset

    def _blocks(self, stream: Readable) -> Iterator[bytes]:
        """Yield whole lines; one beyond LONGEST_ROW is reported and skipped."""
        rest, is_first, is_skipping = b"", True, False
        while block := stream.read(BLOCK):
            if is_first and block.startswith(BOM):
                block = block[len(BOM) :]
                self._offset += len(BOM)
            is_first = False
            if is_skipping:
                end = block.find(b"\n") + 1
                if not end:
                    self._offset += len(block)
                    continue
                self._offset += end
                self._line += 1
                block, is_skipping = block[end:], False
            block = rest + block
            end = block.rfind(b"\n") + 1
            rest = block[end:]
            if end:
                yield block[:end]
            if len(rest) > LONGEST_ROW + 1:
                self._too_long()
                self._offset += len(rest)
                rest, is_skipping = b"", True
        if rest:
            yield rest

    def _too_long(self) -> None:
        fault = too_long(self._line)
        add(fault, self._report, self._listener)
        if self._index is not None:
            self._index.add(line=self._line, is_faulty=True, offset=self._offset)
        self.hashes.append(np.asarray([hash((self._line,))], dtype=np.int64))

    def _check(self, block: bytes) -> None:
        content = np.frombuffer(block, dtype=np.uint8)
        ends = np.flatnonzero(content == _NEWLINE)
        if not block.endswith(b"\n"):
            ends = np.append(ends, len(block))
        braces = content == _BRACE
        has_placeholders = bool((braces[1:] & braces[:-1]).any())
        is_odd = has_placeholders or may_hold_marks(block, content)
        if is_odd or not self._accept(block, ends, may_be_personal=may_hold_personal_data(block, content)):
            self._one_by_one(block)
        self._line += len(ends)
        self._offset += len(block)

    def _accept(self, block: bytes, ends: Any, *, may_be_personal: bool) -> bool:
        """Take the whole block if every line of it is an ordinary row."""
        first = self._opened.shape
        if first and not is_only_named(first) and not go_together(self._shape, first):
            return False
        rows = self._decoded(block)
        if rows is None or len(rows) != len(ends):
            return False
        conversations = [row.messages for row in rows]
        counts = Counter([tuple(map(type, messages)) for messages in conversations])
        # Blank answers are faults, and blank questions are rare: both are left to the slow way.
        if any(map(str.isspace, [message.content for messages in conversations for message in messages])):
            return False
        if not all(self._is_ordinary(kinds) for kinds in counts):
            return False
        beside = _beside(rows) if self._looks_beside else {}
        if beside is None:
            return False
        for name, number in beside.items():
            self._opened.unused.count(name, number)
        self._counts.update(counts)
        starts = np.concatenate(([0], ends[:-1] + 1))
        self._take(block, starts, ends, len(rows))
        if may_be_personal:
            self._note_personal_data(conversations)
        return True

    def _note_personal_data(self, conversations: Sequence[Sequence[Any]]) -> None:
        """Note what `personal_in_messages` would of each row of a block that was taken."""
        for line, messages in enumerate(conversations, self._line):
            for number, message in enumerate(messages):
                if holds_personal_data(message.content):
                    note = personal_note(line, f"messages[{number}].content")
                    self._report.add_fault(note)
                    self._listener.found(note)
                    break

    def _decoded(self, block: bytes) -> Sequence[Any] | None:
        """Return the rows; once there are keys beside the messages, they are examined from there on."""
        for looks_beside in (True,) if self._looks_beside else (False, True):
            try:
                rows: list[Any] = (_DECODERS if looks_beside else _ALONE)[self._shape].decode_lines(block)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue
            self._looks_beside = looks_beside
            return rows
        return None

    def _take(self, block: bytes, starts: Any, ends: Any, num_rows: int) -> None:
        report = self._report
        lengths = ends - starts
        report.num_rows += num_rows
        report.num_bytes += int(lengths.sum())
        longest = int(lengths.argmax())
        report.note_length(int(lengths[longest]), self._line + longest)
        if not self._opened.shape or is_only_named(self._opened.shape):
            self._opened.shape, self._opened.use = self._shape, "chat"
        if self._index is not None:
            self._index.add_many(starts + self._offset, np.arange(self._line, self._line + num_rows))
        lines = block.split(b"\n")
        if not lines[-1]:
            lines.pop()
        self.hashes.append(np.fromiter(map(hash, lines), dtype=np.int64, count=num_rows))

    def _is_ordinary(self, kinds: Kinds) -> bool:
        found = self._known.get(kinds)
        if found is None:
            found = self._known[kinds] = _is_learnable(kinds)
        return found

    def _one_by_one(self, block: bytes) -> None:
        offset, hashes = self._offset, []
        for number, line in enumerate(block.split(b"\n"), self._line):
            text = line.removesuffix(b"\r")
            if text.strip():
                item = self._slowly(text, number)
                add(item, self._report, self._listener)
                hashes.append(hash(line))
                if self._index is not None:
                    self._index.add(line=number, is_faulty=isinstance(item, RowFault), offset=offset)
            offset += len(line) + 1
        self.hashes.append(np.asarray(hashes, dtype=np.int64))

    def _slowly(self, line: bytes, number: int) -> Example | RowFault:
        value = parse_value(line, number)
        if isinstance(value, RowFault):
            return value
        return self._opened.read_item(RawRow(line=number, value=value, num_bytes=len(line)))

    def _settle(self) -> None:
        """Turn counted kinds into counted roles."""
        for kinds, count in self._counts.items():
            for kind in kinds:
                self._report.roles[_ROLES[kind]] += count
        self._counts.clear()


def _beside(rows: Sequence[Any]) -> dict[str, int] | None:
    """Return how many rows have each key beside their messages; None where one may hold what is asked about."""
    found: dict[str, int] = {}
    for name, column in zip(_Beside.__struct_fields__, zip(*map(_ALL_BESIDE, rows), strict=True), strict=False):
        if msgspec.UnsetType in (kinds := set(map(type, column))):
            if len(kinds) == 1:
                continue
            column = tuple(value for value in column if value is not msgspec.UNSET)
        joined = b"\n".join(column)
        values = joined.split(b"\n")
        num_empty = sum(map(values.count, _EMPTY)) if min(map(len, values)) <= _LONGEST_EMPTY else 0
        if number := len(values) - num_empty:
            found[name] = number
        if _may_ask(joined, values) and any(_asks(name, value) for value in set(values)):
            return None
    return found


def _may_ask(joined: bytes, values: Sequence[bytes]) -> bool:
    """Return early that no value holds text: all are short, or written without a blank and in ASCII."""
    if b"{" not in joined and b"[" not in joined and max(map(len, values), default=0) < SHORT_BYTES:
        return False
    plain = joined.replace(b'": ', b'":').replace(b", ", b",")
    return b" " in plain or b"\\" in plain or not plain.isascii()


def _asks(name: str, value: bytes) -> bool:
    return kind_of(name, msgspec.json.decode(value), Said()) is not None


def _shape_of(head: bytes) -> str:
    return "conversations" if b'"conversations"' in head.partition(b"\n")[0] else "messages"


def _is_learnable(kinds: Kinds) -> bool:
    """Return whether such messages, all with text, are a conversation to learn from."""
    if not kinds or kinds[-1] not in _ANSWERS:
        return False
    if any(a in _ANSWERS and b in _ANSWERS for a, b in itertools.pairwise(kinds)):
        return False
    first = next(number for number, kind in enumerate(kinds) if kind in _ANSWERS)
    return any(_ROLES[kind] == "user" for kind in kinds[:first])


def ordinary_rows(content: bytes) -> list[Plain] | None:
    """Return the messages of whole lines that are ordinary rows all of them; None where one is anything else."""
    decoder = _DECODERS[_shape_of(content[:SIGN_BYTES])]
    try:
        rows = decoder.decode_lines(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return [[(_ROLES[type(message)], message.content) for message in row.messages] for row in rows]
