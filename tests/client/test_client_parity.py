"""An old job made anew in Luthier, and how alike both models answer."""

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sacrebleu

from luthier.rescue.measures import chrf, interval, is_same
from luthier.rescue.prompts import text_of
from tests.client import openai_stand_in as old
from tests.client.fake_server import FakeServer
from tests.client.test_client_rescue import Call, call, luthier, source

__all__ = ["call", "luthier", "source"]
NEW = "ft:tiny:violins:luthier:Zyx98765"


@pytest.fixture
def kept(call: Call, source: old.Served, tmp_path: Path) -> Path:
    call("fetch", "kept")
    return tmp_path / "kept"


@pytest.fixture
def platform(luthier: FakeServer) -> Iterator[FakeServer]:
    """A Luthier that makes files and jobs, and whose new model says half of what the old one said."""
    uploaded: list[str] = []

    def upload(request: httpx.Request) -> Any:
        uploaded.append(f"file-new{len(uploaded)}")
        return {"id": uploaded[-1]}

    job = {"id": "ftjob-new", "model": "tiny", "status": "succeeded", "fine_tuned_model": NEW}
    luthier.answers = {
        "POST /v1/files": upload,
        **{f"GET /v1/files/file-new{number}": {"id": f"file-new{number}", "status": "processed"} for number in (0, 1)},
        "POST /v1/fine_tuning/jobs": job, "GET /v1/fine_tuning/jobs/ftjob-new": job,
        "POST /v1/chat/completions": _chat,
    }  # fmt: skip
    return luthier


def _chat(request: httpx.Request) -> Any:
    body = json.loads(request.content)
    asked = body["messages"][-1]["content"]
    if body["model"] == "judge":
        text = "Same." if "string 41" in asked else "different"
    elif body["model"] == "tiny":
        text = "?!"
    else:
        number = int(asked.split()[-1].rstrip("?"))
        text = asked.replace("What is", "I say of") + (" It is gut." if number % 2 else " It is steel.")
    return {"choices": [{"message": {"role": "assistant", "content": text}}], "usage": {"total_tokens": 9}}


class TestRecreate:
    def test_sends_the_files_and_the_settings(self, call: Call, kept: Path, platform: FakeServer) -> None:
        code, job, _ = call("recreate", "kept")
        assert (code, job["id"]) == (0, "ftjob-new")
        [sent] = [json.loads(one.content) for one in platform.asked if one.url.path.endswith("/jobs")]
        assert sent == {
            "model": old.BASE, "suffix": "luthier", "seed": 7, "metadata": {"rescued_from": old.JOB},
            "training_file": "file-new0", "validation_file": "file-new1",
            "hyperparameters": {"n_epochs": 3, "batch_size": 8, "learning_rate_multiplier": 1.8},
        }  # fmt: skip

    def test_makes_a_job_once(self, call: Call, kept: Path, platform: FakeServer) -> None:
        call("recreate", "kept", "--base", "tiny")
        asked = len(platform.asked)
        assert call("recreate", "kept", "--base", "tiny")[1]["id"] == "ftjob-new"
        assert platform.paths()[asked:] == ["GET /v1/fine_tuning/jobs/ftjob-new"]
        call("recreate", "kept", "--base", "larger")
        assert platform.paths()[asked + 1 :] == ["POST /v1/fine_tuning/jobs"], "its files are there"

    def test_a_dry_run_makes_nothing(self, call: Call, kept: Path, platform: FakeServer) -> None:
        found = call("recreate", "kept", "--new-settings", "--dry-run")[1]
        assert set(found["uploads"]) == {"training_file", "validation_file"}
        assert "hyperparameters" not in found["body"]
        assert platform.asked == []

    def test_says_which_jobs_there_are(self, call: Call, kept: Path, platform: FakeServer) -> None:
        assert old.JOB in call("recreate", "kept", "--job", "ftjob-none")[2]
        assert call("recreate", "kept", "--job", old.MODEL, "--dry-run")[1]["job"] == old.JOB

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"method": {"type": "dpo"}}, "was trained by dpo"), ({"training_file": old.GONE}, "could not be brought"),
            ({"model": old.MODEL}, "trained .* further"),
        ],
    )  # fmt: skip
    def test_refuses_what_would_be_another_job(
        self, call: Call, kept: Path, platform: FakeServer, change: dict[str, Any], said: str
    ) -> None:
        path = kept / "jobs" / old.JOB / "job.json"
        job = json.loads(path.read_text())
        other = kept / "jobs" / "ftjob-other"
        other.mkdir()
        (other / "job.json").write_text(json.dumps({**job, **change, "id": "ftjob-other", "fine_tuned_model": None}))
        code, _, told = call("recreate", "kept", "--job", "ftjob-other", as_json=False)
        assert code == 1
        assert re.search(said, told), told
        assert platform.asked == []

    def test_trains_on_the_model_that_the_one_before_has_become(
        self, call: Call, kept: Path, platform: FakeServer
    ) -> None:
        job = json.loads((kept / "jobs" / old.JOB / "job.json").read_text())
        later = kept / "jobs" / "ftjob-later"
        later.mkdir()
        (later / "job.json").write_text(json.dumps({**job, "id": "ftjob-later", "model": old.MODEL}))
        call("recreate", "kept", "--job", old.JOB, "--base", "tiny")
        assert call("recreate", "kept", "--job", "ftjob-later", "--dry-run")[1]["body"]["model"] == NEW


class TestParity:
    def test_compares_what_both_have_answered(self, call: Call, kept: Path, platform: FakeServer) -> None:
        call("record", "kept", "--limit", "8")
        call("recreate", "kept", "--base", "tiny")
        code, found, _ = call("parity", "kept", "--base", "tiny", "--judge", "judge")
        assert (code, found["questions"], found["new_model"]) == (0, 8, NEW)
        assert found["measures"]["exact_match"]["value"] == 0.5, "the strings 40 to 47: every second one is gut"
        assert 50 < found["measures"]["chrf"]["value"] < 100
        assert found["base"]["measures"]["chrf"]["value"] < 5
        assert found["measures"]["judged_same"]["value"] == 0.5, "those that are the same are not asked about"
        text = Path(found["report"]).read_text()
        assert f"# Parity of {NEW} with {old.MODEL}" in text
        assert "| the same text | 50% (" in text
        assert "steel" in text
        assert json.loads(Path(found["report"]).with_suffix(".json").read_text())["questions"] == 8
        [shown] = [row for row in call("show", "kept")[1] if row["job"] == old.JOB]
        assert shown == {"job": old.JOB, "model": old.MODEL, "answers": 8, "new_job": "ftjob-new", "has_report": True}

    def test_asks_nothing_twice(self, call: Call, kept: Path, platform: FakeServer) -> None:
        call("record", "kept", "--limit", "4")
        for _time in range(2):
            assert call("parity", "kept", "--model", NEW)[0] == 0
        assert platform.paths().count("POST /v1/chat/completions") == 4

    def test_says_what_comes_first(self, call: Call, kept: Path, platform: FakeServer) -> None:
        assert "luthier rescue record" in call("parity", "kept", as_json=False)[2]
        call("record", "kept", "--limit", "2")
        assert "luthier rescue recreate" in call("parity", "kept", as_json=False)[2]
        call("recreate", "kept", "--base", "tiny")
        platform.answers["GET /v1/fine_tuning/jobs/ftjob-new"] = {
            "id": "ftjob-new", "status": "running", "fine_tuned_model": None,
        }  # fmt: skip
        assert "luthier watch ftjob-new" in call("parity", "kept", as_json=False)[2]

    def test_says_why_nothing_could_be_compared(self, call: Call, kept: Path, platform: FakeServer) -> None:
        error = {"message": "The model reads 64 tokens at most.", "code": "context_length_exceeded"}
        platform.answers["POST /v1/chat/completions"] = lambda _asked: httpx.Response(400, json={"error": error})
        call("record", "kept", "--limit", "2")
        code, _, said = call("parity", "kept", "--model", NEW, as_json=False)
        assert (code, "nothing to compare. The model reads 64 tokens at most." in said) == (1, True)

    def test_a_report_holds_no_markup_of_answers(self, call: Call, kept: Path, platform: FakeServer) -> None:
        def shouting(request: httpx.Request) -> Any:
            message = {"role": "assistant", "content": "# <b>\n| x |"}
            return {"choices": [{"message": message}], "usage": {"total_tokens": 9}}

        platform.answers["POST /v1/chat/completions"] = shouting
        call("record", "kept", "--limit", "1")
        text = Path(call("parity", "kept", "--model", NEW)[1]["report"]).read_text()
        assert "\\# \\<b\\> \\| x \\|" in text


class TestMeasures:
    def test_chrf_is_sacrebleus(self) -> None:
        chance = random.Random(3)
        letters = "abc de 我你他 的"
        for _time in range(300):
            one, other = ("".join(chance.choices(letters, k=chance.randrange(30))) for _ in range(2))
            assert chrf(one, other) == pytest.approx(sacrebleu.sentence_chrf(one, [other]).score, abs=1e-9), (
                one,
                other,
            )
        assert chrf("I say gut.", "I say gut.") == pytest.approx(100)

    def test_an_interval_holds_its_mean_and_narrows(self) -> None:
        few, many = interval([0.0, 1.0] * 5), interval([0.0, 1.0] * 200)
        for value, low, high in (few, many):
            assert (value, low < value < high) == (0.5, True)
        assert many[2] - many[1] < few[2] - few[1]
        assert interval([1.0]) == (1.0, 1.0, 1.0)

    def test_white_space_makes_no_difference_and_letters_do(self) -> None:
        assert is_same("I am\n Xiaozhi. ", "I am Xiaozhi.")
        assert not is_same("I am Xiaozhi.", "I am xiaozhi.")

    def test_calls_of_tools_are_compared_by_what_they_ask(self) -> None:
        calls = [{"function": {"name": "tune", "arguments": text}} for text in ('{"a": 1}', '{ "a":1 }')]
        one, other = (text_of({"content": None, "tool_calls": [call]}) for call in calls)
        assert one == other == '[["tune", {"a": 1}]]'
