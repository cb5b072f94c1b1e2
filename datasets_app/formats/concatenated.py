"""JSON objects, or arrays of messages, one after another, each over as many lines as it likes: pretty-printed JSON
Lines."""

import json
from collections.abc import Iterator

from datasets_app.formats.base import Item, RowFault
from datasets_app.formats.json_array import Splitter, split
from datasets_app.formats.raw_json import is_bare, open_depth
from datasets_app.formats.streams import BOM, HEAD_BYTES, Readable
from datasets_app.messages import message


class ConcatenatedJSON:
    """What `json.dump(..., indent=2)` writes, once for each example."""

    name = "json-objects"
    label = "JSON"
    suffixes = ()

    def recognises(self, head: bytes, filename: str) -> bool:
        """Take what begins with an object, or messages, that continue after their first line and end somewhere."""
        text = head.removeprefix(BOM).lstrip()
        first, _, rest = text.partition(b"\n")
        if not text.startswith((b"{", b"[")) or not rest.strip() or open_depth(first) == 0:
            return False
        if text.startswith(b"["):
            return is_bare(text)
        try:
            json.JSONDecoder(strict=False).raw_decode(text.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            # An object larger than what is looked at: the next line of broken JSON Lines would begin a new one.
            return len(head) >= HEAD_BYTES and not rest.lstrip().startswith(b"{") and open_depth(text) > 0
        return True

    def read(self, stream: Readable) -> Iterator[Item]:
        """Yield each object with the line where it begins."""
        return split(stream, _Objects())


def raw_objects(stream: Readable) -> Iterator[Item]:
    """Yield each object as its bytes."""
    return split(stream, _Objects(is_raw=True))


class _Objects(Splitter):
    """Elements without an array around them; a comma between two does no harm."""

    def __init__(self, *, is_raw: bool = False) -> None:
        super().__init__(is_raw=is_raw)
        self._state = self._between

    def _between(self) -> Item | None:
        first = self._skip_to(self.BETWEEN)
        if first:
            self._begin(first)
        return None

    def finish(self) -> Iterator[Item]:
        """Yield the fault of an object that does not end."""
        if self._state == self._between:
            return
        yield RowFault(
            line=self._start_line,
            kind="object_not_closed",
            message=message("object_not_closed"),
            hint=message("cut_off_or_bracket_missing"),
            is_whole_file=True,
        )
