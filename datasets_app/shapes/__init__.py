"""What a row means: each shape an entry of SHAPES, asked in this order. Pure."""

from collections.abc import Mapping
from typing import Any

from datasets_app.formats.base import RowFault
from datasets_app.messages import message
from datasets_app.shapes import conversations, instructions, others, vendors
from datasets_app.shapes.base import Columns, Row, Shape, Turned, Use
from datasets_app.shapes.lists import as_row

SHAPES: tuple[Shape, ...] = (
    *others.FIRST, *conversations.SHAPES, *vendors.SHAPES, *instructions.SHAPES, others.TEXT, *vendors.LAST,
)  # fmt: skip
CHOSEN = instructions.CHOSEN
NAMES = (*dict.fromkeys(shape.name for shape in SHAPES), CHOSEN.name)

__all__ = [
    "CHOSEN",
    "NAMES",
    "SHAPES",
    "Columns",
    "Row",
    "Shape",
    "Turned",
    "Use",
    "as_row",
    "column_missing",
    "go_together",
    "is_only_named",
    "named",
    "no_shape",
    "not_as_said",
    "not_learned",
    "shape_of",
    "unlike",
]


def shape_of(row: Any) -> Shape | None:
    """Return the first shape that fits, or None for a row of keys that mean nothing here."""
    if not isinstance(row, Mapping):
        return None
    return next((shape for shape in SHAPES if shape.fits(row)), None)


def named(name: str) -> Shape | None:
    """Return the shape of this name."""
    return CHOSEN if name == CHOSEN.name else next((shape for shape in SHAPES if shape.name == name), None)


def not_learned(shape: Shape, line: int) -> RowFault:
    """Return why a row of a shape that is only named is not used."""
    return RowFault(
        line=line,
        kind=f"{shape.use}_data" if shape.use in ("preference", "reinforcement") else shape.name,
        message=message("not_for_supervised", shape=shape.words),
        hint=message("to_train_write_messages"),
        is_kind=True,
    )


def is_only_named(name: str) -> bool:
    """Return whether rows of this shape cannot be trained on here."""
    shape = named(name)
    return shape is not None and shape.turn is None and shape.use != "text"


def go_together(name: str, first: str) -> bool:
    """Return whether rows of two shapes may be in one file: of one kind, or both conversations."""
    return name == first or {name, first} <= {"messages", "conversations"}


def unlike(shape: Shape, first: str, line: int) -> RowFault:
    """Return the fault of a row that is of another shape than the rows before it: more likely a slip than meant."""
    before = named(first)
    words = before.words if before is not None else first
    return RowFault(
        line=line,
        kind="wrong_keys",
        message=message("row_of_another_kind", shape=shape.words, before=words),
        hint=message("write_it_as_the_others"),
    )


def not_as_said(shape: Shape, line: int) -> RowFault:
    """Return the fault of a row that is not of the shape that the user named."""
    return RowFault(
        line=line,
        kind="wrong_keys",
        message=message("row_not_as_named", shape=shape.words),
        hint=message("leave_kind_or_name_another"),
        is_kind=True,
    )


def column_missing(name: str, line: int) -> RowFault:
    """Return the fault of a row without a column that the user named."""
    return RowFault(
        line=line,
        kind="column_missing",
        message=message("column_missing", name=repr(name[:40])),
        hint=message("choose_columns_again"),
        is_kind=True,
    )


def no_shape(row: Mapping[str, Any], line: int) -> RowFault:
    """Return the fault of a row whose columns have no recognisable meaning."""
    names = [repr(str(name)[:40]) for name in list(row)[:8]] or message("none_at_all")
    return RowFault(
        line=line,
        kind="columns_unknown",
        message=message("columns_unknown", names=names),
        hint=message("say_which_column"),
        is_kind=True,
    )
