"""What is read from, and in which pieces."""

from typing import Protocol

BLOCK = 1 << 20
"""Bytes read at once."""
HEAD_BYTES = 1 << 16
"""What is looked at to recognise a format."""


class Readable(Protocol):
    """Anything with a `read` that returns bytes, b"" at the end."""

    def read(self, size: int, /) -> bytes: ...
