"""An administrator is in the way of a job: drains its node, preempts it, plans maintenance. It loses nothing."""

import time
from typing import Any

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


@pytest.fixture(scope="module")
def admin(shared_platform: RunningPlatform) -> httpx.Client:
    key = shared_platform.api_key("head@example.com", "Heads", admin=True)
    return httpx.Client(base_url=f"{shared_platform.url}/api/v1", headers={"Authorization": f"Bearer {key}"})


def answer_to(reply: httpx.Response) -> Any:
    assert reply.is_success, reply.text
    return reply.json()


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


def test_preempted_by_hand_and_cut_off_by_maintenance_a_job_goes_on_each_time(
    shared_platform: RunningPlatform, client: openai.OpenAI, admin: httpx.Client
) -> None:
    file_id = client.files.create(file=jsonl(conversations(ROWS)), purpose="fine-tune").id
    undisturbed = undisturbed_losses(client, file_id)
    job = start_job(client, file_id)
    wait_for_step(client, job.id, SAVE_STEPS)

    [run] = answer_to(admin.get("/queue", params={"state": "running", "kind": "training"}))["data"]
    said = answer_to(admin.get(f"/queue/{run['id']}/preempt"))
    assert "waits again in its own place in line" in said["message"]
    answer_to(admin.post(f"/queue/{run['id']}/preempt"))
    wait_until(lambda: len(attempts_of(client, job.id)) == 2, seconds=60, what="the second attempt")
    assert "An administrator preempts this." in story_of(client, job.id)

    now = int(time.time())
    window = {"node": run["node"], "begins_at": now - 1, "ends_at": now + 3600, "reason": "New driver"}
    effect = answer_to(admin.post("/maintenance", json={**window, "preview": True}))
    assert effect["drained"] >= 1  # an evaluation, or a model that was asked, may be there as well
    planned = answer_to(admin.post("/maintenance", json=window))
    try:
        wait_until(
            lambda: _why(client, job.id) == "waits_for_the_end_of_maintenance",
            seconds=60, what="the job that maintenance cut off",
        )  # fmt: skip
        [node] = answer_to(admin.get("/pool"))["nodes"]
        assert node["maintenance"]["going_on"] is True
    finally:
        answer_to(admin.delete(f"/maintenance/{planned['id']}"))
    ended = end_of(client, job.id)
    assert ended.status == "succeeded", story_of(client, job.id)
    assert losses_of(client, ended) == undisturbed
    assert all(one["resumed_from_step"] >= SAVE_STEPS for one in attempts_of(client, job.id)[1:])
    done = {one["action"] for one in answer_to(admin.get("/audit", params={"limit": 100}))["data"]}
    assert {"queue.preempted", "maintenance.planned", "maintenance.cancelled"} <= done
    assert "equal to the allocations" in shared_platform.manage("check_ledger")


def _why(client: openai.OpenAI, job_id: str) -> str | None:
    """Return the code of why the job waits; None while it does not."""
    headers = {"Authorization": f"Bearer {client.api_key}"}
    path = f"{str(client.base_url).removesuffix('/v1/')}/api/v1/jobs/{job_id}/queue"
    return answer_to(httpx.get(path, headers=headers))["code"]
