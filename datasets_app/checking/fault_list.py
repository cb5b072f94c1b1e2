"""Every fault of a file, one JSON object a line, with the places of some of them so that any page is found at once."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from datasets_app.formats.base import RowFault
from datasets_app.models import Fault

EVERY = 1000
"""Faults between two places that are remembered."""


class FaultListWriter:
    """Writes faults in order; the file is made with the first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self.offsets: list[int] = []
        """Of the faults 0, EVERY, 2 x EVERY, …"""
        self.num_faults = 0

    def add(self, fault: RowFault) -> None:
        """Append one fault."""
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = self._path.open("wb")
        if self.num_faults % EVERY == 0:
            self.offsets.append(self._file.tell())
        self._file.write(json.dumps(as_json(fault), ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")
        self.num_faults += 1

    def close(self) -> None:
        """Finish the file."""
        if self._file is not None:
            self._file.close()

    def opened(self) -> IO[bytes]:
        """Open what was written."""
        return self._path.open("rb")


def as_json(fault: RowFault | Fault) -> dict[str, Any]:
    """Return the fault as the API gives it."""
    return {
        "line": fault.line,
        "field": fault.field or None,
        "code": fault.code,
        "message": fault.message,
        "hint": fault.hint,
        "level": fault.level,
    }


def read_faults(stream: IO[bytes], offsets: list[int], first: int) -> Iterator[dict[str, Any]]:
    """Yield the faults from number `first` (from 0) on."""
    block = min(first // EVERY, len(offsets) - 1)
    stream.seek(offsets[block])
    number = block * EVERY
    while line := stream.readline():  # iterating would begin anew: Django's files go back to their start
        if number >= first:
            yield json.loads(line)
        number += 1
