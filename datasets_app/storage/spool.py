"""Bytes on their way in: written to a file of our own block by block, counted and hashed as they come."""

import hashlib
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from django.conf import settings
from django.core.files import File

from common.errors import UserError
from datasets_app.formats.streams import BLOCK, HEAD_BYTES, Readable
from datasets_app.messages import message


class TooLarge(UserError):
    """More bytes came than are accepted."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            message("file_too_large", size=_size(limit)),
            param="file",
            status=413,
        )


class Spool:
    """A temporary file; gone after the `with`, unless storage has moved it to its place."""

    def __init__(self, *, limit: int) -> None:
        """Accept at most `limit` bytes."""
        self.limit = limit
        self.num_bytes = 0
        self.head = b""
        self._digest = hashlib.sha256()
        folder = settings.LUTHIER_HOME / "tmp"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Closed and deleted by __exit__, since storage may take the file away meanwhile.
        self._file = tempfile.NamedTemporaryFile(dir=folder, prefix="upload-", delete=False)  # noqa: SIM115
        self.path = Path(self._file.name)

    @classmethod
    def of(cls, stream: Readable, *, limit: int) -> Self:
        """Read all of `stream`; raise TooLarge and leave nothing when it has more than `limit` bytes."""
        spool = cls(limit=limit)
        try:
            while block := stream.read(BLOCK):
                spool.write(block)
        except BaseException:
            spool.discard()
            raise
        return spool

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def write(self, block: bytes) -> None:
        """Append `block`."""
        if self.num_bytes + len(block) > self.limit:
            raise TooLarge(self.limit)
        if len(self.head) < HEAD_BYTES:
            self.head += block[: HEAD_BYTES - len(self.head)]
        self._digest.update(block)
        self._file.write(block)
        self.num_bytes += len(block)

    def as_file(self) -> "File[bytes]":
        """Return the whole for `Storage.save`, which moves it where it can."""
        self._file.flush()
        return _Movable(self.path)

    def discard(self) -> None:
        """Delete the file if it is still here."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


class _Movable(File):  # type: ignore[type-arg]
    """What FileSystemStorage moves instead of copying: on one disk that costs nothing."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.open("rb"), name=path.name)
        self._path = path

    def temporary_file_path(self) -> str:
        return str(self._path)


def _size(num_bytes: int) -> str:
    for unit, factor in (("GB", 2**30), ("MB", 2**20), ("KB", 2**10)):
        if num_bytes >= factor:
            return f"{num_bytes / factor:.3g} {unit}"
    return f"{num_bytes} bytes"
