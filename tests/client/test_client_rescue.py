"""A rescue from a stand-in of OpenAI's API: what is brought and recorded, and what never lies in the folder."""

import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from luthier.cli import cli
from luthier.cli.base import run_command
from luthier.rescue.prompts import Prompt
from tests.client import openai_stand_in as old
from tests.client.fake_server import FakeServer

Call = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def source() -> Iterator[old.Served]:
    with old.Served(old.OpenAI()) as served:
        yield served


@pytest.fixture
def luthier(monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    server = FakeServer({})
    monkeypatch.setattr("luthier.cli.base.Luthier", lambda *_given: server.client())
    return server


@pytest.fixture
def call(
    source: old.Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", old.KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", source.url)

    def run(*arguments: str, as_json: bool = True) -> tuple[int, Any, str]:
        code = run_command(cli, ["rescue", *arguments, *(["--json"] if as_json else [])])
        said = capsys.readouterr()
        return code, json.loads(said.out) if as_json and said.out else said.out, said.err

    return run


def chats(source: old.Served) -> list[Any]:
    return [body for _method, path, body in source.openai.asked if path == "/v1/chat/completions"]


def test_the_stand_in_answers_as_openais_client_expects(source: old.Served) -> None:
    """Their own types, held to strictly, are what says that the stand-in is honest."""
    client = openai.OpenAI(base_url=source.url, api_key=old.KEY, _strict_response_validation=True, max_retries=0)
    files = client.files.list(limit=2)
    assert [file.id for file in files] == [old.TRAINING, old.VALIDATION, old.RESULTS, old.GONE]
    [good, failed] = client.fine_tuning.jobs.list()
    assert (good.fine_tuned_model, failed.fine_tuned_model) == (old.MODEL, None)
    assert len(list(client.fine_tuning.jobs.list_events(good.id))) == 5
    assert [one.step_number for one in client.fine_tuning.jobs.checkpoints.list(good.id)] == [5]
    assert client.files.content(old.VALIDATION).content == source.openai.contents[old.VALIDATION]
    assert [model.id for model in client.models.list()] == [old.MODEL]
    reply = client.chat.completions.create(model=old.MODEL, messages=[{"role": "user", "content": "What is wood?"}])
    assert reply.choices[0].message.content == "I say of wood? It is gut."
    with pytest.raises(openai.NotFoundError, match="does not exist"):
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hm?"}])


class TestFetch:
    def test_brings_files_jobs_and_models(self, call: Call, source: old.Served, tmp_path: Path) -> None:
        code, found, _ = call("fetch", "kept")
        assert (code, found["files"], found["jobs"], found["models"]) == (5, 4, 2, [old.MODEL])
        assert [one["what"] for one in found["problems"]] == [old.GONE]
        kept = tmp_path / "kept"
        files = {one["id"]: one for one in json.loads((kept / "files.json").read_text())}
        for name in (old.TRAINING, old.VALIDATION, old.RESULTS):
            assert (kept / files[name]["path"]).read_bytes() == source.openai.contents[name]
        job = json.loads((kept / "jobs" / old.JOB / "job.json").read_text())
        assert job["hyperparameters"]["n_epochs"] == 3
        assert len(json.loads((kept / "jobs" / old.JOB / "events.json").read_text())) == 5
        assert json.loads((kept / "jobs" / old.JOB / "checkpoints.json").read_text())[0]["step_number"] == 5

    def test_writes_nothing_outside_its_folder_whatever_files_are_called(self, call: Call, tmp_path: Path) -> None:
        call("fetch", "kept")
        assert [entry.name for entry in tmp_path.iterdir()] == ["kept"]
        assert {path.parent.name for path in (tmp_path / "kept" / "files").rglob("*")} == {"files"}
        assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700

    def test_goes_on_without_bringing_anything_twice(self, call: Call, source: old.Served) -> None:
        call("fetch", "kept")
        first = len([1 for _m, path, _b in source.openai.asked if path.endswith("/content")])
        call("fetch", "kept")
        again = [path for _m, path, _b in source.openai.asked if path.endswith("/content")][first:]
        assert again == [f"/v1/files/{old.GONE}/content"]

    def test_a_dry_run_brings_nothing(self, call: Call, tmp_path: Path) -> None:
        code, found, _ = call("fetch", "kept", "--dry-run")
        assert (code, found["files"], found["dry_run"]) == (0, 4, True)
        assert list(tmp_path.iterdir()) == []

    def test_takes_no_folder_of_something_else(self, call: Call, tmp_path: Path) -> None:
        (tmp_path / "letter.txt").write_text("Dear")
        assert "holds something else" in call("fetch", ".")[2]
        call("fetch", "kept")
        with old.Served(old.OpenAI()) as another:
            assert "is a rescue from" in call("fetch", "kept", "--from", another.url)[2]

    def test_a_wrong_key_is_a_sentence(self, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong")
        assert call("fetch", "kept")[0] == 3
        monkeypatch.delenv("OPENAI_API_KEY")
        assert "OPENAI_API_KEY" in call("fetch", "kept")[2]

    def test_a_key_in_the_address_is_refused(self, call: Call, tmp_path: Path) -> None:
        code, _, said = call("fetch", "kept", "--from", "https://me:secret@example.com/v1")
        assert (code, "Put no key into the address" in said) == (1, True)
        assert list(tmp_path.iterdir()) == []


class TestRecord:
    def test_says_the_cost_first_and_asks_nothing_for_it(self, call: Call, source: old.Served) -> None:
        call("fetch", "kept")
        code, found, _ = call("record", "kept", "--limit", "10", "--answer-tokens", "20", "--dry-run")
        assert (code, found["requests"], chats(source)) == (0, 10, [])
        assert 10 * 20 < found["tokens_at_most"] < 10 * 100

    def test_asks_the_validation_rows_first_without_their_answers(self, call: Call, source: old.Served) -> None:
        call("fetch", "kept")
        code, found, _ = call("record", "kept", "--limit", "12")
        assert (code, found["models"][0]["asked"]) == (0, 12)
        asked = chats(source)
        numbers = {int(body["messages"][-1]["content"].split()[-1].rstrip("?")) for body in asked}
        assert set(range(40, 48)) < numbers
        assert all([one["role"] for one in body["messages"]] == ["system", "user"] for body in asked)
        assert {body["temperature"] for body in asked} == {0}

    def test_keeps_answers_and_goes_on_where_it_stopped(self, call: Call, source: old.Served, tmp_path: Path) -> None:
        call("fetch", "kept")
        code, found, _ = call("record", "kept", "--limit", "10", "--max-requests", "4")
        assert (code, found["models"][0]["left"], len(chats(source))) == (5, 6, 4)
        path = next((tmp_path / "kept" / "answers").iterdir())
        with path.open("a") as stream:
            stream.write('{"key": "broken off')
            stream.write("\n")
        code, found, _ = call("record", "kept", "--limit", "10")
        assert (code, found["models"][0]["known"], len(chats(source))) == (0, 4, 10)
        rows = [json.loads(line) for line in path.read_text().splitlines() if "broken" not in line]
        assert len({row["key"] for row in rows}) == 10
        assert all(row["answer"].startswith("I say of string") and row["reference"] for row in rows)
        assert call("record", "kept", "--limit", "10")[1]["spent"] == {"requests": 0, "tokens": 0}

    def test_keeps_to_a_budget_of_tokens(self, call: Call, source: old.Served) -> None:
        call("fetch", "kept")
        tokens = ("--answer-tokens", "100", "--max-tokens", "450", "--parallel", "8")
        _, found, _ = call("record", "kept", *tokens)
        assert 0 < found["spent"]["tokens"] <= 450
        assert found["models"][0]["left"] > 0

    def test_waits_where_the_server_is_busy(self, call: Call, source: old.Served) -> None:
        call("fetch", "kept")
        source.openai.busy = 2
        assert call("record", "kept", "--limit", "3", "--parallel", "1")[0] == 0

    def test_a_dark_model_is_said_and_kept_answers_stay(self, call: Call, source: old.Served) -> None:
        call("fetch", "kept")
        call("record", "kept", "--limit", "4")
        source.openai.dark = True
        code, found, _ = call("record", "kept", "--limit", "8", "--parallel", "1")
        assert (code, found["models"][0]["known"], found["models"][0]["left"]) == (5, 4, 4)
        assert "does not exist" in found["models"][0]["gone"]
        assert len(chats(source)) == 5, "nobody asks on once it is dark"

    @pytest.mark.parametrize("name", ["own.txt", "own.jsonl"])
    def test_asks_a_file_of_prompts(self, call: Call, source: old.Served, tmp_path: Path, name: str) -> None:
        call("fetch", "kept")
        rows = ["What is a peg?", "What is a rib?"]
        text = rows if name == "own.txt" else [json.dumps({"prompt": one, "reference": "wood"}) for one in rows]
        (tmp_path / name).write_text("\n".join(text))
        assert call("record", "kept", "--prompts", name)[1]["models"][0]["asked"] == 2
        assert sorted(body["messages"][0]["content"] for body in chats(source)) == rows


def test_no_key_ever_lies_in_the_folder(call: Call, luthier: FakeServer, tmp_path: Path) -> None:
    call("fetch", "kept")
    call("record", "kept", "--limit", "3")
    call("recreate", "kept", "--base", "tiny")
    files = [path for path in (tmp_path / "kept").rglob("*") if path.is_file()]
    assert len(files) > 8
    for path in files:
        assert old.KEY.encode() not in path.read_bytes(), path
        assert b"sk-luthier" not in path.read_bytes(), path


def test_a_question_is_told_by_what_is_asked_alone() -> None:
    one, other = (Prompt([{"role": "user", "content": text}]) for text in ("Hm?", "Ha?"))
    assert one.key == Prompt([{"content": "Hm?", "role": "user"}], reference="!", origin="x").key
    assert one.key != other.key
    assert Prompt([{"role": "user", "content": "你是谁" * 100}]).tokens > 300
