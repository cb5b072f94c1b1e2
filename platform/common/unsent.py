"""How much of an answer its reader has not taken yet, as far as this machine knows."""

import fcntl
import struct
import termios
from asyncio import WriteTransport
from contextvars import ContextVar

connection: ContextVar[WriteTransport | None] = ContextVar("connection", default=None)
"""By which the current request came; None where the server does not show it."""


def unsent_bytes() -> int:
    """Return the bytes that wait for the reader of the current answer: the server's, and those of the system.

    The server's alone say little: the system takes more of them only once its own buffer, of megabytes, is a third
    empty, so that a reader who is slow but steady would seem to take nothing for minutes.
    """
    transport = connection.get()
    if transport is None:
        return 0
    return transport.get_write_buffer_size() + _held_by_the_system(transport)


def _held_by_the_system(transport: WriteTransport) -> int:
    try:
        held = fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
    except (AttributeError, OSError, ValueError):  # no socket, closed, or of a kind that does not say
        return 0
    return int(struct.unpack("i", held)[0])
