"""Sources that are read in blocks or lines, and only up to a limit while a request waits."""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

BLOCK = 1 << 20
"""Bytes read at once."""
HEAD_BYTES = 1 << 16
"""What is looked at to recognise a format."""
LONGEST_ROW = 8 * 2**20
"""Bytes."""
BOM = b"\xef\xbb\xbf"
FAULT_BYTES = 160
"""What a row that cannot be read counts."""


class Readable(Protocol):
    """Anything with a `read` that returns bytes, b"" at the end."""

    def read(self, size: int, /) -> bytes: ...


def blocks(stream: Readable) -> Iterator[bytes]:
    """Yield the stream's bytes without a UTF-8 byte order mark at the start."""
    first = stream.read(BLOCK)
    while 0 < len(first) < len(BOM) and (more := stream.read(BLOCK)):
        first += more
    first = first.removeprefix(BOM)
    if first:
        yield first
    while block := stream.read(BLOCK):
        yield block


def lines(stream: Readable) -> Iterator[tuple[int, bytes | None]]:
    r"""Yield (number from 1, line without its "\n" or "\r\n"); None instead of a line beyond LONGEST_ROW."""
    number, pending, is_long = 1, bytearray(), False
    for block in blocks(stream):
        start = 0
        while (end := block.find(b"\n", start)) >= 0:
            if not is_long:
                pending += block[start:end]
            yield number, _line(pending, is_long)
            number, start, is_long = number + 1, end + 1, False
            pending.clear()
        if not is_long:
            pending += block[start:]
        if len(pending) > LONGEST_ROW + 1:
            pending.clear()
            is_long = True
    if pending or is_long:
        yield number, _line(pending, is_long)


def _line(pending: bytearray, is_long: bool) -> bytes | None:
    line = bytes(pending[:-1] if pending.endswith(b"\r") else pending)
    return None if is_long or len(line) > LONGEST_ROW else line


class TooFar(Exception):
    """There is more than may be read while a request waits."""


class Bounded:
    """A stream that raises TooFar beyond a number of bytes: no reader continues for ever in blank lines."""

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
    """Yield rows and faults up to a number of bytes; then raise TooFar where there is one more."""
    left = most_bytes
    for item in items:
        if left <= 0:
            raise TooFar
        yield item
        known: Any = item
        left -= getattr(known, "num_bytes", FAULT_BYTES)
