"""Pages of a data set of any size: by number, by what they say, by what is wrong with them."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np

from common.errors import UserError
from datasets_app.checking import one_pass
from datasets_app.checking.row_index import RowIndex
from datasets_app.formats.base import RawRow, RowFault
from datasets_app.formats.json_values import parse_value
from datasets_app.messages import message
from datasets_app.models import Fault, TrainingFile
from datasets_app.shapes.examples import Example, Opened, open_examples
from datasets_app.storage import store
from datasets_app.storage.node_files import one_at_a_time, rows_folder

SEARCH_SECONDS = 0.2
"""How long a search reads before it says where to continue."""
SEARCHED_ROWS = 4096
"""Rows looked at between two looks at the clock."""
SHOWN_BYTES = 4096
"""Of a row that cannot be read as a conversation."""


@dataclass(frozen=True, kw_only=True)
class RowView:
    """One row as it is shown."""

    number: int | None
    """From 0, among the rows that can be learned from; None for others."""
    line: int
    example: Example | None
    raw: str
    """The row as it is written, cut; "" where it could be read."""
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class RowPage:
    """Some rows in order."""

    rows: list[RowView]
    total: int | None
    """How many rows pass the filter; None for a search, which does not count them."""
    next_offset: int | None
    """Where the next page begins; None at the end."""


def page_of_rows(file: TrainingFile, *, offset: int = 0, limit: int = 20, search: str = "", kind: str = "") -> RowPage:
    """Return rows that can be learned from, or with `kind` those of one kind of fault or note.

    `offset` counts rows that can be learned from; with `kind` it counts that kind's faults. `search` is looked for in
    the row as it is written, without regard to case.
    """
    with _opened(file) as source:
        if kind:
            return _faulty_page(file, source, offset, limit, kind)
        if search:
            return _found_page(source, offset, limit, search)
        numbers = source.index.good(offset, limit)
        total = source.index.num_rows - int(source.index.meta.get("num_faulty") or 0)
        rows = [source.view(int(n), offset + k) for k, n in enumerate(numbers)]
        return RowPage(rows=rows, total=total, next_offset=offset + limit if offset + limit < total else None)


def example_at(file: TrainingFile, number: int) -> Example | None:
    """Return the row `number`, from 0, of those that can be learned from."""
    with _opened(file) as source:
        if number >= source.index.num_rows:
            return None
        for place in source.index.good(number, 1):
            return source.view(int(place), number).example
    return None


def examples_at(file: TrainingFile, numbers: list[int]) -> list[Example]:
    """Return the rows of these numbers, which ascend, of those that can be learned from."""
    with _opened(file) as source:
        every = source.index.good(0, source.index.num_rows)
        views = (source.view(int(every[number]), number) for number in numbers if number < len(every))
        return [view.example for view in views if view.example is not None]


@dataclass(frozen=True)
class _Source:
    index: RowIndex
    content: IO[bytes]
    opened: Opened

    def view(self, place: int, number: int | None) -> RowView:
        [(line, raw)] = self.index.raw(np.asarray([place]), self.content)
        value = parse_value(raw, line)
        if isinstance(value, RowFault) or value is None:
            return RowView(number=None, line=line, example=None, raw=_shown(raw) if value is not None else "")
        example = self.opened.read_item(RawRow(line=line, value=value, num_bytes=len(raw)))
        if isinstance(example, RowFault):
            return RowView(number=None, line=line, example=None, raw=_shown(raw))
        return RowView(number=number, line=line, example=example, raw="")


def _found_page(source: _Source, offset: int, limit: int, search: str) -> RowPage:
    """Search from the row `offset` on; when time is up, say where to continue."""
    wanted = search.lower()
    until = time.monotonic() + SEARCH_SECONDS
    rows: list[RowView] = []
    total = source.index.num_rows - int(source.index.meta.get("num_faulty") or 0)
    number = offset
    while number < total:
        block = source.index.good(number, SEARCHED_ROWS)
        for place in block:
            [(_, raw)] = source.index.raw(np.asarray([place]), source.content)
            if wanted in raw.decode("utf-8", "replace").lower() or wanted in _unescaped(raw, wanted):
                rows.append(source.view(int(place), number))
            number += 1
            if len(rows) == limit:
                return RowPage(rows=rows, total=None, next_offset=number if number < total else None)
        if time.monotonic() > until:
            break
    return RowPage(rows=rows, total=None, next_offset=number if number < total else None)


def _unescaped(raw: bytes, wanted: str) -> str:
    """Return the row with its escapes resolved, where what is wanted may hide behind them."""
    if wanted.isascii() or b"\\u" not in raw:
        return ""
    return raw.decode("unicode_escape", "replace").lower()


def _faulty_page(file: TrainingFile, source: _Source, offset: int, limit: int, kind: str) -> RowPage:
    found = Fault.objects.filter(file=file, kind=kind).order_by("number")
    total = found.count()
    faults = list(found[offset : offset + limit])
    rows = []
    for fault in faults:
        lines = [fault.line] if fault.line is not None else []
        for place in source.index.at_lines(lines):
            view = source.view(int(place), None)
            rows.append(RowView(number=None, line=view.line, example=view.example, raw=view.raw, faults=[fault]))
    return RowPage(rows=rows, total=total, next_offset=offset + limit if offset + limit < total else None)


@contextmanager
def _opened(file: TrainingFile) -> Iterator[_Source]:
    """Open the file's index, made again where this node has none, and what it points into; UserError for a file that
    waits for its check, which makes the index."""
    if file.status == TrainingFile.Status.UPLOADED:
        raise UserError(message("file_being_checked", filename=file.filename, file=file.pk), code="file_not_ready")
    index = RowIndex.open(rows_folder(file.pk)) or _indexed(file)
    content: Any = index.open_rows() if index.has_copies else store.open_content(file)
    with content:
        reading = {} if index.has_copies else file.reading
        yield _Source(index, content, open_examples(_Empty(), "rows.jsonl", reading))


def _indexed(file: TrainingFile) -> RowIndex:
    """Make the file's index, one process or thread at a time: two would write into each other's."""
    folder = rows_folder(file.pk)
    with one_at_a_time("rows", file.pk):
        if (index := RowIndex.open(folder)) is not None:
            return index  # somebody has made it meanwhile
        shutil.rmtree(folder, ignore_errors=True)
        with store.open_content(file) as stream:
            one_pass.check_file_content(stream, filename=file.filename, reading=file.reading, index_folder=folder)
        return RowIndex(folder)


class _Empty:
    def read(self, size: int = -1, /) -> bytes:
        return b""


def _shown(raw: bytes) -> str:
    return raw[:SHOWN_BYTES].decode("utf-8", "replace")
