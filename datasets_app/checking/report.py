"""Checks a whole file in one pass and bounded memory."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from datasets_app.formats.base import RowFault
from datasets_app.formats.streams import Readable
from datasets_app.messages import message
from datasets_app.shapes.examples import Example
from datasets_app.shapes.unused import Unused
from wording import Message

MOST_FAULTS = 1000
"""Faults, and as many notes, that are kept in memory; all are counted, and all are reported to the Listener."""
TOLD_FAULTS = 3
"""Faults named in the summary."""
ROWS_PER_SIGN = 2000
"""Rows between two signs of life."""


class Listener(Protocol):
    """Is notified while the check runs."""

    def found(self, fault: RowFault) -> None:
        """Take one fault or note, in order."""

    def alive(self, report: "Report") -> None:
        """Take a sign of life, now and then."""

    def row(self, item: "Example | RowFault") -> None:
        """Take one row as it was read, in order."""


class Nobody:
    """A Listener that does not."""

    def found(self, fault: RowFault) -> None: ...

    def alive(self, report: "Report") -> None: ...

    def row(self, item: "Example | RowFault") -> None: ...


@dataclass(kw_only=True)
class Report:
    """What a check found."""

    format: str = ""
    encoding: str = ""
    shape: str = ""
    use: str = "chat"
    num_rows: int = 0
    """Examples that can be learned from."""
    faults: list[RowFault] = field(default_factory=list)
    """The first MOST_FAULTS."""
    notes: list[RowFault] = field(default_factory=list)
    """The first MOST_FAULTS."""
    num_faults: int = 0
    num_notes: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    note_kinds: Counter[str] = field(default_factory=Counter)
    roles: Counter[str] = field(default_factory=Counter)
    num_bytes: int = 0
    """Of the rows that can be learned from."""
    bytes_read: int = 0
    longest_row_bytes: int = 0
    longest_row_line: int = 0
    num_rows_with_tools: int = 0
    unused: Unused = field(default_factory=Unused)
    """Keys of rows that nothing reads."""
    sample: dict[str, str] = field(default_factory=dict)
    """The columns of the first row whose columns say nothing known, with what is in them."""

    @property
    def is_good(self) -> bool:
        return self.num_faults == 0

    @property
    def details(self) -> Message | None:
        """Return the verdict; None for a good file."""
        if self.is_good:
            return None
        told = [fault.sentence for fault in self.faults[:TOLD_FAULTS]]
        if self.num_faults == 1:
            return told[0].followed_by(self.faults[0].hint)
        total = self.num_rows + self.num_faults
        if len(self.kinds) == 1 and not self.num_rows:
            return message("no_row_learned", total=total).followed_by(told[0])
        more = self.num_faults - len(told)
        lead = message("rows_not_learned", faults=self.num_faults, total=total)
        return lead.followed_by(*told, message("and_more", more=more) if more else None)

    @property
    def statistics(self) -> dict[str, Any]:
        """Return the counts as a JSON object."""
        return {
            "rows": self.num_rows,
            "turns": self.roles.total(),
            "roles": dict(self.roles),
            "rows_with_tools": self.num_rows_with_tools,
            "row_bytes": self.num_bytes,
            "longest_row_bytes": self.longest_row_bytes,
            "longest_row_line": self.longest_row_line,
            "faults": dict(self.kinds),
            "notes": dict(self.note_kinds),
            "encoding": self.encoding,
            **self.unused.to_json(),
            "sample": [
                [name, text] for name, text in self.sample.items()
            ],  # a JSON object has no order in the database
        }

    def add_example(self, example: Example) -> None:
        self.num_rows += 1
        if example.conversation is not None:
            self.roles.update(turn.role for turn in example.conversation.messages)
            self.num_rows_with_tools += bool(example.conversation.tools)
        self.num_bytes += example.num_bytes
        self.note_length(example.num_bytes, example.line)

    def note_length(self, num_bytes: int, line: int) -> None:
        if num_bytes > self.longest_row_bytes:
            self.longest_row_bytes, self.longest_row_line = num_bytes, line

    def add_fault(self, fault: RowFault) -> None:
        if fault.level == "note":
            self.num_notes += 1
            self.note_kinds[fault.kind] += 1
            kept = self.notes
        else:
            self.num_faults += 1
            self.kinds[fault.kind] += 1
            kept = self.faults
        if len(kept) < MOST_FAULTS:
            kept.append(fault)


def check_items(items: Iterable[Example | RowFault], report: Report, listener: Listener, counted: "Counted") -> None:
    """Add every item to `report` and notify the listener."""
    for number, item in enumerate(items, 1):
        add(item, report, listener)
        if number % ROWS_PER_SIGN == 0:
            report.bytes_read = counted.num_bytes
            listener.alive(report)
    report.bytes_read = counted.num_bytes


def add(item: Example | RowFault, report: Report, listener: Listener) -> None:
    """Add one row to `report`, with its fault or notes."""
    if isinstance(item, RowFault):
        report.add_fault(item)
        listener.found(item)
    else:
        report.add_example(item)
        for note in item.notes:
            report.add_fault(note)
            listener.found(note)
    listener.row(item)


def concluded(report: Report, listener: Listener) -> Report:
    """Report one cause once: a file without rows, and a file that is of another kind throughout."""
    if not report.num_rows and not report.num_faults:
        nothing = RowFault(
            line=None,
            kind="no_rows",
            message=message("no_rows"),
            hint=message("choose_the_examples"),
        )
        report.add_fault(nothing)
        listener.found(nothing)
    elif not report.num_rows and len(report.kinds) == 1 and report.faults[0].is_kind:
        del report.faults[1:]
        report.num_faults = 1
    return report


class Counted:
    """A stream that knows how much of it was read; seekable where the stream is."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self.num_bytes = 0

    def read(self, size: int = -1, /) -> bytes:
        block = self._stream.read(size)
        self.num_bytes += len(block)
        return block
