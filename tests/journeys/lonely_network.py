"""A network namespace whose only way out is a line to the database, for a worker that can lose its network.

    unshare --user --map-root-user --net python -m tests.journeys.lonely_network SOCKET PORT -- COMMAND...

COMMAND sees PostgreSQL at 127.0.0.1:PORT. SIGUSR1 takes the network down: packets get lost, and no connection is told.
SIGUSR2 brings it back.
"""

import fcntl
import signal
import socket
import struct
import subprocess
import sys
import threading
from contextlib import suppress

from console.serve import die_with_parent

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def main() -> None:
    path, port, _, *command = sys.argv[1:]
    set_network(is_up=True)
    server = socket.create_server(("127.0.0.1", int(port)))
    threading.Thread(target=_accept, args=(server, path), daemon=True).start()
    signal.signal(signal.SIGUSR1, lambda *_: set_network(is_up=False))
    signal.signal(signal.SIGUSR2, lambda *_: set_network(is_up=True))
    with subprocess.Popen(command, preexec_fn=die_with_parent) as child:
        sys.exit(child.wait())


def set_network(*, is_up: bool) -> None:
    """Turn the namespace's loopback device, which is all that it has, on or off."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14x", b"lo", 0)
        _, flags = struct.unpack("16sH14x", fcntl.ioctl(control, SIOCGIFFLAGS, request))
        flags = flags | IFF_UP if is_up else flags & ~IFF_UP
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags))


def _accept(server: socket.socket, path: str) -> None:
    while True:
        near, _address = server.accept()
        far = socket.socket(socket.AF_UNIX)
        far.connect(path)
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=_pass, args=(source, sink), daemon=True).start()


def _pass(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while block := source.recv(65536):
            sink.sendall(block)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    main()
