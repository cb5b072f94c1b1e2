"""A node is drained while a job trains there: the job waits with its checkpoint and goes on once the node is back."""

import httpx
import openai
import pytest

from tests.journeys.data import conversations, jsonl
from tests.journeys.harness import RunningPlatform, wait_until
from tests.journeys.tiny_job import (
    ROWS,
    SAVE_STEPS,
    attempts_of,
    end_of,
    losses_of,
    start_job,
    story_of,
    undisturbed_losses,
    wait_for_step,
)

pytestmark = [pytest.mark.system, pytest.mark.slow]


@pytest.fixture(scope="module")
def client(shared_platform: RunningPlatform) -> openai.OpenAI:
    return shared_platform.client(shared_platform.api_key("drained@example.com", "Drained"))


def test_a_drained_job_goes_on_from_its_checkpoint(shared_platform: RunningPlatform, client: openai.OpenAI) -> None:
    file_id = client.files.create(file=jsonl(conversations(ROWS)), purpose="fine-tune").id
    undisturbed = undisturbed_losses(client, file_id)
    job = start_job(client, file_id)
    wait_for_step(client, job.id, SAVE_STEPS)
    headers = {"Authorization": f"Bearer {client.api_key}"}
    [node] = httpx.get(f"{shared_platform.url}/api/v1/pool", headers=headers).json()["nodes"]
    shared_platform.manage("node", "drain", node["name"])
    try:
        wait_until(
            lambda: client.fine_tuning.jobs.retrieve(job.id).status == "queued", seconds=30, what="the drained job"
        )
        assert "its node takes no work at the moment" in story_of(client, job.id)
        assert len(attempts_of(client, job.id)) <= 2
    finally:
        shared_platform.manage("node", "uncordon", node["name"])
    ended = end_of(client, job.id)
    assert ended.status == "succeeded", story_of(client, job.id)
    assert losses_of(client, ended) == undisturbed
    assert attempts_of(client, job.id)[-1]["resumed_from_step"] >= SAVE_STEPS
