"""Checks a whole file in one pass and bounded memory."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from datasets_app.examples import Example, open_examples
from datasets_app.formats import RowFault
from datasets_app.formats.shapes import CODES as SHAPE_CODES
from datasets_app.formats.streams import Readable

MOST_FAULTS = 1000
"""Faults kept; all are counted."""
TOLD_FAULTS = 3
"""Faults named in the summary."""
ROWS_PER_SIGN = 2000
"""Rows between two signs of life."""


@dataclass(kw_only=True)
class Report:
    """What a check found."""

    format: str
    num_rows: int = 0
    """Conversations that can be learned from."""
    faults: list[RowFault] = field(default_factory=list)
    """The first MOST_FAULTS."""
    num_faults: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    roles: Counter[str] = field(default_factory=Counter)
    num_bytes: int = 0
    longest_row_bytes: int = 0
    longest_row_line: int = 0
    num_rows_with_tools: int = 0

    @property
    def is_good(self) -> bool:
        return self.num_faults == 0

    @property
    def details(self) -> str:
        """Return the verdict in sentences; "" for a good file."""
        if self.is_good:
            return ""
        told = [fault.sentence for fault in self.faults[:TOLD_FAULTS]]
        if self.num_faults == 1:
            return f"{told[0]} {self.faults[0].hint}".strip()
        total = self.num_rows + self.num_faults
        lead = f"{self.num_faults:,} of {total:,} rows cannot be learned from."
        if len(self.codes) == 1 and not self.num_rows:
            return f"None of the {total:,} rows can be learned from, all for the same reason. {told[0]}"
        more = self.num_faults - len(told)
        return " ".join([lead, *told]) + (f" And {more:,} more." if more else "")

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
            "faults": dict(self.codes),
        }

    def add_example(self, example: Example) -> None:
        self.num_rows += 1
        self.roles.update(message.role for message in example.conversation.messages)
        self.num_rows_with_tools += bool(example.conversation.tools)
        self.num_bytes += example.num_bytes
        if example.num_bytes > self.longest_row_bytes:
            self.longest_row_bytes, self.longest_row_line = example.num_bytes, example.line

    def add_fault(self, fault: RowFault) -> None:
        self.num_faults += 1
        self.codes[fault.code] += 1
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(fault)


def check(stream: Readable, *, filename: str, alive: Callable[[], None] = lambda: None) -> Report:
    """Read all of `stream` and report; `alive` is called now and then."""
    form, examples = open_examples(stream, filename)
    report = Report(format=form.name)
    for number, item in enumerate(examples, 1):
        if isinstance(item, RowFault):
            report.add_fault(item)
        else:
            report.add_example(item)
        if number % ROWS_PER_SIGN == 0:
            alive()
    return _concluded(report)


def _concluded(report: Report) -> Report:
    """Tell one cause once: a file without rows, and a file that is of another kind throughout."""
    if not report.num_rows and not report.num_faults:
        report.add_fault(
            RowFault(
                line=None,
                code="no_rows",
                message="The file holds no examples, only blank space or an empty array.",
                hint="Choose the file that holds your examples.",
            )
        )
    elif not report.num_rows and len(report.codes) == 1 and report.faults[0].code in SHAPE_CODES:
        del report.faults[1:]
        report.num_faults = 1
    return report
