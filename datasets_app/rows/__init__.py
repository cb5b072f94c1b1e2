"""Where each row of a checked file lies, so that any page of a set of any size is one seek away."""

from datasets_app.rows.index import RowIndex, RowIndexWriter

__all__ = ["RowIndex", "RowIndexWriter"]
