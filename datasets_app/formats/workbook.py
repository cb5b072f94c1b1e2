"""Excel workbooks: the first sheet that holds something. Formulas are their last results; nothing is computed."""

import datetime
import functools
import io
import itertools
import re
import zipfile
from collections.abc import Callable, Iterator
from typing import IO, Any

from datasets_app.formats.base import Item, RawRow, RowFault
from datasets_app.formats.delimited import letters
from datasets_app.formats.streams import BLOCK, Readable
from datasets_app.formats.tables import MOST_COLUMNS, column_names
from datasets_app.formats.unpacking import ZIP, Unreadable, is_workbook, seekable, whole_file
from datasets_app.messages import message

LARGEST = 2 * 2**30
"""Bytes of all parts of a workbook, unpacked."""
_ROW, _CDATA = b"<row ", b"<![CDATA["
LONGEST_BLANK_ROW = 1 << 16
_BLANK_ROW = re.compile(rb'<row r="\d++"[^<>]*+>(?:(?<=/>)|(?:<c [^<>]*+>(?:(?<=/>)|</c>))*</row>)')
"""A row whose cells, if any, are empty; counted so that the rows after it keep their numbers."""
MOST_NAMED = 5
"""The most sheets that a note names."""
LARGEST_TEXTS = 256 * 2**20
"""Bytes of the table of shared texts, which must be held in memory."""


class Workbook:
    """A first row of column names, then a row of cells for each example."""

    name = "xlsx"
    label = "Excel"
    suffixes = (".xlsx",)

    def recognises(self, head: bytes, filename: str) -> bool:
        """Take a zip file that is a workbook."""
        return head.startswith(ZIP) and is_workbook(head, filename)

    def read(self, stream: Readable) -> Iterator[Item]:
        """Yield each row as {column: cell as text} with its number in the sheet."""
        import openpyxl  # heavy, and only here

        file = seekable(stream)
        try:
            _check_size(zipfile.ZipFile(file))
            file.seek(0)
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
            yield from _rows(book)
        except Unreadable:
            raise
        except Exception:  # a broken workbook makes openpyxl raise whatever it trips over
            raise _damaged() from None


def _rows(book: Any) -> Iterator[Item]:
    sheets = list(book.worksheets)
    for place, sheet in enumerate(sheets, 1):
        columns: list[str] = []
        for number, texts in _filled(sheet):
            if not columns:
                columns = column_names([text.strip() for text in texts], line=number)
                continue
            yield RawRow(line=number, value=_row(columns, texts), num_bytes=sum(map(len, texts)))
        if columns:
            others = [other.title for other in sheets[place:] if next(_filled(other), None) is not None]
            if others:
                yield _not_read(sheet.title, others)
            return


def _filled(sheet: Any) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a sheet that hold something, with their numbers."""
    sheet.reset_dimensions()  # what a sheet says of its size may be wrong, and rows beyond it would be lost
    source = sheet._get_source
    sheet._get_source = functools.partial(_WithoutBlankRows, source)
    blank: tuple[Any, ...] = ()
    for number, cells in enumerate(sheet.iter_rows(values_only=True, max_col=MOST_COLUMNS + 1), 1):
        if cells is blank:  # a million rows that the sheet leaves out pass here
            continue
        texts = _texts(cells)
        if any(texts):
            yield number, texts
        else:
            blank = cells


def _not_read(title: str, others: list[str]) -> RowFault:
    names = [*(repr(other[:40]) for other in others[:MOST_NAMED]), *(["…"] if len(others) > MOST_NAMED else [])]
    return RowFault(
        line=None,
        level="note",
        kind="sheets_not_read",
        message=message("sheets_not_read", sheet=repr(title[:40]), others=names),
        hint=message("save_each_sheet"),
    )


class _WithoutBlankRows(io.RawIOBase):
    """A sheet without the rows that have no more than a height or formats: each would cost what a full one costs."""

    def __init__(self, open_source: Callable[[], IO[bytes]]) -> None:
        self._source = open_source()
        self._begun = b""
        """A row that may continue in the next block."""
        self._left = b""
        self._is_plain = True
        """False once there is text that only looks like rows."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object, /) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        while not self._left and (block := self._source.read(BLOCK)):
            block = self._begun + block
            start = block.rfind(_ROW)
            cut = start if start >= 0 and len(block) - start <= LONGEST_BLANK_ROW else max(len(block) - len(_ROW), 0)
            self._is_plain = self._is_plain and _CDATA not in block
            self._left, self._begun = block[:cut], block[cut:]
            if self._is_plain:
                self._left = _BLANK_ROW.sub(b"", self._left)
        if not self._left:
            self._left, self._begun = self._begun, b""
        part = self._left[: len(view)]
        view[: len(part)], self._left = part, self._left[len(part) :]
        return len(part)

    def close(self) -> None:
        self._source.close()
        super().close()


def _texts(cells: tuple[Any, ...]) -> list[str]:
    """Return the cells as texts, up to the last one that holds something."""
    num_left = len(cells) - cells.count(None)
    texts: list[str] = []
    for cell in cells if num_left else ():
        texts.append(as_text(cell))
        num_left -= cell is not None
        if not num_left:
            break
    return texts


def _row(columns: list[str], texts: list[str]) -> dict[str, str]:
    """Return the cells by their columns; one that has text and no name goes by its letters."""
    row = {name: text for name, text in itertools.zip_longest(columns, texts, fillvalue="") if name}
    for number, (name, text) in enumerate(itertools.zip_longest(columns, texts, fillvalue=""), 1):
        if text and not name:
            row.setdefault(letters(number)[-1], text)
    return row


def as_text(cell: Any) -> str:
    """Return a cell as it reads: a whole number without a point, a date as it is written in ISO."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, datetime.datetime):
        return cell.date().isoformat() if cell.time() == datetime.time() else cell.isoformat(sep=" ")
    return cell if isinstance(cell, str) else str(cell)


def _check_size(archive: zipfile.ZipFile) -> None:
    parts = archive.infolist()
    texts = sum(part.file_size for part in parts if part.filename.lower().endswith("sharedstrings.xml"))
    if sum(part.file_size for part in parts) > LARGEST or texts > LARGEST_TEXTS:
        raise whole_file(message("workbook_too_large"), message("save_sheet_as_csv"), kind="archive_bomb")


def _damaged() -> Exception:
    return whole_file(message("workbook_damaged"), message("save_workbook_again"))
