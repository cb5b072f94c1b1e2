"""What goes between the platform and a tokenising worker: a task first, then blocks one way and answers the other."""

import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

from datasets_app.tokens.tokenising import Cut


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a worker is told first."""

    chat_folder: str
    cut: Cut
    reading: Mapping[str, Any]
    filename: str


def write_frame(stream: IO[bytes], value: Any) -> None:
    """Send one object to the other end of a pipe between two processes of ours."""
    content = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(struct.pack("<Q", len(content)))
    stream.write(content)
    stream.flush()


def read_frame(stream: IO[bytes]) -> Any:
    """Return the next object; EOFError when the other end is gone."""
    head = stream.read(8)
    if len(head) < 8:
        raise EOFError
    size = struct.unpack("<Q", head)[0]
    content = stream.read(size)
    if len(content) < size:
        raise EOFError
    return pickle.loads(content)  # noqa: S301 - from our own parent or child alone
