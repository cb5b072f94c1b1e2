"""What a reader of a file format gives: rows, and faults where a row cannot be read."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from datasets_app.formats.streams import Readable
from datasets_app.messages import message
from wording import Message


@dataclass(frozen=True, kw_only=True)
class RowFault:
    """Why a row, or a whole file, cannot be learned from."""

    line: int | None
    """The physical line where the row begins, counted from 1; None for the whole file."""
    kind: str
    """Stable: by it faults are grouped, filtered and mended; one kind may be said in several sentences."""
    message: Message
    """What is wrong, without the line, as complete sentences."""
    hint: Message | None
    """What to do."""
    field: str = ""
    """The place within the row, such as messages[2].content."""
    level: str = "fault"
    """fault: the row cannot be learned from; note: it can, but deserves a look."""
    is_kind: bool = False
    """True when the fault is what the row is, so that a file of nothing else has it once."""
    content: int | None = None
    """A hash of what the row says, where rows are compared though nothing learns from them."""
    is_whole_file: bool = False
    """True when the one cause spoils everything from here on, so that nothing more is read or said."""

    @property
    def sentence(self) -> Message:
        """Return the message with its line."""
        return message("on_line", line=self.line, message=self.message) if self.line is not None else self.message


@dataclass(frozen=True, kw_only=True)
class RawRow:
    """One value as the file holds it."""

    line: int
    value: Any
    num_bytes: int
    """Its length in the file."""


Item = RawRow | RowFault


class Format(Protocol):
    """One file format: a module of this package each."""

    @property
    def name(self) -> str:
        """As stored: jsonl, json, csv."""

    @property
    def label(self) -> str:
        """As pages call it."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """What such files are called, so that pages offer them; none where another format's do."""

    def recognises(self, head: bytes, filename: str) -> bool:
        """Return whether a file has this format: by its first bytes, or by its name where these do not decide."""

    def read(self, stream: Readable) -> Iterator[Item]:
        """Yield every row or its fault, in order, in bounded memory."""
