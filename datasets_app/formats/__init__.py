"""File formats, one module each: a new one joins by a line in FORMATS.

Pure: no Django models; bytes in, rows or faults out, in memory that does not grow with the file.
"""

from collections.abc import Iterator

from datasets_app.formats.base import Format, Item, RawRow, RowFault
from datasets_app.formats.json_array import JSONArray
from datasets_app.formats.jsonl import JSONLines
from datasets_app.formats.refusals import Refusal, refusal_of
from datasets_app.formats.shapes import other_shape
from datasets_app.formats.streams import HEAD_BYTES, Readable

FORMATS: tuple[Format, ...] = (JSONArray(), JSONLines())
"""Asked in this order; the last takes everything."""

__all__ = ["FORMATS", "Format", "Item", "RawRow", "Refusal", "RowFault", "open_rows", "other_shape", "refusal_of"]


def open_rows(stream: Readable, filename: str) -> tuple[Format, Iterator[Item]]:
    """Recognise the format of `stream` and return it with its rows and faults."""
    again = _Again(stream)
    chosen = next(form for form in FORMATS if form.recognises(again.head, filename))
    return chosen, chosen.read(again)


class _Again:
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
