"""Tables as text: CSV with commas or semicolons, TSV, and either under the name of a text. Every cell stays the text
that it is."""

import csv
import io
import itertools
import re
from collections import deque
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any, Literal

from datasets_app.formats.base import Item, RawRow, RowFault
from datasets_app.formats.delimited import Layout, letters, table_in
from datasets_app.formats.streams import BOM, LONGEST_ROW, Readable
from datasets_app.formats.unpacking import whole_file
from datasets_app.messages import message

MOST_COLUMNS = 500
TEXTS = (".txt", ".text")
"""Names under which Excel and others save tables too."""
_MARKS = {
    ",": message("mark_comma"), ";": message("mark_semicolon"), "\t": message("mark_tab"), "|": message("mark_bar"),
}  # fmt: skip
_SEPARATOR_LINE = re.compile(r"""\ufeff?"?sep=([^\r\n"'\w])"?[ \r\n]*""", re.IGNORECASE)
"""What Excel writes and obeys before the names of the columns: which character separates the cells."""
_SUFFIXES = {".csv": (",", ";", "\t", "|"), ".tsv": ("\t",), ".tab": ("\t",)}


class Table:
    """A first line of column names, then a row of cells for each example."""

    name = "csv"
    label = "CSV"
    suffixes = tuple(_SUFFIXES)

    def recognises(self, head: bytes, filename: str) -> bool:
        """Take what is named as a table, or as a text and is a table; but not JSON under a wrong name."""
        suffix = PurePath(filename.lower()).suffix
        if head.removeprefix(BOM).lstrip().startswith((b"{", b"[")):
            return False
        return suffix in _SUFFIXES or (suffix in TEXTS and (_names_separator(head) or table_in(head) is not None))

    def read(self, stream: Readable, filename: str = "table.csv", head: bytes = b"") -> Iterator[Item]:
        """Yield each row as {column: cell} with the line where it begins; `head` is what `stream` begins with."""
        csv.field_size_limit(LONGEST_ROW)
        text = io.TextIOWrapper(io.BufferedReader(_Raw(stream), 1 << 16), encoding="utf-8-sig", newline="")
        reader = None
        try:
            first = text.readline(LONGEST_ROW)
            layout = _layout(first, PurePath(filename.lower()).suffix, head)
            quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if layout.is_quoted else csv.QUOTE_NONE
            lines = _Lines(first, text)
            reader = csv.reader(lines, delimiter=layout.separator, quoting=quoting, strict=False)
            if _SEPARATOR_LINE.fullmatch(first):
                next(reader)
            yield from _rows(reader, layout, lines)
        except csv.Error:
            raise whole_file(
                message("table_not_read", mebibytes=LONGEST_ROW // 2**20),
                message("close_the_quote"),
                line=reader.line_num if reader is not None else 1,
            ) from None
        except UnicodeDecodeError as error:
            raise whole_file(
                message("table_not_utf8", byte=f"0x{error.object[error.start]:02X}"),
                message("save_table_as_utf8"),
                kind="not_utf8",
                line=reader.line_num + 1 if reader is not None else 1,
            ) from None


def _rows(reader: Any, layout: Layout, lines: "_Lines") -> Iterator[Item]:
    columns: list[str] | None = None
    while True:
        line = reader.line_num + 1
        cells = next(reader, None)
        if cells is None:
            return
        if lines.is_over:  # the reader has looked on for the end of a cell
            yield _never_closed(line)
            return
        if not any(map(str.strip, cells)):
            continue
        if columns is None:
            columns = column_names(cells if layout.has_names else letters(len(cells)), line=line)
            if layout.has_names:
                continue
        if len(cells) > len(columns):
            yield _too_many(line, len(cells), len(columns), layout)
            continue
        row = dict(itertools.zip_longest(columns, cells, fillvalue=""))
        yield RawRow(line=line, value=row, num_bytes=sum(map(len, cells)))


def column_names(names: list[str], *, line: int) -> list[str]:
    """Return the names of the columns, which are on `line`; whole-file fault where two are the same."""
    columns = [name.strip() for name in names]
    if len(columns) > MOST_COLUMNS:
        raise whole_file(message("too_many_columns", columns=len(columns)), message("a_table_has_few_columns"))
    doubled = next((name for name in columns if name and columns.count(name) > 1), None)
    if doubled is not None:
        raise whole_file(message("column_twice", name=repr(doubled[:40])), message("name_each_column"), line=line)
    return columns


def _never_closed(line: int) -> RowFault:
    return RowFault(
        line=line,
        kind="quote_not_closed",
        message=message("quote_not_closed"),
        hint=message("close_the_quote"),
    )


def _too_many(line: int, found: int, expected: int, layout: Layout) -> RowFault:
    mark = _MARKS.get(layout.separator, repr(layout.separator))
    more = message("too_many_cells", cells=found, columns=expected)
    if not layout.has_names:
        more = message("too_many_cells_unnamed", cells=found, columns=expected)
    return RowFault(
        line=line,
        kind="too_many_cells",
        message=more,
        hint=message("quote_the_cell", mark=mark) if layout.is_quoted else message("take_out_of_cell", mark=mark),
    )


def _layout(first: str, suffix: str, head: bytes) -> Layout:
    """Return how the table is made up: a text by its beginning, any other by the first line."""
    if named := _SEPARATOR_LINE.fullmatch(first):
        return Layout(separator=named[1], is_quoted=True, has_names=True)
    found = table_in(head) if suffix in TEXTS else None
    return found or Layout(separator=_separator(first, suffix), is_quoted=True, has_names=True)


def _names_separator(head: bytes) -> bool:
    first = head.partition(b"\n")[0].decode("utf-8", "replace")
    return _SEPARATOR_LINE.fullmatch(first) is not None


def _separator(first: str, suffix: str) -> str:
    """Return what separates the cells of the first line: the candidate that it has most of."""
    candidates = _SUFFIXES.get(suffix, _SUFFIXES[".csv"])
    return max(candidates, key=lambda mark: (first.count(mark), -candidates.index(mark)))


class _Lines:
    """Physical lines, a lone carriage return within a line included."""

    def __init__(self, first: str, rest: io.TextIOWrapper) -> None:
        self._pending = deque([first] if first else [])
        self._rest = rest
        self._is_begun = False
        self.is_over = False
        """Whether one more line than there are was asked for."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._is_begun and (following := self._rest.readline(LONGEST_ROW + 1)):
            self._pending.append(following)
        if not self._pending:
            self.is_over = True
            raise StopIteration
        self._is_begun = True
        line = self._pending.popleft()
        if "\0" in line:
            raise whole_file(message("table_binary"), message("upload_text"), kind="binary")
        return line


class _Raw(io.RawIOBase):
    """A Readable in the form that Python's own readers need."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object, /) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        block = self._stream.read(len(view))
        view[: len(block)] = block
        return len(block)
