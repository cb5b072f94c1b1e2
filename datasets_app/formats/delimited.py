"""Tables saved under a text file's name, as Excel does: distinguished from prose by what all their lines share."""

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from datasets_app.formats.streams import HEAD_BYTES

KNOWN = frozenset(
    {"question", "prompt", "instruction", "query", "ask", "input", "user", "human", "text", "context", "system",
     "frage", "anweisung", "eingabe", "问题", "提问", "输入", "指令", "answer", "response", "completion", "output",
     "reply", "target", "assistant", "label", "antwort", "ausgabe", "回答", "答案", "输出", "messages"}
)  # fmt: skip
"""Names of columns: a first line with two of them is one of names, whatever its separator."""
LONGEST_NAME = 40
LIKENESS = 0.9
"""The share of lines that must have the same number of cells; of few lines, all must."""
_SENTENCE_END = tuple(".?!。？！…,，;；")
_NUMBER = re.compile(r"[\d\s.,:/%+-]*")
_BULLET = re.compile(r"(?:\d{1,3}|[A-Za-z]|[ivxIVX]+)?[.)]|[-–—*•·◦▪o§]|\((?:\d{1,3}|[a-z])\)")
"""What word processors put before the points of a list, with a tab behind it."""
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How the lines of a table are made up."""

    separator: str
    is_quoted: bool
    """Whether quotes enclose cells; else they belong to what the cells say."""
    has_names: bool
    """Whether the first line holds the names of the columns."""


def table_in(head: bytes) -> Layout | None:
    """Return the layout of the table that begins with `head`, in UTF-8; None for any other text.

    Tabs on every line are a table's. The other separators occur in prose too, so they need a first line of names; bars
    also occur in marks of chat templates, so they need known ones.
    """
    text = head.decode("utf-8-sig", "replace")
    if "\0" in text:
        return None
    is_cut = len(head) >= HEAD_BYTES
    for separator in "\t;|,":
        for is_quoted in (True, False):
            records = _records(text, separator, is_quoted=is_quoted, is_cut=is_cut)
            if records and _is_table(records, separator, has_quotes=is_quoted and _has_quotes(text, separator)):
                return Layout(separator=separator, is_quoted=is_quoted, has_names=_are_names(records[0]))
    return None


def letters(number: int) -> list[str]:
    """Return names for that many columns that have none, as spreadsheets do: A, B, …, Z, AA, …"""
    names = []
    for column in range(number):
        name, column = "", column + 1
        while column:
            column, letter = divmod(column - 1, 26)
            name = chr(ord("A") + letter) + name
        names.append(name)
    return names


def _records(text: str, separator: str, *, is_quoted: bool, is_cut: bool) -> list[list[str]]:
    """Return the records that are whole; none where the quotes do not fit."""
    if separator not in text:
        return []
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if is_quoted else csv.QUOTE_NONE
    lines = list(io.StringIO(text, newline=""))
    reader = csv.reader(lines, delimiter=separator, quoting=quoting, strict=True)
    found: list[list[str]] = []
    num_lines = 0  # of the records that are whole
    try:
        for cells in reader:
            if is_cut and reader.line_num == len(lines):
                break
            found.append(cells)
            num_lines = reader.line_num
    except csv.Error:
        if not is_cut or 2 * num_lines < len(lines):
            return []
    return [cells for cells in found if any(cell.strip() for cell in cells)]


def _is_table(records: list[list[str]], separator: str, *, has_quotes: bool) -> bool:
    first, rest = records[0], records[1:]
    if not rest or len(first) < 2:
        return False
    if len(KNOWN & {name.strip().lower() for name in first}) >= 2:
        return True
    [(width, count)] = Counter(map(len, records)).most_common(1)
    least = len(records) if separator != "\t" or len(records) < 10 else LIKENESS * len(records)
    if width < 2 or len(first) != width or count < least:
        return False
    filled = [sum(bool(cells[place].strip()) for cells in records if place < len(cells)) for place in range(width)]
    if sum(2 * number >= len(records) for number in filled) < 2:
        return False  # lines that are only indented
    if all(_BULLET.fullmatch(cells[0].strip()) for cells in records):
        return False
    return separator == "\t" or _is_written_as_table(records, separator, has_quotes=has_quotes)


def _is_written_as_table(records: list[list[str]], separator: str, *, has_quotes: bool) -> bool:
    """Return whether marks that prose uses too separate cells here: names above, and no space behind a mark."""
    if len(records) < 3 or separator == "|" or not _are_names(records[0]):
        return False
    if any(cell.startswith(" ") for cells in records for cell in cells[1:]):
        return False
    return has_quotes or separator != "," or all(map(_IDENTIFIER.fullmatch, records[0]))


def _are_names(cells: list[str]) -> bool:
    names = [cell.strip() for cell in cells if cell.strip()]
    return (
        len(names) >= 2
        and len(set(names)) == len(names)
        and not any(
            len(name) > LONGEST_NAME or "\n" in name or name.endswith(_SENTENCE_END) or _NUMBER.fullmatch(name)
            for name in names
        )
    )


def _has_quotes(text: str, separator: str) -> bool:
    return re.search(rf'(?:^|{re.escape(separator)})"', text, re.MULTILINE) is not None
