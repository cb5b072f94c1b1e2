"""A job is compared with its base by the real process: every question answered by both, and a verdict of it."""

from typing import Any

import pytest

from tests.journeys.data import conversations, jsonl
from tests.journeys.harness import RunningPlatform, wait_until
from tests.journeys.tiny_job import end_of

pytestmark = [pytest.mark.system, pytest.mark.slow]  # beside other work it computes at the lowest share

VALUES = {"num_train_epochs": 2, "learning_rate": 1e-3, "lora_dim": 4, "validation_split": 0.2}


def test_a_jobs_model_stands_beside_its_base_and_gets_a_verdict(shared_platform: RunningPlatform) -> None:
    client = shared_platform.client(shared_platform.api_key("compare@example.com", "Compare"))
    file = client.files.create(file=jsonl(conversations(64)), purpose="fine-tune")
    asked: Any = {"hyperparameters": VALUES}
    job = end_of(
        client, client.fine_tuning.jobs.create(model="tiny", training_file=file.id, seed=7, extra_body=asked).id
    )
    assert job.status == "succeeded", job.error
    url = f"/../api/v1/jobs/{job.id}/verdict"
    assert client.post(url, cast_to=dict[str, Any])["status"] == "queued"

    def ended() -> Any:
        found: Any = client.get(url, cast_to=dict[str, Any])
        return found if found["status"] in ("succeeded", "failed", "cancelled") else None

    verdict = wait_until(ended, seconds=900, what=f"the verdict on {job.id}")
    path = f"/../api/v1/evaluations/{verdict['evaluation']}"
    found: Any = client.get(path, cast_to=dict[str, Any])
    assert verdict["status"] == "succeeded", found["error"]
    assert (verdict["light"] in ("green", "amber", "red"), verdict["findings"] != []) == (True, True)
    assert [one["name"] for one in found["models"]] == ["tiny", job.fine_tuned_model]
    for model in ("tiny", job.fine_tuned_model):
        figures = found["results"][model]
        assert {"loss", "perplexity", "token_accuracy", "chrf", "exact_match", "general_right"} <= set(figures)
        assert figures["loss"]["low"] <= figures["loss"]["value"] <= figures["loss"]["high"]
    pairs = {pair["metric"]: pair for pair in found["pairs"]}
    assert pairs["loss"]["difference"]["value"] < 0
    samples: Any = client.get(f"{path}/samples?limit=200", cast_to=dict[str, Any])
    assert {len(one["answers"]) for one in samples["data"]} == {2}
    assert found["done"] == found["total"]
