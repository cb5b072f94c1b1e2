"""Tables as files of comma-separated values."""

import csv
import io
from collections.abc import Iterable, Sequence

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""With what a cell begins that a spreadsheet would compute instead of show."""


def as_csv(names: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a line of names and one for each row, every cell quoted; a text stays one in every spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(names)
    for row in rows:
        writer.writerow([f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell for cell in row])
    return text.getvalue()
