"""A ZIP file with one file more, sent without being copied."""

import io
import zipfile
from typing import IO


class WithFile(io.RawIOBase):
    """The bytes of a stored ZIP file and, after its own, one file more: only what is behind them is held in memory.

    The list of a ZIP file's contents stands at its end, so a file more changes no byte before that.
    """

    def __init__(self, stored: IO[bytes], name: str, text: str) -> None:
        overlay = _Overlay(stored)
        with zipfile.ZipFile(overlay, "a", zipfile.ZIP_STORED) as archive:
            overlay.kept = archive.start_dir
            archive.writestr(name, text)
        self._stored, self._kept, self._tail = stored, overlay.kept, overlay.tail.getvalue()
        self._at = 0
        stored.seek(0)

    @property
    def num_bytes(self) -> int:
        return self._kept + len(self._tail)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes; all that are left for a negative one."""
        if size < 0:
            return b"".join(iter(lambda: self.read(self.num_bytes), b""))
        if self._at < self._kept:
            block = self._stored.read(min(size, self._kept - self._at))
        else:
            block = self._tail[self._at - self._kept :][:size]
        self._at += len(block)
        return block

    def close(self) -> None:
        self._stored.close()
        super().close()


class _Overlay(io.RawIOBase):
    """What zipfile writes at the end of a file that itself stays as it is."""

    def __init__(self, stored: IO[bytes]) -> None:
        self.stored, self.tail = stored, io.BytesIO()
        self.kept = stored.seek(0, io.SEEK_END)
        """Bytes of the stored file that stay."""
        self._at = 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        end = self.kept + len(self.tail.getbuffer())
        at = offset + (0, self._at, end)[whence]
        if at < 0:
            raise OSError(f"There is no position {at} in a file.")  # as of a real file: zipfile tries places
        self._at = at
        return at

    def read(self, size: int = -1, /) -> bytes:
        self.stored.seek(self._at)
        block = self.stored.read(size)
        self._at += len(block)
        return block

    def write(self, block: bytes, /) -> int:  # type: ignore[override]
        self.tail.seek(self._at - self.kept)
        self._at += self.tail.write(block)
        return len(block)

    def truncate(self, size: int | None = None, /) -> int:
        self.tail.truncate((self._at if size is None else size) - self.kept)
        return self._at
