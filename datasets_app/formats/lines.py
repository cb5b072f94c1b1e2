"""Splits a stream of bytes into physical lines in bounded memory."""

from collections.abc import Iterator

from datasets_app.formats.json_values import LONGEST_ROW
from datasets_app.formats.streams import BLOCK, Readable

BOM = b"\xef\xbb\xbf"


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
