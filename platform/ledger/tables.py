"""Usage as a file of comma-separated values."""

import csv
import io
from collections.abc import Sequence

from ledger.reading import COUNTED, Sums

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""With what a cell begins that a spreadsheet would compute instead of show."""


def as_csv(rows: Sequence[Sums], *, by: str) -> str:
    """Return a line of names and one for each row, every cell quoted."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow([by, *COUNTED])
    for row in rows:
        writer.writerow([_as_text(row.key), *(str(getattr(row, name)) for name in COUNTED)])
    return text.getvalue()


def _as_text(cell: str) -> str:
    """Return a cell that is text to every spreadsheet, whatever somebody has put into a name."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell
