"""One process that runs a platform's management commands: each start of Django costs seconds of a core."""

import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


class Manager:
    """`manage.py` for the platform that `environment` names; starts with its first command, and anew when killed."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.process: subprocess.Popen[str] | None = None

    def run(self, *arguments: str) -> str:
        """Return what a command prints, or fail with what it complained of."""
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(
                [sys.executable, __file__], env=self.environment, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )  # fmt: skip
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(arguments) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert answer["error"] is None, answer["error"]
        return str(answer["printed"]).strip()

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


def _serve() -> None:
    sys.path[:1] = [str(ROOT), str(ROOT / "platform")]
    import django
    from django.core.management import call_command
    from django.db import connections

    django.setup()
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        printed, error = io.StringIO(), None
        try:
            with contextlib.redirect_stdout(printed):
                call_command(*json.loads(line))
        except BaseException as raised:
            error = repr(raised)
        connections.close_all()  # the platform's servers may be gone by the next command
        answers.write(json.dumps({"printed": printed.getvalue(), "error": error}) + "\n")
        answers.flush()


if __name__ == "__main__":
    _serve()
