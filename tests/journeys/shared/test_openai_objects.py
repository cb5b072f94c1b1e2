"""OpenAI's other objects with its SDK against real processes: a model trained further, a batch of requests, an eval."""

import json
from typing import Any

import openai
import pytest

from tests.journeys.data import conversations, jsonl
from tests.journeys.harness import RunningPlatform, wait_until
from tests.journeys.tiny_job import end_of

pytestmark = [pytest.mark.system]
VALUES = {"per_device_train_batch_size": 8, "validation_split": 0, "lora_dim": 4, "num_train_epochs": 2}
CHAT = "/v1/chat/completions"
HI = [{"role": "user", "content": "Hi"}]


def losses(client: openai.OpenAI, job_id: str) -> list[float]:
    """Return what each step lost, in order."""
    events: Any = list(client.fine_tuning.jobs.list_events(job_id, limit=100))
    return [one.data["train_loss"] for one in reversed(events) if one.type == "metrics"]


def test_a_model_is_trained_further_asked_by_a_batch_and_evaluated(shared_platform: RunningPlatform) -> None:
    client = shared_platform.client(shared_platform.api_key("stern@example.com", "Stern"))
    file = client.files.create(file=jsonl(conversations(64)), purpose="fine-tune")

    def train(model: str, **values: Any) -> Any:
        asked = {"hyperparameters": {**VALUES, **values}}
        return end_of(client, client.fine_tuning.jobs.create(model=model, training_file=file.id, extra_body=asked).id)

    first = train("tiny")
    assert first.status == "succeeded", first.error
    second = train(first.fine_tuned_model)
    assert (second.status, second.model) == ("succeeded", first.fine_tuned_model), second.error
    assert losses(client, second.id)[0] < losses(client, first.id)[0]

    lines = [
        {
            "custom_id": str(number), "method": "POST", "url": CHAT,
            "body": {"model": second.fine_tuned_model, "max_tokens": 8, "messages": HI},
        }
        for number in range(6)
    ]  # fmt: skip
    requests = client.files.create(file=jsonl(lines), purpose="batch")
    batch = client.batches.create(input_file_id=requests.id, endpoint=CHAT, completion_window="24h")
    wait_until(lambda: client.batches.retrieve(batch.id).status == "completed", seconds=120, what="the batch")
    done = client.batches.retrieve(batch.id)
    assert (done.request_counts.completed, done.request_counts.failed) == (6, 0)
    said = [json.loads(line) for line in client.files.content(done.output_file_id).text.splitlines()]
    assert [one["custom_id"] for one in said] == [str(number) for number in range(6)]
    assert {one["response"]["body"]["model"] for one in said} == {second.fine_tuned_model}

    criterion = {
        "type": "string_check", "name": "same", "input": "{{ sample.output_text }}",
        "reference": said[0]["response"]["body"]["choices"][0]["message"]["content"], "operation": "like",
    }  # fmt: skip
    made = client.evals.create(
        data_source_config={"type": "custom", "item_schema": {"type": "object"}}, testing_criteria=[criterion]
    )
    source: Any = {
        "type": "completions", "model": second.fine_tuned_model,
        "source": {"type": "file_content", "content": [{"item": {"ask": "Hi"}}]},
        "input_messages": {"type": "template", "template": [{"role": "user", "content": "{{ item.ask }}"}]},
        "sampling_params": {"max_completion_tokens": 8},
    }  # fmt: skip
    run = client.evals.runs.create(made.id, data_source=source)
    ends = ("completed", "failed")
    wait_until(lambda: client.evals.runs.retrieve(run.id, eval_id=made.id).status in ends, seconds=120, what="the run")
    found = client.evals.runs.retrieve(run.id, eval_id=made.id)
    assert (found.status, found.result_counts.total) == ("completed", 1), found.error
    [item] = client.evals.runs.output_items.list(run.id, eval_id=made.id)
    assert item.sample.usage.completion_tokens <= 8
