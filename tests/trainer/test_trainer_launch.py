"""Ranks are forks of their launcher, with what it has imported; signals, ends and faults are those of processes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from machine.forks import begin_anew_without_cuda
from rundir import RunDirectory, read_events

LAUNCHER = """
import importlib, json, os, signal, sys, time
from pathlib import Path
from rundir import RunDirectory, write_json
from trainer import launch

root = Path(sys.argv[1])
launch.PRELOAD, launch.GRACE_SECONDS = "preloaded", 0.2
launch.may_have_gpu = lambda: False
names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_PORT")

def train(rank):
    asked = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append("sigterm"))
    facts = {"pid": os.getpid(), "loaded": sys.modules["torch"].PID, "environment": {n: os.environ[n] for n in names}}
    write_json(root / f"facts-{rank}.json", facts)
    print(f"rank {rank} speaks")
    while not asked and not (root / f"end-{rank}").exists():
        time.sleep(0.01)
    return 0 if asked else int((root / f"end-{rank}").read_text())

print("said once", end="")
sys.exit(launch.launch_ranks(RunDirectory(root), 2, train))
"""


class Launch:
    """A launcher of two ranks that only wait."""

    def __init__(self, root: Path, modules: Path) -> None:
        self.root = root
        path = os.pathsep.join([str(modules), str(Path(__file__).parents[2])])
        self.process = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, str(root)], env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def facts(self) -> list[Any]:
        paths = [self.root / f"facts-{rank}.json" for rank in range(2)]
        wait_for(lambda: all(path.exists() for path in paths))
        return [json.loads(path.read_text()) for path in paths]

    def end(self, rank: int, status: int) -> None:
        draft = self.root / f".end-{rank}"
        draft.write_text(str(status))
        draft.rename(self.root / f"end-{rank}")


def wait_for(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    modules, root = tmp_path / "modules", tmp_path / "run"
    modules.mkdir()
    RunDirectory(root).create()
    (modules / "preloaded.py").write_text("import torch")
    (modules / "torch.py").write_text("import os\nPID = os.getpid()")
    launched = Launch(root, modules)
    yield launched
    launched.process.kill()
    launched.process.communicate()


def test_ranks_share_what_the_launcher_has_imported(launch: Launch) -> None:
    facts = launch.facts()
    assert [one["loaded"] for one in facts] == [launch.process.pid] * 2
    for rank, one in enumerate(facts):
        port = facts[0]["environment"]["MASTER_PORT"]
        assert list(one["environment"].values()) == [str(rank), str(rank), "2", "2", port]
        launch.end(rank, 0)
    said, _ = launch.process.communicate(timeout=30)
    assert said.count("said once") == 1
    assert said.count("speaks") == 2
    assert launch.process.returncode == 0


def test_a_signal_is_for_every_rank(launch: Launch) -> None:
    launch.facts()
    launch.process.send_signal(signal.SIGTERM)
    assert launch.process.wait(30) == 0


def test_a_rank_that_fails_takes_the_others_with_it_and_the_run_says_so(launch: Launch) -> None:
    facts = launch.facts()
    launch.end(1, 3)
    assert launch.process.wait(30) == signal.SIGKILL
    assert not psutil.pid_exists(facts[0]["pid"])
    assert read_events(launch.root / "events.jsonl")[-1].data["code"] == "rank_lost"


def test_no_rank_outlives_a_launcher_that_is_killed(launch: Launch) -> None:
    facts = launch.facts()
    launch.process.kill()
    wait_for(lambda: not any(psutil.pid_exists(one["pid"]) for one in facts))


@pytest.mark.parametrize(("devices", "works", "anew"), [("0", False, 1), ("0", True, 0), ("", False, 0)])
def test_a_fork_in_which_cuda_does_not_work_begins_anew(
    monkeypatch: pytest.MonkeyPatch, devices: str, works: bool, anew: int
) -> None:
    def init() -> None:
        if not works:
            raise RuntimeError("Cannot re-initialize CUDA in forked subprocess.")

    begun: list[Any] = []
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=SimpleNamespace(init=init)))  # type: ignore[arg-type]
    monkeypatch.setattr(os, "execv", lambda *command: begun.append(command))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", devices)
    begin_anew_without_cuda("serving", Path("/runs/run-1"))
    assert begun == anew * [(sys.executable, [sys.executable, "-m", "serving", "/runs/run-1"])]
