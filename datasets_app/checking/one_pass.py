"""One check of one file: the quick way for plain JSON Lines, the general way for all else; and an index of its rows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from datasets_app.checking.quick import LineCheck
from datasets_app.checking.report import Counted, Listener, Nobody, Report, check_items, concluded
from datasets_app.checking.row_index import RowIndex, RowIndexWriter
from datasets_app.formats.base import RowFault
from datasets_app.formats.raw_json import open_depth
from datasets_app.formats.streams import Readable
from datasets_app.messages import message
from datasets_app.shapes.examples import Example, Opened, as_copy, open_examples

MOST_COMPARED = 20_000_000
"""Rows among which repetitions are looked for: 8 bytes each."""


def check_file_content(
    stream: Readable,
    *,
    filename: str,
    reading: Mapping[str, Any] | None = None,
    listener: Listener | None = None,
    index_folder: Path | None = None,
    is_quick: bool | None = None,
) -> Report:
    """Read all of `stream` and report; with `index_folder` write an index of its rows there.

    `is_quick` False takes the general way for plain JSON Lines too, which finds the same; None takes what suits.
    """
    listener = listener or Nobody()
    counted = Counted(stream)
    opened = open_examples(counted, filename, reading)
    report = Report(format=opened.format, encoding=opened.encoding)
    is_quick = _is_quick(opened) if is_quick is None else is_quick
    index = RowIndexWriter(index_folder, copies_rows=not is_quick) if index_folder is not None else None
    if is_quick:
        assert opened.text is not None
        lines = LineCheck(opened, report, listener, index, head=opened.text.head)
        lines.run(opened.text)
        hashes = lines.hashes
    else:
        copies = _Copies(listener, index)
        check_items(opened, report, copies, counted)
        hashes = [np.asarray(copies.hashes, dtype=np.int64)]
    report.shape, report.use, report.sample = opened.shape, opened.use, opened.sample
    report.unused = opened.unused
    if index is not None:
        index.close(shape=report.shape, use=report.use)
        _tell_repetitions(hashes, report, listener, index_folder)
    return concluded(report, listener)


def _is_quick(opened: Opened) -> bool:
    """Return whether the file is plain JSON Lines whose first line is a whole row."""
    if opened.format != "jsonl" or not opened.is_plain or opened.has_chosen_shape or opened.text is None:
        return False
    first = next((line for line in opened.text.head.splitlines() if line.strip()), b"")
    return open_depth(first) == 0


class _Copies:
    """Writes each row that is read in another layout once more, as a line of JSON."""

    def __init__(self, listener: Listener, index: RowIndexWriter | None) -> None:
        self._listener = listener
        self._index = index
        self.hashes: list[int] = []

    def found(self, fault: RowFault) -> None:
        self._listener.found(fault)

    def alive(self, report: Report) -> None:
        self._listener.alive(report)

    def row(self, item: Example | RowFault) -> None:
        if isinstance(item, RowFault):
            if item.level == "note":
                return  # of the file: no row has it
            if self._index is not None and item.line is not None:
                self._index.add(line=item.line, is_faulty=True, copy=None)
            self.hashes.append(item.content if item.content is not None else len(self.hashes))
            return
        copy = as_copy(item)
        self.hashes.append(hash(repr(copy)))
        if self._index is not None:
            self._index.add(line=item.line, is_faulty=False, copy=copy)


def _tell_repetitions(hashes: list[Any], report: Report, listener: Listener, folder: Path | None) -> None:
    """Note every row that says exactly what an earlier one says."""
    if folder is None or sum(map(len, hashes)) > MOST_COMPARED or (index := RowIndex.open(folder)) is None:
        return
    every = np.concatenate(hashes) if hashes else np.empty(0, dtype=np.int64)
    ordered = np.sort(every)
    doubled = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(doubled) or len(every) != index.num_rows:
        return
    is_of_one_kind = not report.num_rows and len(report.kinds) == 1 and report.faults[0].content is not None
    first: dict[int, int] = {}
    for number in np.flatnonzero(np.isin(every, doubled)).tolist():
        if index.faulty[number] and not is_of_one_kind:
            continue
        value = int(every[number])
        if value not in first:
            first[value] = number
            continue
        note = RowFault(
            line=int(index.lines[number]),
            level="note",
            kind="repeated_row",
            message=message("repeated_row", first=int(index.lines[first[value]])),
            hint=message("remove_repeated_row"),
        )
        report.add_fault(note)
        listener.found(note)
