"""The fork server: a fork is the command in every respect, and how it ended is known."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from compute.node.child_environment import environment_for
from compute.node.forkserver import ForkServer
from compute.node.launcher import LocalLauncher
from compute.node.processes import facts_of
from compute.work import Command
from forkserver.server import code_for
from rundir import RunDirectory

MODULE = """
import json, os, sys, time
from pathlib import Path
import preloaded
root = Path(sys.argv[1])
facts = {"pid": os.getpid(), "sid": os.getsid(0), "cwd": os.getcwd(), "argv": sys.argv[1:], "loaded": preloaded.PID,
         "environment": dict(os.environ), "stdin": sys.stdin.read()}
(root / "facts.json").write_text(json.dumps(facts))
print("said in the log", flush=True)
while not (root / "end").exists():
    time.sleep(0.01)
sys.exit(int((root / "end").read_text()))
"""


def wait_for(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.01)
    raise AssertionError("waited in vain")


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module to run and one that it needs, where the fork server finds them."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "errands.py").write_text(MODULE)
    (tmp_path / "modules" / "preloaded.py").write_text("import os\nPID = os.getpid()\n")

    def with_modules(*args: Any) -> dict[str, str]:
        found = environment_for(*args)
        return found | {"PYTHONPATH": f"{tmp_path / 'modules'}{os.pathsep}{found['PYTHONPATH']}"}

    monkeypatch.setattr("compute.node.forkserver.environment_for", with_modules)
    monkeypatch.setattr("compute.node.forkserver.preloads", lambda: ["preloaded"])


@pytest.fixture
def server(modules: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[ForkServer]:
    server = ForkServer()
    monkeypatch.setattr("compute.node.launcher.FORK_SERVER", server)
    yield server
    server.stop()


@pytest.fixture
def directory() -> RunDirectory:
    directory = RunDirectory(settings.LUTHIER_HOME / "runs" / f"run-{time.time_ns():024d}")
    directory.root.mkdir(parents=True)
    return directory


def start(directory: RunDirectory, **environment: str) -> tuple[LocalLauncher, Any]:
    launcher = LocalLauncher()
    argv = (settings.TRAINER_PYTHON, "-m", "errands", str(directory.root))
    return launcher, launcher.start(Command(argv=argv, environment=environment), [], directory)


def facts(directory: RunDirectory) -> dict[str, Any]:
    path = directory.root / "facts.json"
    return wait_for(lambda: path.exists() and path.read_text() and json.loads(path.read_text()))


class TestCode:
    def test_takes_exactly_the_room_of_the_command(self) -> None:
        argv = ["/usr/bin/python", "-m", "trainer", "/home/somebody/luthier/runs/run-1"]
        code = code_for(argv)
        assert code is not None
        assert len("\0".join([argv[0], "-c", code])) == len("\0".join(argv))

    def test_is_none_where_the_room_is_too_small(self) -> None:
        assert code_for(["python", "-m", "trainer", "/r"]) is None


@pytest.mark.django_db
class TestFork:
    def test_is_the_command_in_every_respect(self, server: ForkServer, directory: RunDirectory) -> None:
        launcher, spawned = start(directory, ONLY_HERE="yes")
        pid = spawned.handle["pid"]
        assert b"errands" not in Path(f"/proc/{pid}/cmdline").read_bytes(), "it shows the Run before it begins"
        spawned.release()
        seen = facts(directory)
        assert seen["pid"] == seen["sid"] == pid
        assert seen["argv"] == [str(directory.root)]
        assert seen["cwd"] == str(directory.root)
        assert seen["stdin"] == ""
        assert seen["environment"]["ONLY_HERE"] == "yes"
        assert seen["loaded"] != pid, "what is needed was imported once more"
        line = [settings.TRAINER_PYTHON, "-m", "errands", str(directory.root)]
        assert Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0") == [*line, ""]
        assert launcher.alive(spawned.handle)
        (directory.root / "end").write_text("0")
        wait_for(lambda: not launcher.alive(spawned.handle))
        assert "said in the log" in directory.log.read_text()

    def test_tells_its_exit_status(self, server: ForkServer, directory: RunDirectory) -> None:
        launcher, spawned = start(directory)
        spawned.release()
        facts(directory)
        (directory.root / "end").write_text("3")
        wait_for(lambda: not launcher.alive(spawned.handle))
        assert launcher.death(spawned.handle).exit_code == 3

    def test_tells_the_signal_that_killed_it(self, server: ForkServer, directory: RunDirectory) -> None:
        launcher, spawned = start(directory)
        spawned.release()
        os.kill(facts(directory)["pid"], signal.SIGKILL)
        wait_for(lambda: not launcher.alive(spawned.handle))
        death = launcher.death(spawned.handle)
        assert (death.exit_code, death.code) == (-signal.SIGKILL, "killed")
        assert facts_of(spawned.handle["pid"]) is None, "a zombie is left"

    def test_never_begins_when_abandoned(self, server: ForkServer, directory: RunDirectory) -> None:
        launcher, spawned = start(directory)
        spawned.abandon()
        wait_for(lambda: not launcher.alive(spawned.handle))
        assert not (directory.root / "facts.json").exists()

    def test_lives_on_when_the_server_ends(self, server: ForkServer, directory: RunDirectory) -> None:
        launcher, spawned = start(directory)
        spawned.release()
        facts(directory)
        server.stop()
        assert launcher.alive(spawned.handle)
        assert launcher.kill(spawned.handle)

    def test_starts_from_nothing_when_the_server_is_switched_off(
        self, server: ForkServer, directory: RunDirectory, settings: Any, modules: None, tmp_path: Path
    ) -> None:
        settings.FORK_SERVER = False
        launcher, spawned = start(directory, PYTHONPATH=str(tmp_path / "modules"))
        spawned.release()
        seen = facts(directory)
        assert seen["loaded"] == seen["pid"] == spawned.handle["pid"]
        assert "exit_file" not in spawned.handle
        assert launcher.kill(spawned.handle)

    def test_starts_from_nothing_when_the_server_was_killed(
        self, server: ForkServer, directory: RunDirectory, modules: None, tmp_path: Path
    ) -> None:
        server.start()
        process = server._process
        assert process is not None
        process.kill()
        process.wait()
        launcher, spawned = start(directory, PYTHONPATH=str(tmp_path / "modules"))
        spawned.release()
        assert facts(directory)["loaded"] == spawned.handle["pid"]
        assert launcher.kill(spawned.handle)

    def test_a_command_that_it_cannot_show_does_not_wait_for_its_imports(
        self, server: ForkServer, directory: RunDirectory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(server, "_wait_until_ready", lambda seconds: pytest.fail("it waited"))
        argv = (settings.TRAINER_PYTHON, "-m", "a_longer_module", str(directory.root))
        assert server.fork(argv, {}, directory, 0, 1) is None


def test_a_run_is_told_what_its_machine_shall_be_taken_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = RunDirectory(tmp_path)
    monkeypatch.setenv("LUTHIER_MACHINE_WITHOUT", "onednn_bfloat16")
    monkeypatch.setenv("LUTHIER_SECRET_KEY", "hidden")
    found = environment_for([], directory)
    assert found["LUTHIER_MACHINE_WITHOUT"] == "onednn_bfloat16"
    assert "LUTHIER_SECRET_KEY" not in found
