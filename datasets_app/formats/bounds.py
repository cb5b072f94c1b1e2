"""How far a file is read while somebody waits."""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from datasets_app.formats.streams import Readable

T = TypeVar("T")

FAULT_BYTES = 160
"""What a row that cannot be read counts."""


class TooFar(Exception):
    """There is more than is read while somebody waits."""


class Bounded:
    """A stream that raises TooFar beyond so many bytes: no reader goes on for ever in blank lines."""

    def __init__(self, stream: Readable, *, most_bytes: int) -> None:
        self._stream = stream
        self._left = most_bytes

    def read(self, size: int, /) -> bytes:
        block = self._stream.read(size)
        if block and self._left <= 0:
            raise TooFar
        self._left -= len(block)
        return block


def within(items: Iterable[T], *, most_bytes: int) -> Iterator[T]:
    """Yield rows and faults until they have more than so many bytes; then raise TooFar where there is one more."""
    left = most_bytes
    for item in items:
        if left <= 0:
            raise TooFar
        yield item
        known: Any = item
        left -= getattr(known, "num_bytes", FAULT_BYTES)
