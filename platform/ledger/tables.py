"""Usage as a file of comma-separated values."""

from collections.abc import Sequence

from common.tables import as_csv
from ledger.reading import COUNTED, Sums


def usage_csv(rows: Sequence[Sums], *, by: str) -> str:
    """Return a line of names and one for each row."""
    return as_csv([by, *COUNTED], ([row.key, *(getattr(row, name) for name in COUNTED)] for row in rows))
