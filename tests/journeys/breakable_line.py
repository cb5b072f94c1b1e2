"""A line between a browser and the platform that can be cut, for tests of what happens then."""

import socket
import threading
from contextlib import suppress


class BreakableLine:
    """Passes TCP connections on to `port`; counts what goes up, and breaks where it is told to."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.num_bytes_up = 0
        """All that clients have sent so far."""
        self.broken = threading.Event()
        """Set once the line has broken."""
        self._breaks_at: int | None = None
        self._is_closed = False
        self._ends: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def break_after(self, num_bytes: int) -> None:
        """Break for good once so many more bytes have gone up, until `mend`."""
        with self._lock:
            self._breaks_at = self.num_bytes_up + num_bytes

    def mend(self) -> None:
        """Let connections pass again."""
        with self._lock:
            self._breaks_at = None
            self.broken.clear()

    def close(self) -> None:
        self._is_closed = True
        self._server.close()
        self._cut()

    def _accept(self) -> None:
        while not self._is_closed:
            try:
                near, _address = self._server.accept()
            except OSError:
                return
            if self.broken.is_set():
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self.target))
            self._ends |= {near, far}
            threading.Thread(target=self._pass, args=(near, far, True), daemon=True).start()
            threading.Thread(target=self._pass, args=(far, near, False), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, is_up: bool) -> None:
        with suppress(OSError):
            while (block := source.recv(65536)) and self._may_pass(len(block) if is_up else 0):
                sink.sendall(block)
        for end in (source, sink):
            self._shut(end)

    def _may_pass(self, num_bytes_up: int) -> bool:
        with self._lock:
            self.num_bytes_up += num_bytes_up
            if self._breaks_at is None or self.num_bytes_up < self._breaks_at:
                return True
            self.broken.set()
        self._cut()
        return False

    def _cut(self) -> None:
        for end in list(self._ends):
            self._shut(end)

    def _shut(self, end: socket.socket) -> None:
        self._ends.discard(end)
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
