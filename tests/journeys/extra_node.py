"""One more node of a platform, on the same machine: a worker of its own in a home of its own."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from console.embedded import Home
from console.serve import die_with_parent
from tests.journeys.harness import ROOT, RunningPlatform, kill_all_of

KEYS = ("LUTHIER_SECRET_KEY", "LUTHIER_ENCRYPTION_KEY")


class ExtraNode:
    """A node named `name`; `before` stands before its command, such as a program that changes its surroundings.

    Where the platform keeps its objects in files, the node sees the same folder, as over a network's file system.
    """

    def __init__(
        self, platform: RunningPlatform, home: Path, *, name: str, accelerators: int = 1, before: Sequence[str] = (),
        environment: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.platform = platform
        self.home = home
        self.name = name
        self.before = before
        self.more = {"LUTHIER_ACCELERATORS": str(accelerators), **(environment or {})}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start its worker, which registers the node."""
        self.home.mkdir(exist_ok=True, mode=0o700)
        shared = self.platform.home / "storage"
        shared.mkdir(exist_ok=True, mode=0o700)
        if not (self.home / "storage").exists():
            (self.home / "storage").symlink_to(shared)
        with (self.home / "worker.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.before, *self._command()], env=self._environment(), cwd=ROOT, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True, preexec_fn=die_with_parent,
            )  # fmt: skip

    def look_after(self) -> None:
        """Start the worker again if it has died."""
        if self.process is not None and self.process.poll() is not None:
            self.start()

    def kill(self) -> None:
        """kill -9 its worker alone; what it has started lives on."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """kill -9 its worker and everything that it has started."""
        self.kill()
        kill_all_of(self.home)

    def _command(self) -> list[str]:
        options = ["--loglevel", "WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat"]
        queue = ["-c", "10", "-Q", f"node-{self.name}", "-n", f"{self.name}@%h"]
        return [sys.executable, "-m", "celery", "-A", "console", "worker", "-P", "threads", *options, *queue]

    def _environment(self) -> dict[str, str]:
        first = Home(self.platform.home)
        return {
            **self.platform.environment,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "platform")]),
            "LUTHIER_HOME": str(self.home),
            "DATABASE_URL": first.database_url,
            "BROKER_URL": first.broker_url,
            "LUTHIER_NODE_NAME": self.name,
            **{key: (self.platform.home / f"{key.lower()}.txt").read_text() for key in KEYS},
            **self.more,
        }
