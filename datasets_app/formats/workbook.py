"""Excel workbooks: the first sheet that holds something. Formulas are their last results; nothing is computed."""

import datetime
import zipfile
from collections.abc import Iterator
from typing import Any

from datasets_app.formats.base import Item, RawRow
from datasets_app.formats.streams import Readable
from datasets_app.formats.tables import MOST_COLUMNS
from datasets_app.formats.unpacking import ZIP, Unreadable, is_workbook, seekable, whole_file

LARGEST = 2 * 2**30
"""Bytes of all parts of a workbook, unpacked."""
LARGEST_TEXTS = 256 * 2**20
"""Bytes of the table of shared texts, which must be held in memory."""


class Workbook:
    """A first row of column names, then a row of cells for each example."""

    name = "xlsx"

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
    for sheet in book.worksheets:
        columns: list[str] = []
        for number, cells in enumerate(sheet.iter_rows(values_only=True, max_col=MOST_COLUMNS), 1):
            texts = [as_text(cell) for cell in cells]
            if not any(texts):
                continue
            if not columns:
                columns = [text.strip() for text in texts]
                continue
            row = {name: text for name, text in zip(columns, texts, strict=False) if name}
            yield RawRow(line=number, value=row, num_bytes=sum(map(len, texts)))
        if columns:
            return


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
        raise whole_file(
            "archive_bomb",
            "The workbook is larger inside than can be read here.",
            "Save the sheet as CSV (UTF-8) and upload that.",
        )


def _damaged() -> Exception:
    return whole_file(
        "workbook_damaged",
        "The Excel workbook is damaged or cut off.",
        "Save it again, or save the sheet as CSV (UTF-8).",
    )
