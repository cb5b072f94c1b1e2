"""Plain text: a paragraph, or where there are no blank lines a line, is one piece to read."""

import re
from collections.abc import Iterator
from pathlib import PurePath

from datasets_app.formats.base import Item, RawRow
from datasets_app.formats.json_values import not_utf8, too_long
from datasets_app.formats.streams import BOM, Readable, lines

_BRACKETED = re.compile(rb"\[(?!NaN|Infinity)[A-Z]")
"""A word in brackets, such as [INST]: no array begins so."""
SUFFIXES = (".txt", ".text", ".md")


class PlainText:
    """What is named .txt or .md and does not begin as JSON does."""

    name = "text"
    label = "Text"
    suffixes = SUFFIXES

    def recognises(self, head: bytes, filename: str) -> bool:
        """Take text by its name; JSON under such a name is read as what it is."""
        start = head.removeprefix(BOM).lstrip()
        is_json = start.startswith((b"{", b"[")) and not _BRACKETED.match(start)
        return PurePath(filename.lower()).suffix in SUFFIXES and not is_json

    def read(self, stream: Readable) -> Iterator[Item]:
        """Yield {"text": line} for each line that is not blank."""
        for number, line in lines(stream):
            if line is None:
                yield too_long(number)
            elif line.strip():
                try:
                    yield RawRow(line=number, value={"text": line.decode()}, num_bytes=len(line))
                except UnicodeDecodeError as error:
                    yield not_utf8(line, number, error)
