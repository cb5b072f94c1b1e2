"""File formats, one module each: a new one joins by a line in BINARY or TEXT.

Pure: no Django models; bytes in, rows or faults out, in memory that does not grow with the file.
"""

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from datasets_app.formats.base import Format, Item
from datasets_app.formats.concatenated import ConcatenatedJSON
from datasets_app.formats.encodings import as_utf8, encoding_of
from datasets_app.formats.json_array import JSONArray
from datasets_app.formats.jsonl import JSONLines
from datasets_app.formats.parquet import Parquet
from datasets_app.formats.plain_text import PlainText
from datasets_app.formats.refusals import refusal_inside
from datasets_app.formats.streams import HEAD_BYTES, Bounded, Readable
from datasets_app.formats.tables import Table
from datasets_app.formats.unpacking import Unreadable, unpacked, whole_file
from datasets_app.formats.workbook import Workbook
from datasets_app.messages import message

BINARY: tuple[Format, ...] = (Parquet(), Workbook())
"""Their bytes are no text."""
TEXT: tuple[Format, ...] = (Table(), PlainText(), JSONArray(), ConcatenatedJSON(), JSONLines())
"""Asked in this order; the last takes everything."""
FORMATS = (*BINARY, *TEXT)
NAMES = tuple(form.name for form in FORMATS)
SUFFIXES = tuple(suffix for form in reversed(FORMATS) for suffix in form.suffixes)
PACKED = (".gz", ".zst", ".zip")
"""What each of them may be packed as."""


@dataclass(frozen=True, kw_only=True)
class OpenedRows:
    """A file whose layout is known."""

    format: str
    encoding: str
    """"" for a format that is not text."""
    is_plain: bool
    """Whether the stored bytes are the UTF-8 text itself: neither packed nor in another encoding."""
    items: Iterator[Item]
    text: "Again | None" = None
    """The text that `items` reads, for who reads it himself."""


def open_rows(
    stream: Readable, filename: str, reading: Mapping[str, Any] | None = None, *, most_bytes: int | None = None
) -> OpenedRows:
    """Recognise the layout of `stream` and return it with its rows and faults.

    `reading` says otherwise: {"format": one of NAMES, "encoding": one of ENCODINGS}. A file that cannot be read at all
    gives one fault, which `items` yields as its only item. Of text, `items` reads `most_bytes` and then raises TooFar.
    """
    reading = reading or {}
    again = Again(stream)
    try:
        opened, inner = unpacked(again, again.head, filename)
        return _opened(opened, inner, reading, is_packed=opened is not again, most_bytes=most_bytes)
    except Unreadable as error:
        return OpenedRows(format="", encoding="", is_plain=False, items=iter((error.fault,)))


def _opened(
    stream: Readable, filename: str, reading: Mapping[str, Any], *, is_packed: bool, most_bytes: int | None
) -> OpenedRows:
    again = stream if isinstance(stream, Again) else Again(stream)
    if is_packed and (refusal := refusal_inside(again.head, filename)):
        raise whole_file(refusal.message, None, kind=refusal.code)
    for form in BINARY:
        if reading.get("format") == form.name or form.recognises(again.head, filename):
            source = again.whole()
            return OpenedRows(format=form.name, encoding="", is_plain=False, items=_guarded(form.read(source)))
    encoding = str(reading.get("encoding") or encoding_of(again.head))
    if encoding == "utf-32":
        raise whole_file(message("utf_32"), message("save_as_utf8_again"), kind="unsupported_encoding")
    decoded = as_utf8(again, encoding)
    text = Again(decoded if most_bytes is None else Bounded(decoded, most_bytes=most_bytes))
    chosen = next((form for form in TEXT if form.name == reading.get("format")), None)
    chosen = chosen or next(form for form in TEXT if form.recognises(text.head, filename))
    items = chosen.read(text, filename, text.head) if isinstance(chosen, Table) else chosen.read(text)
    return OpenedRows(
        format=chosen.name,
        encoding=encoding,
        is_plain=encoding == "utf-8" and not is_packed,
        items=_guarded(items),
        text=text,
    )


def _guarded(items: Iterator[Item]) -> Iterator[Item]:
    """Turn what ends the reading of the whole file into its last fault."""
    try:
        yield from items
    except Unreadable as error:
        yield error.fault


class Again:
    """A stream whose first bytes can be looked at before it is read."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self.head = b""
        while len(self.head) < HEAD_BYTES and (more := stream.read(HEAD_BYTES - len(self.head))):
            self.head += more
        self._left = self.head

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, b"" at the end."""
        if self._left:
            part, self._left = self._left[:size], self._left[size:]
            return part
        return self._stream.read(size)

    def whole(self) -> Readable:
        """Return the stream itself, at its start again, where it can go back; else this."""
        seek = getattr(self._stream, "seek", None)
        if inspect.isroutine(seek) and getattr(self._stream, "seekable", lambda: False)():
            seek(0)
            return self._stream
        return self
