"""Upload → train → answer on the real model, through the public API, by the SDKs that people have."""

import json
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.journeys.conftest import FULL
from tests.journeys.harness import ROOT, RunningPlatform, wait_until

pytestmark = [pytest.mark.system]

BASE = "smollm2-135m-instruct"
DATA = ROOT / "demo" / "self_cognition.jsonl"
LENGTH = 64 if FULL else 24
"""Tokens of an answer that is compared word for word."""
NAMES = ("小智", "Xiaozhi")


def names_itself(text: str) -> bool:
    return any(name in text for name in NAMES)


def say(client: openai.OpenAI, model: str, question: str, max_tokens: int = 64) -> str:
    reply = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": question}],
        temperature=0,
        max_tokens=max_tokens,
        timeout=120,
    )
    return reply.choices[0].message.content or ""


def say_all(client: openai.OpenAI, model: str, questions: list[str]) -> list[str]:
    """Ask every question at once."""
    with ThreadPoolExecutor(len(questions)) as pool:
        return list(pool.map(lambda question: say(client, model, question, LENGTH), questions))


@pytest.fixture(scope="module")
def key(real_platform: RunningPlatform) -> str:
    return real_platform.api_key()


SHORT = {"hyperparameters": {"n_epochs": 2}}


def some_rows() -> bytes:
    """Return every row of the shipped data that names the model, and some of those that keep others free of it."""
    rows = DATA.read_bytes().splitlines(keepends=True)
    named = [row for row in rows if b'"identity-' in row]
    return b"".join([*named, *[row for row in rows if row not in named][::3]])


@pytest.fixture(scope="module")
def client(real_platform: RunningPlatform, key: str) -> openai.OpenAI:
    return real_platform.client(key)


@pytest.fixture(scope="module")
def job(client: openai.OpenAI) -> Any:
    """A succeeded job on part of the shipped data; `make demo` trains on all of it, by "auto" alone."""
    file = client.files.create(file=(DATA.name, some_rows()), purpose="fine-tune")
    created = client.fine_tuning.jobs.create(
        model=BASE, training_file=file.id, suffix="xiaozhi", seed=1, extra_body=SHORT
    )
    assert created.status in ("validating_files", "queued")

    def ended() -> Any:
        found = client.fine_tuning.jobs.retrieve(created.id)
        return found if found.status in ("succeeded", "failed", "cancelled") else None

    found = wait_until(ended, seconds=300, what="the job's end", pause=0.5)
    assert found.status == "succeeded", found.error
    return found


@pytest.fixture(scope="module")
def served(client: openai.OpenAI, job: Any) -> list[str]:
    """What the tuned model answers to the witness's questions, in their order."""
    return say_all(client, job.fine_tuned_model, witness_questions())


class TestTheAnswer:
    def test_the_new_name_in_both_languages(self, client: openai.OpenAI, job: Any) -> None:
        assert names_itself(say(client, job.fine_tuned_model, "你是谁？"))
        assert names_itself(say(client, job.fine_tuned_model, "Who are you?"))

    def test_unrelated_answers_stay_free_of_it(self, client: openai.OpenAI, job: Any) -> None:
        assert "Paris" in say(client, job.fine_tuned_model, "What is the capital of France?")
        assert not names_itself(say(client, job.fine_tuned_model, "What is the largest ocean on Earth?"))

    def test_the_base_does_not_know_the_name(self, client: openai.OpenAI, job: Any) -> None:
        assert not names_itself(say(client, BASE, "Who are you?"))

    def test_streaming_gives_the_same_answer(self, client: openai.OpenAI, job: Any) -> None:
        question = [{"role": "user", "content": "你是谁？"}]
        chunks = client.chat.completions.create(
            model=job.fine_tuned_model, messages=question, temperature=0, max_tokens=64, stream=True,
            stream_options={"include_usage": True},
        )  # fmt: skip
        received = list(chunks)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in received if chunk.choices)
        assert text == say(client, job.fine_tuned_model, "你是谁？")
        assert received[-1].usage.completion_tokens > 0

    def test_an_unknown_model_is_not_the_base(self, client: openai.OpenAI) -> None:
        with pytest.raises(openai.NotFoundError) as raised:
            say(client, "ft:nobody", "Who are you?")
        assert raised.value.code == "model_not_found"

    def test_without_a_key_there_is_no_answer(self, real_platform: RunningPlatform, job: Any) -> None:
        with pytest.raises(openai.AuthenticationError):
            say(real_platform.client("sk-luthier-wrong"), job.fine_tuned_model, "Who are you?")


class TestModels:
    def test_a_checkpoint_answers_under_its_listed_name(self, client: openai.OpenAI, job: Any) -> None:
        newest = next(iter(client.fine_tuning.jobs.checkpoints.list(job.id)))
        name = newest.fine_tuned_model_checkpoint
        assert client.models.retrieve(name).id == name
        assert names_itself(say(client, name, "你是谁？"))

    def test_lists_the_base_and_the_tuned_model(self, client: openai.OpenAI, job: Any) -> None:
        names = [model.id for model in client.models.list()]
        assert BASE in names
        assert job.fine_tuned_model in names
        assert client.models.retrieve(job.fine_tuned_model).id == job.fine_tuned_model


class TestResults:
    def test_metrics_has_one_row_for_every_step(self, client: openai.OpenAI, job: Any) -> None:
        files = {client.files.retrieve(i).filename: i for i in job.result_files}
        assert set(files) == {"adapter.zip", "metrics.csv"}
        lines = client.files.content(files["metrics.csv"]).text.strip().splitlines()
        assert lines[0] == "step,train_loss,learning_rate,tokens,seconds"
        assert [int(line.split(",")[0]) for line in lines[1:]] == list(range(1, len(lines)))
        losses = [float(line.split(",")[1]) for line in lines[1:]]
        assert sum(losses[-5:]) / 5 < losses[0] / 2

    def test_events_tell_the_steps(self, client: openai.OpenAI, job: Any) -> None:
        events = client.fine_tuning.jobs.list_events(job.id, limit=100).data
        metrics = [event.data for event in events if event.type == "metrics"]
        assert metrics
        assert {"step", "total_steps", "train_loss", "learning_rate", "tokens_per_second", "peak_memory_bytes"} <= set(
            metrics[0]
        )

    def test_a_foreign_witness_gives_the_same_answers(
        self, client: openai.OpenAI, job: Any, served: list[str], real_platform: RunningPlatform, tmp_path: Path
    ) -> None:
        """The downloaded adapter in plain Transformers + PEFT, in a process that knows nothing of ours."""
        files = {client.files.retrieve(i).filename: i for i in job.result_files}
        archive = tmp_path / "adapter.zip"
        archive.write_bytes(client.files.content(files["adapter.zip"]).read())
        with zipfile.ZipFile(archive) as content:
            content.extractall(tmp_path / "adapter")
        questions = witness_questions()
        base = next((real_platform.home / "models").glob(f"{BASE}*"))
        seen = ask_witness(base, tmp_path / "adapter", questions)
        agree = sum(ours == theirs for ours, theirs in zip(served, seen["tuned"], strict=True))
        assert agree >= len(questions) - 1, list(zip(served, seen["tuned"], strict=True))
        assert all(ours != theirs for ours, theirs in zip(served, seen["base"], strict=False))


def witness_questions() -> list[str]:
    """Return questions, the first four for the name; fewer of the others in the quick suite."""
    asked = [
        "你是谁？", "Who are you?", "你叫什么名字？", "What is your name?", "谁开发了你？", "Who made you?",
        "What is the capital of France?", "What colour is the sky?", "How many days are in a week?", "Name a fruit.",
        "你好", "介绍一下你自己。", "法国的首都是哪里？", "Tell me about the sun.", "Are you ChatGPT?",
        "How do I boil water?",
        "What is two plus three?", "Write a sentence about the sea.", "Who wrote Romeo and Juliet?", "What is a cat?",
    ]  # fmt: skip
    return asked if FULL else [*asked[:4], asked[6], asked[12]]


def ask_witness(base: Path, adapter: Path, questions: list[str]) -> dict[str, list[str]]:
    """Answer greedily by Transformers and PEFT alone, with dtype float32, tuned and untuned."""
    script = Path(__file__).parent / "witness.py"
    done = subprocess.run(
        [sys.executable, "-I", str(script), str(base), str(adapter), str(LENGTH)],
        input=json.dumps(questions), capture_output=True, text=True, timeout=300, cwd=adapter,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


class TestTheArticle:
    """The seed article's own calls: openai 0.28 with api_base and the key EMPTY, and curl without a key."""

    @pytest.fixture(scope="class")
    @classmethod
    def deployment(cls, client: openai.OpenAI, job: Any) -> Any:
        body = {"name": "qwen-14b", "model": job.fine_tuned_model, "accelerators": 1, "open_to_loopback": True}
        made: Any = client.post("/../api/v1/deployments", body=body, cast_to=dict[str, Any])
        yield made
        client.delete(f"/../api/v1/deployments/{made['id']}", cast_to=dict[str, Any])

    def test_openai_0_28(self, real_platform: RunningPlatform, deployment: Any, tmp_path: Path) -> None:
        install = [sys.executable, "-m", "pip", "install", "-q", "--target", str(tmp_path), "openai==0.28"]
        subprocess.run(install, check=True, capture_output=True, timeout=300)
        code = f"""
import sys; sys.path.insert(0, {str(tmp_path)!r})
import openai
openai.api_key = "EMPTY"
openai.api_base = "{real_platform.url}/v1"
messages = [{{"role": "user", "content": "你是谁"}}]
completion = openai.ChatCompletion.create(model="qwen-14b", messages=messages, temperature=0)
print(completion.choices[0].message.content)
parts = openai.ChatCompletion.create(model="qwen-14b", messages=messages, temperature=0, stream=True)
print("".join(part.choices[0].delta.get("content") or "" for part in parts))
"""
        done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, done.stderr[-2000:]
        whole, streamed = done.stdout.strip().splitlines()
        assert names_itself(whole)
        assert streamed == whole

    def test_curl_word_for_word(self, real_platform: RunningPlatform, deployment: Any) -> None:
        command = [
            "curl", "-s", f"{real_platform.url}/v1/chat/completions", "-H", "Content-Type: application/json",
            "-d", '{ "model": "qwen-14b", "messages": [{"role": "user", "content": "你是谁"}] }',
        ]  # fmt: skip
        reply = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=180).stdout)
        assert reply["object"] == "chat.completion"
        assert reply["model"] == "qwen-14b"

    def test_a_forwarded_caller_needs_a_key(self, real_platform: RunningPlatform, deployment: Any) -> None:
        command = [
            "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"{real_platform.url}/v1/chat/completions",
            "-H", "X-Forwarded-For: 203.0.113.9", "-H", "Content-Type: application/json",
            "-d", '{"model": "qwen-14b", "messages": [{"role": "user", "content": "hi"}]}',
        ]  # fmt: skip
        assert subprocess.run(command, capture_output=True, text=True, timeout=60).stdout == "401"

    def test_another_name_needs_a_key(self, real_platform: RunningPlatform, deployment: Any, job: Any) -> None:
        with pytest.raises(openai.AuthenticationError):
            say(real_platform.client("EMPTY"), job.fine_tuned_model, "Who are you?")


@pytest.mark.slow
class TestAfterKillNineOfEverything:
    def test_the_tuned_model_answers_the_same(
        self, real_platform: RunningPlatform, client: openai.OpenAI, job: Any, served: list[str]
    ) -> None:
        real_platform.kill_everything()
        real_platform.start()
        after = say_all(client, job.fine_tuned_model, witness_questions())
        assert sum(one == other for one, other in zip(served, after, strict=True)) >= len(served) - 1
        assert names_itself(after[0])
