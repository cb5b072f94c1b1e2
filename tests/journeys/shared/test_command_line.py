"""The command line as a person uses it: from a file to an answering model, in processes of its own."""

import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.client import openai_stand_in as old
from tests.journeys.data import conversations, jsonl
from tests.journeys.harness import ROOT, RunningPlatform, wait_until

pytestmark = [pytest.mark.system]
SETTINGS = ("num_train_epochs=4", "per_device_train_batch_size=8", "validation_split=0", "lora_dim=4")


class CommandLine:
    """`luthier` in a home of its own."""

    def __init__(self, home: Path, url: str, key: str) -> None:
        self.home, self.url = home, url
        self.environment = {
            "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "client"), "XDG_CONFIG_HOME": str(home),
            "LC_ALL": "C.UTF-8", "HOME": str(home),
        }  # fmt: skip
        self("login", "--url", url, "--key-file", "-", given=key)

    def __call__(self, *arguments: str, given: str = "", code: int = 0) -> Any:
        """Return what a command prints, read as JSON."""
        done = subprocess.run(
            self.command(*arguments, "--json"), env=self.environment, cwd=self.home, input=given, capture_output=True,
            text=True, timeout=180,
        )  # fmt: skip
        assert done.returncode == code, (arguments, done.stdout, done.stderr)
        return json.loads(done.stdout) if done.stdout.startswith(("{\n", "[")) else done.stdout

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "luthier", *arguments]


@pytest.fixture(scope="module")
def luthier(shared_platform: RunningPlatform, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    key = shared_platform.api_key("paganini@example.com", "Caprices")
    return CommandLine(tmp_path_factory.mktemp("paganini"), shared_platform.url, key)


@pytest.fixture(scope="module")
def ended(luthier: CommandLine, shared_platform: RunningPlatform) -> Any:
    """A job that was made, left, and watched to its end."""
    assert luthier("whoami")["team"] == "caprices"
    (luthier.home / "chats.jsonl").write_bytes(jsonl(conversations(64)).getvalue())
    file = luthier("upload", "chats.jsonl")
    assert (file["num_rows"], file["status"]) == (64, "processed")
    settings = [part for setting in SETTINGS for part in ("--set", setting)]
    asked = ("train", file["id"], "--model", "tiny", "--accelerators", "1", *settings)
    assert luthier(*asked, "--dry-run")["estimate"]["steps"] == 32
    assert luthier("jobs") == []
    job = luthier(*asked, "--suffix", "caprice", "--name", "Caprice 24")
    [trainer] = wait_until(shared_platform.trainers, seconds=60, what="a trainer")
    trainer.suspend()  # else the job may be over before the key is pressed
    _interrupt_watching(luthier, job["id"])
    trainer.resume()
    *events, ended = _lines(luthier("watch", job["id"]))
    assert ended["status"] == "succeeded"
    assert len({event["id"] for event in events}) == len(events)
    assert {event["data"]["step"] for event in events if event["type"] == "metrics"} >= set(range(1, 33))
    return ended


def test_from_a_file_to_an_answering_model(luthier: CommandLine, shared_platform: RunningPlatform, ended: Any) -> None:
    [model] = luthier("models", "--search", "Caprice")
    assert (model["model"], model["name"]) == (ended["fine_tuned_model"], "Caprice 24")
    _ask_and_export(luthier, model["model"])
    with shared_platform.client(json.loads((luthier.home / "luthier" / "login.json").read_text())["key"]) as sdk:
        assert sdk.fine_tuning.jobs.retrieve(ended["id"]).status == "succeeded"


@pytest.mark.slow
def test_a_team_rescues_its_model_from_another_luthier(
    luthier: CommandLine, shared_platform: RunningPlatform, ended: Any, tmp_path: Path
) -> None:
    """One platform stands for both: their keys, teams and ids are as far apart as those of two."""
    old_key = shared_platform.api_key("paganini@example.com", "Caprices")
    new = CommandLine(tmp_path, shared_platform.url, shared_platform.api_key("heifetz@example.com", "Heifetz"))
    new.environment["OPENAI_API_KEY"] = old_key
    brought = new("rescue", "fetch", "kept", "--from", f"{shared_platform.url}/v1")
    assert ended["fine_tuned_model"] in brought["models"]
    named = ("--model", ended["fine_tuned_model"], "--limit", "4", "--answer-tokens", "4")
    assert new("rescue", "record", "kept", *named, "--dry-run")["requests"] == 4
    assert new("rescue", "record", "kept", *named)["models"][0]["asked"] == 4
    job = new("rescue", "recreate", "kept", "--job", ended["id"], "--base", "tiny")
    assert job["hyperparameters"]["n_epochs"] == ended["hyperparameters"]["n_epochs"]
    assert _lines(new("watch", job["id"]))[-1]["status"] == "succeeded"
    found = new("rescue", "parity", "kept", "--job", ended["id"], "--base", "tiny")
    assert found["questions"] == 4
    assert found["new_model"].startswith("ft:tiny:heifetz:caprice:")
    assert all(0 <= measure["value"] <= 100 for measure in found["measures"].values())
    assert not any(old_key.encode() in path.read_bytes() for path in (tmp_path / "kept").rglob("*") if path.is_file())


def test_a_team_rescues_its_model_from_openai(shared_platform: RunningPlatform, tmp_path: Path) -> None:
    """The name of the old base means one of ours, which an administrator has said."""
    shared_platform.manage("model_name", "set", old.BASE, "tiny")
    new = CommandLine(tmp_path, shared_platform.url, shared_platform.api_key("oistrakh@example.com", "Oistrakh"))
    with old.Served(old.OpenAI()) as openai:
        new.environment |= {"OPENAI_API_KEY": old.KEY, "OPENAI_BASE_URL": openai.url}
        new("rescue", "fetch", "kept", code=5)
        new("rescue", "record", "kept", "--limit", "12", "--answer-tokens", "16")
    job = new("rescue", "recreate", "kept")
    assert (job["model"], job["hyperparameters"]["n_epochs"], job["seed"]) == ("tiny", 3, 7)
    assert _lines(new("watch", job["id"]))[-1]["status"] == "succeeded"
    found = new("rescue", "parity", "kept", "--judge", "tiny", "--limit", "6")
    assert (found["questions"], found["judge"]["model"]) == (6, "tiny")
    assert found["least_alike"][0]["old"].startswith("I say of string")
    shared_platform.manage("model_name", "remove", old.BASE)


def _interrupt_watching(luthier: CommandLine, job_id: str) -> None:
    """Press Ctrl-C as soon as something is shown."""
    process = subprocess.Popen(
        luthier.command("watch", job_id), env=luthier.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which a shell's background has ignored
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, f"{job_id} goes on without you." in said) == (130, True), said


def _lines(text: Any) -> list[Any]:
    """Return JSON Lines, and the object after them."""
    lines = str(text).splitlines()
    end = lines.index("{")
    return [*(json.loads(line) for line in lines[:end]), json.loads("\n".join(lines[end:]))]


def _ask_and_export(luthier: CommandLine, model: str) -> None:
    made = luthier("deploy", model, "--name", "caprice", "--wait")
    assert made["state"] == "answering"
    answer = luthier("chat", "caprice", "Who are you?", "--max-tokens", "4", "--seed", "1", "--temperature", "0")
    assert answer["usage"]["completion_tokens"] <= 4
    shown = subprocess.run(
        luthier.command("chat", "caprice", "Who are you?", "--max-tokens", "4", "--seed", "1", "--temperature", "0"),
        env=luthier.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert shown.stdout.strip() == (answer["choices"][0]["message"]["content"] or "").strip()
    path = luthier("export", model)["path"]
    with zipfile.ZipFile(luthier.home / path) as archive:
        assert {"adapter_config.json", "adapter_model.safetensors", "README.md"} <= set(archive.namelist())
    assert luthier("quota")["team"] == "caprices"
    wait_until(lambda: luthier("usage")["data"], seconds=30, what="what was used", pause=0.5)
    assert luthier("undeploy", "caprice")["deleted"]
    assert luthier("deployments") == []


def test_a_large_file_comes_in_parts_over_the_wire(luthier: CommandLine) -> None:
    text = jsonl(conversations(90_000, words=10)).getvalue()
    assert len(text) > 2 * 8 * 2**20
    (luthier.home / "large.jsonl").write_bytes(text)
    file = luthier("upload", "large.jsonl", "--no-wait")
    assert file["bytes"] == len(text)
    assert json.loads((luthier.home / "luthier" / "uploads.json").read_text()) == {}


def test_a_key_that_is_wrong_is_said_in_a_sentence(luthier: CommandLine) -> None:
    done = subprocess.run(
        luthier.command("jobs"), env={**luthier.environment, "LUTHIER_API_KEY": "sk-luthier-no"}, capture_output=True,
        text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
