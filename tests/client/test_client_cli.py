"""The command line: what it prints, what it sends, and its exit codes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import httpx
import pytest

from luthier.cli import cli
from luthier.cli.base import run_command, size_of
from luthier.following import Followed
from tests.client.fake_server import FakeServer

ROOT = Path(__file__).resolve().parent.parent.parent
JOB = {
    "id": "ftjob-1", "status": "running", "model": "tiny", "current_step": 3, "total_steps": 10, "error": None,
    "fine_tuned_model": None,
}  # fmt: skip
LORA = "Invalid value for '--set': “lora” is not of the form NAME=VALUE."
KEY = {"id": "key-1", "name": "", "prefix": "sk-lu", "user": "a@b.c", "team": "violins", "scopes": ["read"]}
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeServer:
    """A server in the place of the one that somebody is signed in to."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    server = FakeServer({})
    for module in ("base", "account"):
        monkeypatch.setattr(f"luthier.cli.{module}.Luthier", lambda *_given: server.client())
    return server


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = run_command(cli, arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_login_keeps_a_key_that_works(server: FakeServer, call: Call, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-luthier-new\n")
    asked = ("login", "--url", "http://luthier.example.com/v1", "--key-file", "key")
    code, _, said = call(*asked)
    assert (code, said) == (4, "Error: There is nothing.\n")
    assert not (tmp_path / "luthier" / "login.json").exists()
    server.answers["GET /api/v1/keys/current"] = KEY
    code, out, said = call(*asked)
    assert code == 0
    assert "as a@b.c, team violins" in out
    assert "is not https" in said
    kept = json.loads((tmp_path / "luthier" / "login.json").read_text())
    assert kept == {"url": "http://luthier.example.com", "key": "sk-luthier-new"}
    assert "sk-luthier-new" not in out + said


def test_a_list_is_a_table_or_json(server: FakeServer, call: Call) -> None:
    server.answers["GET /v1/fine_tuning/jobs"] = {"data": [JOB, {**JOB, "id": "ftjob-2"}], "has_more": False}
    code, out, _ = call("jobs")
    assert (code, [line.split() for line in out.splitlines()][1]) == (0, ["ftjob-1", "tiny", "running", "3/10", "–"])
    code, out, _ = call("jobs", "--json", "--limit", "1")
    assert [job["id"] for job in json.loads(out)] == ["ftjob-1", "ftjob-2"]
    assert server.asked[-1].url.params["limit"] == "1"


def test_a_list_goes_on_to_its_end(server: FakeServer, call: Call) -> None:
    def page(request: httpx.Request) -> Any:
        after = request.url.params.get("after")
        return {"data": [{**JOB, "id": "ftjob-2" if after else "ftjob-1"}], "has_more": not after}

    server.answers["GET /v1/fine_tuning/jobs"] = page
    _, out, _ = call("jobs", "--limit", "0", "--json")
    assert [job["id"] for job in json.loads(out)] == ["ftjob-1", "ftjob-2"]
    assert server.asked[-1].url.params["after"] == "ftjob-1"


@pytest.mark.parametrize(
    "asked",
    [
        ("train", "chats.jsonl", "--model", "tiny", "--dry-run"), ("upload", "chats.jsonl", "--dry-run"),
        ("deploy", "ft:x", "--name", "violin", "--dry-run"), ("evaluate", "ft:x", "--file", "file-1", "--dry-run"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("as_json", [False, True])
def test_a_dry_run_asks_for_nothing(
    server: FakeServer, call: Call, tmp_path: Path, asked: tuple[str, ...], as_json: bool
) -> None:
    (tmp_path / "chats.jsonl").write_text("{}\n")
    code, out, _ = call(*asked, *(["--json"] if as_json else []))
    assert (code, server.asked) == (0, [])
    assert json.loads(out)["dry_run"] is True if as_json else out


def test_a_dry_run_on_an_uploaded_file_is_the_servers_estimate(server: FakeServer, call: Call) -> None:
    server.answers["POST /api/v1/jobs/estimate"] = {
        "seconds_low": 60, "seconds_high": 90, "steps": 10, "memory_bytes": 2e9, "accelerators": 1,
        "accelerator_kind": "cpu", "accelerator_hours": 0.02,
    }  # fmt: skip
    settings = ("--set", "lora_dim=8", "--set", "lr_scheduler_type=linear", "--effort", "fast")
    code, out, _ = call("train", "file-1", "--model", "tiny", "--dry-run", *settings)
    assert code == 0
    assert "1 min 0 s – 1 min 30 s" in out
    assert server.paths() == ["POST /api/v1/jobs/estimate"]
    hyperparameters = {"lora_dim": 8, "lr_scheduler_type": "linear", "effort": "fast"}
    assert server.body(0) == {"training_file": "file-1", "model": "tiny", "hyperparameters": hyperparameters}


@pytest.mark.parametrize(("status", "code"), [("succeeded", 0), ("failed", 5), ("cancelled", 5)])
def test_watching_tells_each_event_and_how_it_ended(server: FakeServer, call: Call, status: str, code: int) -> None:
    event = {"id": "1", "type": "message", "message": "The job has started.", "data": {}}
    error = {"message": "The loss is no number."} if status == "failed" else None
    ended = {**JOB, "status": status, "error": error, "fine_tuned_model": "ft:tiny:x"}
    server.answers["GET /v1/fine_tuning/jobs/ftjob-1"] = ended
    server.answers["GET /v1/fine_tuning/jobs/ftjob-1/events"] = {"data": [event], "has_more": False}
    found, out, _ = call("watch", "ftjob-1")
    assert found == code
    assert out.startswith("The job has started.\n")
    last = {"succeeded": "luthier chat ft:tiny:x", "failed": "The loss is no number.", "cancelled": "cancelled"}
    assert last[status] in out
    _, out, _ = call("watch", "ftjob-1", "--json")
    assert json.loads(out.splitlines()[0]) == event
    assert json.loads(out.partition("\n")[2]) == ended


def test_ctrl_c_leaves_the_job_running_and_says_how_to_go_on(
    server: FakeServer, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_given: Any, **_options: Any) -> Any:
        yield Followed(JOB, [])  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr("luthier.client.follow", interrupted)
    server.answers["POST /v1/fine_tuning/jobs"] = JOB
    code, _, said = call("train", "file-1", "--model", "tiny", "--watch")
    assert code == 130
    assert "ftjob-1 goes on without you. “luthier watch ftjob-1” shows how it goes" in said
    assert server.paths() == ["POST /v1/fine_tuning/jobs"]


def test_chat_streams_and_json_is_the_whole_answer(server: FakeServer, call: Call) -> None:
    def answer(request: httpx.Request) -> Any:
        if not json.loads(request.content).get("stream"):
            return {"id": "chatcmpl-1"}
        pieces = [{"choices": [{"delta": {"content": text}}]} for text in ("I am ", "Xiaozhi.")]
        lines = [f"data: {json.dumps(piece)}\n\n" for piece in pieces]
        return httpx.Response(200, text="".join([*lines, "data: [DONE]\n\n"]))

    server.answers["POST /v1/chat/completions"] = answer
    assert call("chat", "ft:x", "Who are you?", "--system", "Be kind.", "--max-tokens", "9")[:2] == (
        0,
        "I am Xiaozhi.\n",
    )
    roles = [message["role"] for message in server.body(0)["messages"]]
    assert (roles, server.body(0)["max_tokens"]) == (["system", "user"], 9)
    assert json.loads(call("chat", "ft:x", "Who are you?", "--json")[1]) == {"id": "chatcmpl-1"}


def test_export_writes_all_or_nothing(server: FakeServer, call: Call, tmp_path: Path) -> None:
    server.answers["GET /api/v1/models/ft:tiny:x"] = {"id": "adapter-1"}
    assert call("export", "ft:tiny:x")[0] == 4
    assert [path.name for path in tmp_path.iterdir()] == []
    server.answers["GET /api/v1/models/adapter-1/package"] = httpx.Response(200, content=b"PK")
    assert call("export", "ft:tiny:x")[0] == 0
    assert (tmp_path / "adapter-1.zip").read_bytes() == b"PK"


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        (("nonsense",), 2, "No such command 'nonsense'."), (("train", "x"), 2, "Missing option '--model'."),
        (("train", "x", "--model", "m", "--set", "lora"), 2, LORA),
        (("evaluate", "m", "--prompts", "no"), 1, "[Errno 2] No such file or directory: 'no'"),
        (("upload", "nothing.jsonl"), 1, "There is no file nothing.jsonl."),
        (("watch", "ftjob-9"), 4, "There is nothing."),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_one_sentence_and_a_code(
    server: FakeServer, call: Call, asked: tuple[str, ...], code: int, said: str
) -> None:
    found, out, told = call(*asked)
    assert (found, out, told.splitlines()[0]) == (code, "", f"Error: {said}")
    assert "Traceback" not in told


def test_errors_are_json_where_that_was_asked_for(server: FakeServer, call: Call) -> None:
    code, out, told = call("watch", "ftjob-9", "--json")
    assert (code, out) == (4, "")
    assert json.loads(told)["error"]["code"] == "not_found"


def test_every_command_has_json_and_those_that_make_something_a_dry_run() -> None:
    groups = {name: one for name, one in cli.commands.items() if isinstance(one, click.Group)}
    inside = {f"{name} {inner}": found for name, one in groups.items() for inner, found in one.commands.items()}
    commands = {**{name: one for name, one in cli.commands.items() if name not in groups}, **inside}
    options = {name: {param.name for param in one.params} for name, one in commands.items()}
    assert {name for name, found in options.items() if "as_json" not in found} == {"completion", "mcp"}
    assert {name for name, found in options.items() if "dry_run" in found} == {
        "upload", "train", "evaluate", "deploy", "rescue fetch", "rescue record", "rescue recreate",
    }  # fmt: skip
    assert all(one.help for one in commands.values())


def test_a_model_that_there_is_not_costs_no_upload(server: FakeServer, call: Call, tmp_path: Path) -> None:
    (tmp_path / "chats.jsonl").write_text("{}\n")
    server.answers["GET /api/v1/catalogue"] = {"data": [{"id": "tiny"}]}
    assert call("train", "chats.jsonl", "--model", "nix")[0] == 4
    assert server.paths() == ["GET /api/v1/catalogue", "GET /v1/models/nix"]


def test_what_is_online_says_how_it_is_asked(server: FakeServer, call: Call) -> None:
    made = {"id": "deploy-1", "name": "fiddle", "state": "answering", "message": "Answering."}
    server.answers["POST /api/v1/deployments"] = made
    assert call("deploy", "ft:x", "--name", "fiddle")[:2] == (0, "fiddle is answering. Ask it: luthier chat fiddle\n")
    server.answers["POST /api/v1/deployments"] = {**made, "state": "failed", "message": "There is no room."}
    assert call("deploy", "ft:x", "--name", "fiddle")[:2] == (5, "There is no room.\n")


def test_an_evaluation_that_would_be_made_names_who_is_asked_what(call: Call, tmp_path: Path) -> None:
    (tmp_path / "q.txt").write_text("Hm?\n\nHa?\n")
    asked = ("evaluate", "ft:x", "--prompts", str(tmp_path / "q.txt"), "--dry-run")
    assert call(*asked)[1] == "ft:x, their base would be asked 2 questions.\n"
    (tmp_path / "q.txt").write_text('{"prompt":')
    assert "This is not JSON" in call(*asked)[2]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands_and_options(shell: str) -> None:
    """As the shell asks it: by variables, in a process of its own."""
    path = {"PYTHONPATH": str(ROOT / "client"), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    command = [sys.executable, "-m", "luthier"]
    script = subprocess.run([*command, "completion", shell], env=path, capture_output=True, text=True, check=True)
    assert "_LUTHIER_COMPLETE" in script.stdout
    words = {"COMP_WORDS": "luthier tra", "COMP_CWORD": "tra" if shell == "fish" else "1"}
    asked = {**path, **words, "_LUTHIER_COMPLETE": f"{shell}_complete"}
    found = subprocess.run(command, env=asked, capture_output=True, text=True, check=True)
    assert "train" in found.stdout


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (8 * 2**20, "8.4 MB"), (2e15, "2000.0 TB")])
def test_sizes_are_read_by_people(count: int, text: str) -> None:
    assert size_of(count) == text
