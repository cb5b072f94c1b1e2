"""`python -m serving RUN_DIR` as a real process: OpenAI's SDK, clients that leave, signals, foreseen faults."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from rundir import Event, read_events
from tests.forks import Fork, start
from tests.serving.conftest import PROBES

ROOT = Path(__file__).parents[2]
TOKEN = "secret"


@dataclass
class Run:
    """One serving process."""

    process: "Fork | subprocess.Popen[bytes]"
    folder: Path

    def event(self, kind: str) -> Event:
        """Wait for an event of this type."""
        return until(lambda: next((event for event in self.events() if event.type == kind), None), self)

    def events(self) -> list[Event]:
        return read_events(self.folder / "events.jsonl")

    @property
    def url(self) -> str:
        ready = self.event("ready").data
        return f"http://{ready['host']}:{ready['port']}"

    def get(self, path: str) -> Any:
        return httpx.get(self.url + path, headers={"authorization": f"Bearer {TOKEN}"}).json()

    def client(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=TOKEN, max_retries=0, _strict_response_validation=True)


def until(condition: Callable[[], Any], run: Run, seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        if run.process.poll() is not None and not condition():
            break
        time.sleep(0.02)
    raise AssertionError((run.folder / "log.txt").read_text()[-3000:])


@pytest.fixture(scope="module")
def launch(tmp_path_factory: pytest.TempPathFactory, base_folder: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def begin(**fields: Any) -> Run:
        folder = tmp_path_factory.mktemp("process")
        spec = {
            "model_path": str(base_folder), "model_name": "base", "chat_path": str(base_folder), "token": TOKEN,
            "max_model_len": 8192, "threads": 1, "dtype": "float32", **fields,
        }  # fmt: skip
        (folder / "spec.json").write_text(json.dumps(spec))
        if runs:
            process: Any = start("serving", folder, os.environ)
        else:  # one from nothing
            command = [sys.executable, "-m", "serving", str(folder)]
            with (folder / "log.txt").open("wb") as log:
                process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        runs.append(Run(process=process, folder=folder))
        return runs[-1]

    yield begin
    for run in runs:
        if run.process.poll() is None:
            run.process.kill()
        run.process.wait()


@pytest.fixture(scope="module")
def run(launch: Callable[..., Run], adapters: dict[str, Path]) -> Run:
    return launch(adapters=[{"name": name, "path": str(path)} for name, path in adapters.items()])


class TestOpenAI:
    def test_strict_sdk_gets_whole_and_streamed_answers(self, run: Run) -> None:
        client = run.client()
        assert [model.id for model in client.models.list()] == ["base", "red", "blue", "green", "gold"]
        asked: dict[str, Any] = {
            "model": "red",
            "messages": PROBES[0],
            "temperature": 0,
            "max_tokens": 16,
            "logprobs": True,
        }
        whole = client.chat.completions.create(**asked, top_logprobs=2)
        stream = client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
        chunks = list(stream)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert text == whole.choices[0].message.content
        assert chunks[-1].usage == whole.usage
        plain = client.completions.create(model="blue", prompt="Who", max_tokens=3, temperature=0)
        assert plain.usage is not None
        assert plain.usage.completion_tokens <= 3

    def test_errors_are_the_sdks_own(self, run: Run) -> None:
        with pytest.raises(openai.NotFoundError):
            run.client().chat.completions.create(model="nobody", messages=[{"role": "user", "content": "x"}])
        with pytest.raises(openai.AuthenticationError):
            openai.OpenAI(base_url=f"{run.url}/v1", api_key="wrong", max_retries=0).models.list()


class TestClientThatLeaves:
    @pytest.mark.parametrize("stream", [True, False])
    def test_its_generation_stops(self, run: Run, stream: bool) -> None:
        body = {"model": "red", "messages": PROBES[0], "stream": stream, "logit_bias": {"77": 100}, "max_tokens": 8000}
        content = json.dumps(body).encode()
        host, port = run.event("ready").data["host"], run.event("ready").data["port"]
        with socket.create_connection((host, port)) as connection:
            connection.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer " + TOKEN.encode()
                + b"\r\ncontent-length: " + str(len(content)).encode() + b"\r\n\r\n" + content
            )  # fmt: skip
            until(lambda: run.get("/stats")["running"] == 1, run)
        until(lambda: run.get("/stats")["running"] == 0, run)
        before = run.get("/stats")["tokens_generated"]
        assert before < 8000
        assert run.get("/stats")["tokens_generated"] == before


class TestEnds:
    def test_sigterm_cuts_an_endless_answer_with_an_error_and_says_stopped(self, run: Run) -> None:
        body = {"model": "base", "messages": PROBES[0], "stream": True, "logit_bias": {"77": 100}, "max_tokens": 8000}
        headers = {"authorization": f"Bearer {TOKEN}"}
        with httpx.stream("POST", f"{run.url}/v1/chat/completions", json=body, headers=headers, timeout=30) as response:
            lines = response.iter_lines()
            next(lines)
            run.process.send_signal(signal.SIGTERM)
            last = [line for line in lines if line][-1]
        assert "stopping" in json.loads(last.removeprefix("data: "))["error"]["message"]
        assert run.process.wait(timeout=10) == 0
        assert run.events()[-1].type == "stopped"

    def test_a_taken_port(self, launch: Callable[..., Run]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            failed = launch(port=taken.getsockname()[1])
            assert failed.event("failed").data["code"] == "port_unavailable"
            assert failed.process.wait(timeout=10) == 1

    def test_a_broken_model_folder(self, launch: Callable[..., Run], base_folder: Path, tmp_path: Path) -> None:
        for path in base_folder.iterdir():
            (tmp_path / path.name).write_bytes(path.read_bytes()[:200])
        failed = launch(model_path=str(tmp_path))
        assert failed.event("failed").data["code"] == "model_broken"

    def test_an_unknown_key_in_the_spec(self, launch: Callable[..., Run]) -> None:
        assert launch(surprise=1).event("failed").data["code"] == "spec_invalid"

    def test_a_silent_lease(self, launch: Callable[..., Run]) -> None:
        silent = launch(lease_checkpoint_seconds=0.5, lease_timeout_seconds=60)
        stopped = silent.event("stopped")
        assert stopped.data["reason"] == "lease"
        assert silent.process.wait(timeout=10) == 0
