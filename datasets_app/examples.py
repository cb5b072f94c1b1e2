"""Rows of a file as conversations, or the fault of each that is none."""

from collections.abc import Iterator
from dataclasses import dataclass

from chat import ChatError, Conversation, parse_row
from datasets_app.formats import Format, Item, RowFault, open_rows, other_shape
from datasets_app.formats.streams import Readable

MEND = "Mend the row or remove it, and upload the file again."


@dataclass(frozen=True, kw_only=True)
class Example:
    """One conversation to learn."""

    line: int
    """Where its row begins, counted from 1."""
    conversation: Conversation
    num_bytes: int


def open_examples(stream: Readable, filename: str) -> tuple[Format, "Iterator[Example | RowFault]"]:
    """Return the format of `stream` and its examples and faults, in order."""
    form, items = open_rows(stream, filename)
    return form, (_example(item) for item in items)


def _example(item: Item) -> Example | RowFault:
    if isinstance(item, RowFault):
        return item
    try:
        return Example(line=item.line, conversation=parse_row(item.value), num_bytes=item.num_bytes)
    except ChatError as error:
        return other_shape(item.value, item.line) or _fault(error, item.line)


def _fault(error: ChatError, line: int) -> RowFault:
    """Tell a fault of the conversation; its last sentence, where there are several, says what to do."""
    message, _, advice = error.message.rpartition(". ")
    return RowFault(
        line=line,
        code=error.code,
        field=error.field or "",
        message=f"{message}." if message else error.message,
        hint=advice if message else MEND,
    )
