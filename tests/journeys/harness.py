"""A whole platform in processes of its own, as a person starts it, for tests to use, hurt and look at."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import openai
import psutil

from tests import answers
from tests.journeys.managing import Manager

ROOT = Path(__file__).resolve().parent.parent.parent
MANAGE = str(ROOT / "manage.py")


def wait_until(condition: Callable[[], Any], *, seconds: float, what: str, pause: float = 0.05) -> Any:
    """Return the first truthy value of `condition`, or fail with what was waited for.

    Asking a platform costs it and the test a fiftieth of a second of a core each time: `pause` where it can wait.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(pause)
    raise AssertionError(f"Waited {seconds} s in vain for {what}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RunningPlatform:
    """`manage.py serve` in `home`; `time_scale` shortens every lease and interval."""

    def __init__(self, home: Path, *, time_scale: float = 1.0, environment: dict[str, str] | None = None) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **{
                k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "BROKER_URL", "DJANGO_SETTINGS_MODULE")
            },
            "LUTHIER_HOME": str(home),
            "PORT": str(self.port),
            "LUTHIER_TIME_SCALE": str(time_scale),
            "LUTHIER_EMBEDDED_FSYNC": "off",
            **(environment or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.manager = Manager({**self.environment, "DJANGO_SETTINGS_MODULE": "console.settings"})

    def start(self, *, seconds: float = 120) -> None:
        """Start and wait until /healthz says ready."""
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        log = (self.home / "serve.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, MANAGE, "serve"], env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
        wait_until(self._is_ready, seconds=seconds, what=f"a ready platform; see {self.home}/serve.log", pause=0.2)

    def _is_ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"serve ended early:\n{(self.home / 'serve.log').read_text()[-3000:]}")
        return self.health().get("status") == "ready"

    def stop(self) -> None:
        """Ask for the end, as Ctrl-C does."""
        self.manager.stop()
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(120)

    def kill_everything(self) -> None:
        """kill -9 every process of this home, trainers and servers included."""
        kill_all_of(self.home)
        if self.process is not None:
            self.process.wait(10)

    def last_lines(self, count: int) -> str:
        """Return the end of what the platform's processes wrote."""
        log = self.home / "serve.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-count:]) if log.exists() else ""

    def health(self) -> dict[str, str]:
        try:
            with urlopen(f"{self.url}/healthz", timeout=5) as reply:
                return json.load(reply)
        except HTTPError as error:
            return json.load(error)
        except (OSError, ValueError):
            return {}

    def manage(self, *arguments: str) -> str:
        """Run a management command and return what it prints."""
        return self.manager.run(*arguments)

    def api_key(self, email: str = "alice@example.com", team: str = "Violins", *, admin: bool = False) -> str:
        extra = ["--admin"] if admin else []
        return self.manage("create_api_key", "--email", email, "--team", team, *extra)

    def client(self, key: str, **options: Any) -> openai.OpenAI:
        http = openai.DefaultHttpxClient(event_hooks={"response": [answers.look_at]})
        strict = {"_strict_response_validation": True, "http_client": http}
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, **strict, **options)

    def processes(self, *words: str) -> list[psutil.Process]:
        """Return the living processes of this home whose command line holds every one of `words`."""
        return processes_of(self.home, *words)

    def trainers(self) -> list[psutil.Process]:
        """Trainers alone: a program that one of them starts bears its command line until it has become that program."""
        found = self.processes("-m", "trainer")
        pids = {process.pid for process in found}
        return [process for process in found if _parent_of(process) not in pids]

    def node_workers(self) -> list[psutil.Process]:
        return [p for p in self.processes("celery", "worker") if any(part.startswith("node-") for part in p.cmdline())]


def processes_of(home: Path, *words: str) -> list[psutil.Process]:
    """Return the living processes of `home` whose command line holds every one of `words`."""
    found = []
    for process in psutil.process_iter():
        try:
            line = process.cmdline()
            belongs = process.environ().get("LUTHIER_HOME") == str(home) or f"{home}/" in f"{' '.join(line)}/"
            if belongs and process.status() != psutil.STATUS_ZOMBIE and all(word in line for word in words):
                found.append(process)
        except psutil.Error:
            continue
    return found


def kill_all_of(home: Path) -> None:
    """kill -9 every process of `home`."""
    while victims := processes_of(home):
        for victim in victims:
            with_no_such_process(victim.kill)
        psutil.wait_procs(victims, timeout=10)


def django_shell(platform: RunningPlatform, code: str) -> str:
    """Run `code` in a process of the platform's own and return what it prints."""
    return platform.manage("shell", "--no-imports", "-c", code)


def _parent_of(process: psutil.Process) -> int | None:
    try:
        return int(process.ppid())
    except psutil.NoSuchProcess:
        return None


def with_no_such_process(action: Callable[[], Any]) -> None:
    try:
        action()
    except psutil.NoSuchProcess:
        return
