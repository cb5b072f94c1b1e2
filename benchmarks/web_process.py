"""A web process with database and broker of its own, in which Django is set up, for benchmarks that ask the web."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django

from demo.serving import ROOT


@dataclass(frozen=True, kw_only=True)
class Web:
    """The web process."""

    port: int
    pid: int

    def seconds(self) -> float:
        """Return how long it has computed."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def web_process(home: Path) -> Iterator[Web]:
    """Run database, broker and web in `home`, and set Django up for them."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    for name in ("DATABASE_URL", "BROKER_URL"):
        os.environ.pop(name, None)
    os.environ |= {"LUTHIER_HOME": str(home), "PORT": str(port), "DJANGO_SETTINGS_MODULE": "console.settings"}
    os.environ["LUTHIER_PUBLIC_URL"] = f"http://127.0.0.1:{port}"
    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from console.embedded import PostgreSQL, Valkey
    from console.serve import platform_children

    settings.EMBEDDED.create()
    servers: list[Any] = [PostgreSQL(settings.EMBEDDED), Valkey(settings.EMBEDDED)]
    for server in servers:
        server.start()
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    [command] = [
        child.command
        for child in platform_children(home=home, port=port, host="127.0.0.1", node_queue="none", num_supervisors=1)
        if child.name == "web"
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "platform")])}
    process = subprocess.Popen(command, env=environment, cwd=ROOT)
    try:
        _wait_for(port)
        yield Web(port=port, pid=process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        for server in reversed(servers):
            server.stop()
        shutil.rmtree(settings.EMBEDDED.sockets, ignore_errors=True)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    sys.exit("The web process did not begin to listen within a minute.")
