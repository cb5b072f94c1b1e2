"""Tables in answers: pasted from a spreadsheet, written by hand, or uploaded; rows with the columns of a question.

A pasted row has its cells parted by tabs, as spreadsheets copy them, or by an arrow (=> or →), or by commas as in CSV.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

from datasets_app.formats import open_rows
from datasets_app.formats.base import RowFault
from datasets_app.formats.streams import Readable
from datasets_app.messages import message
from datasets_app.recipes.base import Field, QuestionnaireError, TableRow

_ARROWS = tuple(re.compile(rf"[ \t]*{arrow}[ \t]*") for arrow in ("=>", "→", "⇒", "->"))
"""The first of these that a text has parts its cells: the others may stand inside of them."""


def rows_of_text(text: str, field: Field) -> list[TableRow]:
    """Return the rows of a pasted table; QuestionnaireError names the line that is none."""
    try:
        found = _cells_of(text.strip("\n\r"), len(field.columns))
        cells = [(line, cells) for line, cells in found if any(cells)]
    except csv.Error as error:  # a cell beyond all bounds, or what is no text
        raise QuestionnaireError(message("recipe_table_unreadable", reason=str(error)), field=field.name) from None
    if cells and _is_heading(cells[0][1], field):
        cells = cells[1:]
    return [_row(line, found, field) for line, found in cells]


def text_of_rows(rows: Sequence[TableRow]) -> str:
    """Return rows as a spreadsheet copies them; `rows_of_text` reads them back."""
    written = io.StringIO(newline="")
    csv.writer(written, delimiter="\t", lineterminator="\n").writerows(row.values() for row in rows)
    return written.getvalue()


def rows_of_file(stream: Readable, filename: str, field: Field) -> list[TableRow]:
    """Return the rows of an uploaded table, by the names over its columns, or else by their order."""
    found: list[TableRow] = []
    for item in open_rows(stream, filename).items:
        if isinstance(item, RowFault):
            raise QuestionnaireError(item.sentence, field=field.name)
        if len(found) == field.most_rows:
            raise QuestionnaireError(message("recipe_many_rows", most=field.most_rows), field=field.name)
        found.append(_row(item.line, _ordered(item.value, field), field))
    return found


def checked_rows(value: Any, field: Field) -> list[TableRow]:
    """Return rows that came as JSON, without blanks around their cells; QuestionnaireError names what is wrong."""
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise QuestionnaireError(message("recipe_no_table", columns=list(field.columns)), field=field.name)
    if len(value) > field.most_rows:
        raise QuestionnaireError(message("recipe_many_rows", most=field.most_rows), field=field.name)
    return [
        _row(number, [row.get(name, "") for name in field.columns], field) for number, row in enumerate(value, start=1)
    ]


def _cells_of(text: str, num_columns: int) -> Iterable[tuple[int, list[str]]]:
    if "\t" in text:
        return _parted(text, "\t")
    arrow = next((arrow for arrow in _ARROWS if arrow.search(text)), None)
    if arrow is not None:
        lines = enumerate(text.splitlines(), start=1)
        return [(number, arrow.split(line, maxsplit=num_columns - 1)) for number, line in lines]
    return _parted(text, ",")


def _parted(text: str, by: str) -> Iterable[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=by)
    begin, found = 1, []
    for cells in reader:
        found.append((begin, cells))
        begin = reader.line_num + 1
    return found


def _is_heading(cells: Sequence[str], field: Field) -> bool:
    known = {_plain(name) for name in field.columns} | {_plain(str(label)) for label in field.columns.values()}
    return all(_plain(cell) in known for cell in cells if cell.strip())


def _ordered(value: Any, field: Field) -> list[Any]:
    if not isinstance(value, dict):
        return list(value) if isinstance(value, list) else [value]
    by_name = {_plain(str(name)): cell for name, cell in value.items()}
    known = [
        next((key for key in (_plain(name), _plain(str(label))) if key in by_name), None)
        for name, label in field.columns.items()
    ]
    wanted = [key for key, name in zip(known, field.columns, strict=True) if name not in field.may_be_empty]
    if None not in wanted:
        return [by_name[key] if key is not None else "" for key in known]
    return list(value.values())


def _row(line: int, cells: Sequence[Any], field: Field) -> TableRow:
    texts = ["" if cell is None else str(cell).strip() for cell in cells]
    while len(texts) > len(field.columns) and not texts[-1]:
        texts.pop()
    row = dict(zip(field.columns, [*texts, *[""] * len(field.columns)], strict=False))
    lacking = [name for name, text in row.items() if not text and name not in field.may_be_empty]
    if len(texts) > len(field.columns) or lacking:
        columns = [str(label) for label in field.columns.values()]
        raise QuestionnaireError(message("recipe_line_unfit", line=line, columns=columns), field=field.name)
    for name, text in row.items():
        if len(text) > field.most or "\0" in text:
            told = message("recipe_cell_long", line=line, column=str(field.columns[name]), most=field.most)
            raise QuestionnaireError(told, field=field.name)
    return row


def _plain(text: str) -> str:
    return text.strip().casefold()
