"""Starts the platform for the demo as a person would, by `manage.py serve`, and stops it again."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent
MANAGE = str(ROOT / "manage.py")
READY_SECONDS = 300


class NotReady(RuntimeError):
    """The platform did not come up; the sentence says what was missing."""


class Server:
    """A running platform: one of our own, or one that already serves this home."""

    def __init__(self, *, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start `manage.py serve` unless it already answers; return when /healthz says ready."""
        if self.health().get("status") != "ready":
            self.process = subprocess.Popen(
                [sys.executable, MANAGE, "serve"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                start_new_session=True,
            )  # fmt: skip
            threading.Thread(target=self._repeat_output, daemon=True).start()
        self._wait_until_ready()

    def stop(self) -> None:
        """Stop the platform that `start` started, and wait for its end."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()

    def keep_serving(self) -> None:
        """Wait until the platform ends or Ctrl-C asks it to."""
        try:
            if self.process is not None:
                self.process.wait()
        except KeyboardInterrupt:
            self.stop()

    def health(self) -> dict[str, str]:
        """Return what /healthz says, {} when nobody answers."""
        try:
            with urlopen(f"{self.url}/healthz", timeout=5) as reply:  # noqa: S310 - our own http address
                return json.load(reply)
        except HTTPError as error:
            return json.load(error)
        except (URLError, OSError, ValueError):
            return {}

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        health: dict[str, str] = {}
        while time.monotonic() < deadline:
            if self.process is not None and self.process.poll() is not None:
                raise NotReady("The platform stopped while it started. Its words stand above.")
            health = self.health()
            if health.get("status") == "ready":
                return
            time.sleep(0.2)
        raise NotReady(f"The platform was not ready after {READY_SECONDS} s: {health}")

    def _repeat_output(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        for line in self.process.stdout:
            print(f"  serve | {line.rstrip()}", flush=True)


def whose() -> tuple[str, str]:
    """Return email and team for whom the demo works: whoever signs in as the platform's first words say sees it all."""
    login = _first_login()
    return (login[0], "Default") if login else ("demo@luthier.local", "Demo")


def api_key(email: str, team: str) -> str:
    """Make an API key by the command that an administrator uses."""
    command = [sys.executable, MANAGE, "create_api_key", "--email", email, "--team", team]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise NotReady(f"No API key could be made: {done.stderr.strip()}")
    return done.stdout.strip()


def first_login() -> str:
    """Return "email password" of the first administrator, or how to get one."""
    if login := _first_login():
        return f"{login[0]}, password {login[1]}"
    return "the administrator you made (or: .venv/bin/python manage.py changepassword EMAIL)"


def _first_login() -> tuple[str, str] | None:
    path = Path(os.environ.get("LUTHIER_HOME") or ROOT / "var") / "first_login.txt"
    if not path.exists():
        return None
    email, _, password = path.read_text().strip().partition(" ")
    return email, password
