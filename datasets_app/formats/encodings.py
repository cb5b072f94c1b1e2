"""Which characters the bytes of a text file are, and the file as UTF-8."""

import codecs
import re

from datasets_app.formats.streams import Readable
from datasets_app.formats.unpacking import whole_file
from datasets_app.messages import message

UTF8 = "utf-8"
ENCODINGS = (UTF8, "utf-16", "utf-16-le", "utf-16-be", "gb18030", "windows-1252")
"""What may be named; the first is what is assumed of a file in ASCII."""
_BOMS = ((b"\xef\xbb\xbf", UTF8), (b"\xff\xfe\0\0", "utf-32"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_BEGUN = re.compile(rb"[\xc2-\xf4][\x80-\xbf]")
"""The first two bytes of a character in UTF-8."""
_LEAST_CHINESE = 4
"""A single character of GB18030 may as well be the beginning of one of UTF-8 that was cut off."""
_LIKELY_CHINESE = 0.7
"""The share of characters beyond ASCII that must be Chinese: Western text read as GB18030 gives a few by chance."""


def encoding_of(head: bytes) -> str:
    """Return the encoding of a text that begins with `head`, by its mark, its NUL bytes, or what it can be read as."""
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    if wide := _wide(head):
        return wide
    if _reads(head, UTF8):
        return UTF8
    if 0 in head or _is_mostly_utf8(head):
        return UTF8  # broken somewhere, which its row will say
    if _reads(head, "gb18030") and _is_chinese(head):
        return "gb18030"
    # Nearly every byte is something in Windows-1252: it is believed where no character of UTF-8 was even begun.
    return UTF8 if _BEGUN.search(head) or not _reads(head, "windows-1252") else "windows-1252"


def as_utf8(stream: Readable, encoding: str) -> Readable:
    """Return `stream` in UTF-8; what cannot be read in `encoding` raises Unreadable where it comes."""
    return stream if encoding == UTF8 else _Recoded(stream, encoding)


class _Recoded:
    def __init__(self, stream: Readable, encoding: str) -> None:
        self._stream = stream
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._left = b""
        self._given = 0
        self._has_ended = False

    def read(self, size: int, /) -> bytes:
        while not self._left and not self._has_ended:
            block = self._stream.read(max(size, 1))
            self._has_ended = not block
            try:
                text = self._decoder.decode(block, final=self._has_ended)
            except UnicodeDecodeError as error:
                byte = f"0x{error.object[error.start]:02X}"
                why = message("bad_encoding", encoding=self._encoding, characters=self._given, byte=byte)
                raise whole_file(why, message("say_the_encoding")) from None
            self._left = text.removeprefix("\ufeff").encode() if not self._given else text.encode()
            self._given += len(text)
        part, self._left = self._left[:size], self._left[size:]
        return part


def _wide(head: bytes) -> str | None:
    """Recognise UTF-16 without a mark: every second byte of Western text, and of JSON's punctuation, is NUL."""
    start = head[:256]
    if len(start) >= 4 and start.count(0) * 4 > len(start):
        if start[:2] in (b"{\0", b"[\0") or (start[1::2].count(0) > 0.6 * len(start[1::2]) and 0 not in start[::2]):
            return "utf-16-le"
        if start[:2] in (b"\0{", b"\0[") or (start[::2].count(0) > 0.6 * len(start[::2]) and 0 not in start[1::2]):
            return "utf-16-be"
    return None


def _reads(head: bytes, encoding: str) -> bool:
    """Return whether `head`, which may end inside a character, can be decoded that way."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _is_chinese(head: bytes) -> bool:
    text = codecs.getincrementaldecoder("gb18030")().decode(head)
    foreign = [char for char in text if char > "\x7f"]
    common = sum(_is_common_chinese(char) for char in foreign)
    return len(foreign) >= _LEAST_CHINESE and common >= _LIKELY_CHINESE * len(foreign)


def _is_common_chinese(char: str) -> bool:
    """Return whether it is of GB2312's own rows, or Chinese punctuation; others hardly occur in real text."""
    if not ("一" <= char <= "\u9fff" or char in "，。！？、；：“”‘’（）《》【】—…·" or "\uff00" <= char <= "\uffef"):
        return False
    try:
        char.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def _is_mostly_utf8(head: bytes) -> bool:
    """Return whether `head` has characters of UTF-8 beyond ASCII, more of them than invalid bytes."""
    text = head.decode(UTF8, "replace")
    broken = text.count("\ufffd")
    return sum(char > "\x7f" for char in text) - broken > broken
