"""`manage.py serve` where it cannot begin: one sentence, and no process stays."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.journeys.harness import MANAGE, free_port

pytestmark = [pytest.mark.system]
NOWHERE = "postgres://luthier:secret@127.0.0.1:9/luthier"


def test_without_its_database_it_says_so_and_leaves_no_server(tmp_path: Path) -> None:
    mine = {"LUTHIER_HOME": str(tmp_path / "home"), "DATABASE_URL": NOWHERE, "PORT": str(free_port())}
    environment = {name: value for name, value in os.environ.items() if name != "BROKER_URL"} | mine
    done = subprocess.run(
        [sys.executable, MANAGE, "serve"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: The platform cannot start without the database of DATABASE_URL: ")
    assert "secret" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "home" / "valkey.log").exists(), "the broker was never started, so nothing was to be stopped"
    assert [p for p in psutil.process_iter() if str(tmp_path) in " ".join(line_of(p))] == []


def line_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
