"""An index of rows on disk, written as a stream and read by memory map.

offsets.bin  uint64, little endian: where each row begins, in the file itself or in rows.jsonl
lines.bin    uint32: its physical line
faulty.bin   uint8: 1 where it cannot be learned from
rows.jsonl   only for a file whose bytes are not plain JSON Lines: each row again, as one line
meta.json    written last, in one move: without it the index does not exist
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from datasets_app.formats.streams import LONGEST_ROW

META = "meta.json"
ROWS = "rows.jsonl"
VERSION = 1
FLUSH_ROWS = 1 << 16


class RowIndexWriter:
    """Takes rows in order, one by one or many at once; nothing counts until `close`."""

    def __init__(self, folder: Path, *, copies_rows: bool) -> None:
        """Start an empty index in `folder`; with `copies_rows` each row is written to rows.jsonl."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / META).unlink(missing_ok=True)
        self.folder = folder
        self.num_rows = self.num_faulty = 0
        self._files = {name: (folder / f"{name}.bin").open("wb") for name in ("offsets", "lines", "faulty")}
        self._rows: IO[bytes] | None = (folder / ROWS).open("wb") if copies_rows else None
        self._pending: tuple[list[int], list[int], list[int]] = ([], [], [])

    def add_many(self, offsets: NDArray[Any], lines: NDArray[Any], faulty: NDArray[Any] | None = None) -> None:
        """Append rows whose places are known."""
        self._flush()
        flags = np.zeros(len(offsets), dtype=np.uint8) if faulty is None else faulty
        self._write(offsets, lines, flags)

    def add(self, *, line: int, is_faulty: bool, offset: int = 0, copy: Any = None) -> None:
        """Append one row, or its copy where rows are copied."""
        if self._rows is not None:
            offset = self._rows.tell()
            self._rows.write(json.dumps(copy, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")
        for values, value in zip(self._pending, (offset, line, int(is_faulty)), strict=True):
            values.append(value)
        if len(self._pending[0]) >= FLUSH_ROWS:
            self._flush()

    def close(self, **meta: Any) -> None:
        """Make the index exist."""
        self._flush()
        self._close_files()
        draft = self.folder / f"{META}.part"
        draft.write_text(json.dumps({"version": VERSION, "rows": self.num_rows, "num_faulty": self.num_faulty, **meta}))
        draft.replace(self.folder / META)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_files()

    def _flush(self) -> None:
        if self._pending[0]:
            self._write(*(np.asarray(values) for values in self._pending))
            for values in self._pending:
                values.clear()

    def _write(self, offsets: NDArray[Any], lines: NDArray[Any], flags: NDArray[Any]) -> None:
        self._files["offsets"].write(offsets.astype("<u8").tobytes())
        self._files["lines"].write(lines.astype("<u4").tobytes())
        self._files["faulty"].write(flags.astype("u1").tobytes())
        self.num_rows += len(offsets)
        self.num_faulty += int(np.count_nonzero(flags))

    def _close_files(self) -> None:
        for file in (*self._files.values(), self._rows):
            if file is not None and not file.closed:
                file.close()


class RowIndex:
    """A written index."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.meta = json.loads((folder / META).read_text())
        self.num_rows = int(self.meta["rows"])
        self.offsets = self._map("offsets", "<u8")
        self.lines = self._map("lines", "<u4")
        self.faulty = self._map("faulty", "u1")

    @classmethod
    def open(cls, folder: Path) -> "RowIndex | None":
        """Return the index in `folder`, None where there is none of this version."""
        try:
            found = cls(folder)
        except (OSError, ValueError, KeyError):
            return None
        return found if found.meta.get("version") == VERSION else None

    @property
    def has_copies(self) -> bool:
        return (self.folder / ROWS).exists()

    def good(self, first: int, count: int) -> NDArray[np.int64]:
        """Return the numbers, among all rows, of `count` rows that can be learned from, from the `first` such on."""
        if not self.meta.get("num_faulty"):
            return np.arange(first, min(first + count, self.num_rows), dtype=np.int64)
        return np.flatnonzero(self.faulty == 0)[first : first + count]

    def at_lines(self, lines: list[int]) -> NDArray[np.int64]:
        """Return the numbers of the rows that begin on `lines`, which ascend; a line without a row is left out."""
        places = np.searchsorted(self.lines, np.asarray(lines, dtype=np.int64))
        return np.asarray(
            [p for p, line in zip(places, lines, strict=True) if p < self.num_rows and self.lines[p] == line],
            dtype=np.int64,
        )

    def raw(self, numbers: NDArray[Any], content: IO[bytes]) -> Iterator[tuple[int, bytes]]:
        """Yield (physical line, the row's bytes) of rows; `content` is the file, or rows.jsonl where that exists."""
        for number in numbers:
            content.seek(int(self.offsets[number]))
            # Of a line beyond what one example may have, only so much is read as tells that it is one.
            yield int(self.lines[number]), content.readline(LONGEST_ROW + 2).rstrip(b"\r\n")

    def open_rows(self) -> IO[bytes]:
        """Open rows.jsonl."""
        return (self.folder / ROWS).open("rb")

    def _map(self, name: str, kind: str) -> NDArray[Any]:
        path = self.folder / f"{name}.bin"
        if not os.path.getsize(path):
            return np.empty(0, dtype=kind)
        return np.memmap(path, dtype=kind, mode="r")
