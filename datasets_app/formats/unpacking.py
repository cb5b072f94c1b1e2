"""Looks into .gz, .zst and .zip files as a stream, and never further than a bomb deserves."""

import io
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO, Any

import zstandard

from datasets_app.formats.base import RowFault
from datasets_app.formats.streams import BLOCK, Readable
from datasets_app.messages import message
from wording import Message

GZIP, ZSTANDARD, ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"
ZSTANDARD_BLOCK = 1024
"""Bytes fed at once: four of them may become 128 KiB, and what comes out cannot be asked for in parts."""
MOST_TIMES = 200
"""Text is seldom packed to less than a hundredth of its size; what is packed far tighter is a bomb."""
SMALL = 64 * 2**20
"""Bytes that may come out of a file of any size."""
_OFFICE = ("xl/", "word/", "ppt/", "[Content_Types].xml")


class Unreadable(Exception):
    """The whole file cannot be read from here on, for one reason."""

    def __init__(self, fault: RowFault) -> None:
        super().__init__(str(fault.message))
        self.fault = fault


def whole_file(why: Message, hint: Message | None, *, kind: str = "", line: int | None = None) -> Unreadable:
    """Return what to raise for a file of which nothing more can be read; `kind` where it is not the message's code."""
    return Unreadable(RowFault(line=line, kind=kind or why.code, message=why, hint=hint, is_whole_file=True))


def unpacked(stream: Readable, head: bytes, filename: str) -> tuple[Readable, str]:
    """Return the bytes inside `stream` and the name of what is inside; the same again where nothing is packed.

    `head` are the first bytes of `stream`, which still has them. Raises Unreadable.
    """
    if head.startswith(GZIP):
        return _Capped(_gunzip(stream)), _without(filename, ".gz", ".gzip")
    if head.startswith(ZSTANDARD):
        return _Capped(_unzstd(stream)), _without(filename, ".zst", ".zstd")
    if head.startswith(ZIP) and not is_workbook(head, filename):
        return _only_member(stream)
    return stream, filename


def is_workbook(head: bytes, filename: str) -> bool:
    """Recognise an Excel workbook, which is a zip file, by its name or its first member."""
    return filename.lower().endswith((".xlsx", ".xlsm")) or any(name.encode() in head[:4096] for name in _OFFICE)


def seekable(stream: Readable) -> IO[bytes]:
    """Return `stream`, or a copy of it on disk where it can only be read forwards."""
    if isinstance(stream, io.IOBase) and stream.seekable():
        return stream  # type: ignore[return-value]
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - closed, and so deleted, with its last user
    while block := stream.read(BLOCK):
        copy.write(block)
    copy.seek(0)
    return copy


class _Capped:
    """What comes out of a packed stream, up to the cap."""

    def __init__(self, pieces: "Iterator[tuple[int, bytes]]") -> None:
        self._pieces = pieces
        self._left = b""
        self._given = 0

    def read(self, size: int, /) -> bytes:
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            packed, self._left = piece
            self._given += len(self._left)
            if self._given > SMALL and self._given > MOST_TIMES * packed:
                raise whole_file(message("archive_bomb", times=MOST_TIMES), message("upload_unpacked"))
        part, self._left = self._left[:size], self._left[size:]
        return part


def _gunzip(stream: Readable) -> Iterator[tuple[int, bytes]]:
    """Yield (bytes read so far, bytes that came out) of every member."""
    packed, inflater, is_inside = 0, zlib.decompressobj(wbits=31), True
    try:
        while block := stream.read(BLOCK):
            packed += len(block)
            while block:
                is_inside = True
                if out := inflater.decompress(block, BLOCK):
                    yield packed, out
                block = inflater.unconsumed_tail
                if inflater.eof:
                    block = inflater.unused_data.lstrip(b"\0")
                    inflater, is_inside = zlib.decompressobj(wbits=31), False
    except zlib.error:
        raise _damaged("gzip") from None
    if is_inside:
        raise _damaged("gzip")


def _unzstd(stream: Readable) -> Iterator[tuple[int, bytes]]:
    """Yield (bytes read so far, bytes that came out) of every frame."""
    packed, frame, is_inside = 0, _frame(), True
    try:
        while block := stream.read(ZSTANDARD_BLOCK):
            packed += len(block)
            while block:
                is_inside = True
                if out := frame.decompress(block):
                    yield packed, out
                block = b""
                if frame.eof:
                    block, frame, is_inside = frame.unused_data, _frame(), False
    except zstandard.ZstdError:
        raise _damaged("Zstandard") from None
    if is_inside:
        raise _damaged("Zstandard")


def _frame() -> Any:
    return zstandard.ZstdDecompressor(max_window_size=2**27).decompressobj()


def _only_member(stream: Readable) -> tuple[Readable, str]:
    """Return the one file of a zip archive. Names decide nothing here but the format: nothing is written to disk."""
    try:
        archive = zipfile.ZipFile(seekable(stream))
        members = [info for info in archive.infolist() if _is_data(info)]
        if len(members) != 1:
            raise _not_one(members)
        [member] = members
        if member.flag_bits & 1:
            raise whole_file(message("archive_locked"), message("upload_without_password"))
        opened = archive.open(member)
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError):
        raise _damaged("ZIP") from None
    return _Capped(_pieces(opened, member.compress_size)), PurePosixPath(member.filename.replace("\\", "/")).name


def _pieces(opened: IO[bytes], packed: int) -> Iterator[tuple[int, bytes]]:
    try:
        while block := opened.read(BLOCK):
            yield packed, block
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError):
        raise _damaged("ZIP") from None


def _is_data(info: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(info.filename.replace("\\", "/")).parts
    is_folder = info.filename.endswith("/")
    return not is_folder and bool(parts) and parts[0] != "__MACOSX" and not parts[-1].startswith(".")


def _not_one(members: list[zipfile.ZipInfo]) -> Unreadable:
    if not members:
        return whole_file(message("archive_empty"), message("choose_the_examples"))
    names, more = [repr(info.filename[:60]) for info in members[:3]], len(members) - 3
    many = message("archive_of_many", files=len(members), names=names)
    if more > 0:
        many = message("archive_of_more", files=len(members), names=names, more=more)
    return whole_file(many, message("upload_each_file"), kind="archive_of_many")


def _damaged(what: str) -> Unreadable:
    return whole_file(message("archive_damaged", kind=what), message("pack_again"))


def _without(filename: str, *suffixes: str) -> str:
    for suffix in suffixes:
        if filename.lower().endswith(suffix):
            return filename[: -len(suffix)]
    return filename
