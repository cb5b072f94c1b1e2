"""manage.py serve: the whole platform on this machine, until Ctrl-C or SIGTERM."""

import gc
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError

from accounts.services import ensure_first_login
from catalogue.models import BaseModel
from catalogue.services import sync_catalogue
from compute.node.devices import register_node
from compute.node.draining import drain_node
from compute.node.hold import DATABASE_AWAY
from console import environment
from console.embedded import EmbeddedError, PostgreSQL, Valkey
from console.serve import AlreadyServing, Platform, die_with_parent, hold, platform_children, say

FIRST_EMAIL = "admin@luthier.local"
EXTRA_SUPERVISORS = 8
"""Runs that are ending or being prepared hold a supervisor but no device."""


class Command(BaseCommand):
    help = "Start database, broker, web, workers and beat under one supervisor."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=settings.HOST)

    def handle(self, *args: Any, **options: Any) -> None:
        started_at = time.monotonic()
        home = settings.EMBEDDED
        try:
            home.create()
            lock = hold(home.root)
            _refuse_taken_port(options["host"], settings.PORT)
            platform = Platform(home=home, children=[], embedded=_embedded_servers())
            platform.watch_signals()
        except (AlreadyServing, EmbeddedError) as error:
            raise CommandError(str(error)) from None
        try:
            platform.start_servers()
            self._prepare()
            platform.children = _children(options["host"])
            platform.start_children()
            fetch = _fetch_starter()
            announce = Announcement(started_at)
            platform.run_until_asked(announce.when_ready)
            say("Stopping: asking running work to checkpoint.")
            _end(fetch)
        except EmbeddedError as error:
            raise CommandError(str(error)) from None
        finally:
            platform.stop(_drain)
            os.close(lock)
        say("Stopped.")

    def _prepare(self) -> None:
        gc.disable()  # models drawn up anew at each of hundreds of steps had it looking a third of the time
        try:
            call_command("migrate", verbosity=0, interactive=False)
        except OperationalError as error:
            where = "the embedded database" if not environment.text("DATABASE_URL") else "the database of DATABASE_URL"
            raise CommandError(f"The platform cannot start without {where}: {str(error).strip()}") from None
        finally:
            gc.enable()
        _collect_static()
        sync_catalogue()
        register_node()
        password = ensure_first_login(email=FIRST_EMAIL)
        if password:
            path = first_login_path()
            path.touch(mode=0o600)
            path.write_text(f"{FIRST_EMAIL} {password}\n")


def _drain() -> None:
    try:
        drain_node(timeout_seconds=settings.TIMES.stop_grace_seconds)
    except DATABASE_AWAY as error:
        say(f"What runs on this node was not asked to checkpoint, since the database is away: {str(error).strip()}")


class Announcement:
    """Says once where the platform is and how to sign in, when /healthz is ready."""

    def __init__(self, started_at: float) -> None:
        self.started_at = started_at
        self.is_done = False
        self.next_look_at = 0.0

    def when_ready(self) -> None:
        if self.is_done or time.monotonic() < self.next_look_at:
            return
        self.next_look_at = time.monotonic() + 0.5
        try:
            with urlopen(f"http://127.0.0.1:{settings.PORT}/healthz", timeout=3) as reply:
                if reply.status != 200:
                    return
        except OSError:
            return
        self.is_done = True
        say(f"Ready after {time.monotonic() - self.started_at:.1f} s: {settings.PUBLIC_URL}")
        login = first_login_path()
        if login.exists():
            email, _, password = login.read_text().strip().partition(" ")
            say(f"Sign in as {email} with the password {password} (kept in {login} until you remove it)")
        say("Stop with Ctrl-C.")


def first_login_path() -> Path:
    return settings.LUTHIER_HOME / "first_login.txt"


def _embedded_servers() -> list[PostgreSQL | Valkey]:
    servers: list[PostgreSQL | Valkey] = []
    if not environment.text("DATABASE_URL"):
        servers.append(PostgreSQL(settings.EMBEDDED))
    if not environment.text("BROKER_URL"):
        servers.append(Valkey(settings.EMBEDDED))
    return servers


def _children(host: str) -> list[Any]:
    node = register_node()
    return platform_children(
        home=settings.LUTHIER_HOME,
        port=settings.PORT,
        host=host,
        node_queue=node.queue,
        num_supervisors=node.devices.count() + EXTRA_SUPERVISORS,
    )


def _refuse_taken_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"Port {port} of {host} cannot be used ({error.strerror}). Set PORT to a free one."
            ) from None


def _collect_static() -> None:
    """Gather the static files when they changed since the last start."""
    sources = [settings.BASE_DIR / "static", Path(__file__)]
    newest = max((p.stat().st_mtime for s in sources for p in [s, *s.rglob("*")] if p.exists()), default=0.0)
    stamp = settings.STATIC_ROOT / ".collected"
    if not stamp.exists() or stamp.stat().st_mtime < newest:
        call_command("collectstatic", verbosity=0, interactive=False, clear=True)
        stamp.touch()


def _fetch_starter() -> "subprocess.Popen[bytes] | None":
    """Fetch the starter model beside the starting processes when it is not there yet."""
    starter = settings.STARTER_MODEL
    if not starter or BaseModel.objects.filter(pk=starter, state="present").exists():
        return None
    say(f"Fetching the starter model {starter} (once)")
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "fetch_model", starter]
    return subprocess.Popen(command, preexec_fn=die_with_parent)


def _end(process: "subprocess.Popen[bytes] | None") -> None:
    if process is not None and process.poll() is None:
        process.terminate()
        process.wait()
