"""Two deployments idle, then a training and a question to the untuned base: none waits for another, by itself."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest

from tests.journeys.conftest import FULL, TIME_SCALE
from tests.journeys.data import conversations, jsonl
from tests.journeys.harness import RunningPlatform, wait_until
from tests.journeys.tiny_job import end_of, step_of

pytestmark = [pytest.mark.system]

IDLE_SECONDS = 60 * TIME_SCALE
FIRST_STEP_SECONDS, BASE_SECONDS, NAME_SECONDS = 10, 15, 10
VALUES = {"per_device_train_batch_size": 8, "validation_split": 0, "learning_rate": 1e-3, "lora_dim": 4}


def train(client: openai.OpenAI, file_id: str, epochs: int) -> Any:
    asked = {"hyperparameters": {**VALUES, "num_train_epochs": epochs}}
    return client.fine_tuning.jobs.create(model="tiny", training_file=file_id, seed=7, extra_body=asked)


def answer_seconds(client: openai.OpenAI, model: str) -> float:
    """Return how long a short answer takes."""
    started_at = time.monotonic()
    client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "Who are you?"}], temperature=0, max_tokens=8, timeout=90
    )
    return time.monotonic() - started_at


def first_step_seconds(client: openai.OpenAI, file_id: str) -> tuple[str, float]:
    """Return a new training and how long it took to its first step."""
    started_at = time.monotonic()
    job = train(client, file_id, 4 if FULL else 40)
    wait_until(lambda: step_of(client, job.id) >= 1, seconds=120, what="the first step")
    return job.id, time.monotonic() - started_at


def test_idle_deployments_keep_neither_a_training_nor_a_question_waiting(shared_platform: RunningPlatform) -> None:
    client = shared_platform.client(shared_platform.api_key("breath@example.com", "Breath"))
    file = client.files.create(file=jsonl(conversations(64)), purpose="fine-tune")
    tuned = end_of(client, train(client, file.id, 2).id)
    assert tuned.status == "succeeded", tuned.error
    names = ["breath-1", "breath-2"]
    for name in names:
        body = {"name": name, "model": tuned.fine_tuned_model}
        made: Any = client.post("/../api/v1/deployments", body=body, cast_to=dict[str, Any])
        assert (made["accelerators"], made["min_replicas"]) == ("shared", 0)
        answer_seconds(client, name)
    states: Any = client.get("/../api/v1/deployments", cast_to=dict[str, Any])
    assert {one["name"]: one["state"] for one in states["data"]} == dict.fromkeys(names, "answering")

    idle_until = time.monotonic() + IDLE_SECONDS
    wait_until(lambda: time.monotonic() > idle_until, seconds=IDLE_SECONDS + 5, what="idleness")
    with ThreadPoolExecutor(2) as pool:
        training = pool.submit(first_step_seconds, client, file.id)
        base = pool.submit(answer_seconds, client, "tiny")
        base_seconds, (job_id, step_seconds) = base.result(), training.result()
    assert step_seconds <= FIRST_STEP_SECONDS
    assert base_seconds <= BASE_SECONDS
    for name in names:
        assert answer_seconds(client, name) <= NAME_SECONDS
    assert end_of(client, job_id).status == "succeeded"
    for one in states["data"]:
        client.delete(f"/../api/v1/deployments/{one['id']}", cast_to=dict[str, Any])
