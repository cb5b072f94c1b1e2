"""A team borrows what is idle and gives it back: preempted, queued again, resumed with the losses of a whole run."""

import time
from typing import Any

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
    wait_for_step,
)

pytestmark = [pytest.mark.system]

A, B = "Claimants", "Borrowers"
WITHIN_SECONDS = 15


@pytest.fixture(scope="module")
def clients(shared_platform: RunningPlatform) -> dict[str, openai.OpenAI]:
    found = {}
    for team in (A, B):
        key = shared_platform.api_key(f"{team.lower()}@example.com", team)
        found[team] = shared_platform.client(key)
    return found


def upload(client: openai.OpenAI) -> str:
    return client.files.create(file=jsonl(conversations(ROWS)), purpose="fine-tune").id


def status_of(client: openai.OpenAI, job: Any) -> str:
    return client.fine_tuning.jobs.retrieve(job.id).status


def test_a_borrower_gives_way_within_seconds_and_loses_nothing(
    shared_platform: RunningPlatform, clients: dict[str, openai.OpenAI]
) -> None:
    lent, own = clients[B], clients[A]
    file_id, own_file = upload(lent), upload(own)
    shared_platform.manage("set_quota", "--team", B, "--guaranteed", "1", "--ceiling", "2")
    shared_platform.manage("set_quota", "--team", A, "--guaranteed", "1")
    try:
        first, second = start_job(lent, file_id), start_job(lent, file_id)
        for job in (first, second):
            wait_for_step(lent, job.id, SAVE_STEPS)
        asked_at = time.monotonic()
        claim = start_job(own, own_file)
        wait_until(
            lambda: "queued" in (status_of(lent, first), status_of(lent, second)),
            seconds=WITHIN_SECONDS, what="a preempted job",
        )  # fmt: skip
        preempted = time.monotonic() - asked_at
        jobs = (first, second)
        [back] = [job for job in jobs if status_of(lent, job) == "queued"]
        [stays] = [job for job in jobs if job is not back]
        wait_until(lambda: status_of(own, claim) in ("running", "succeeded"), seconds=60, what="the guaranteed job")
        assert end_of(own, claim.id).status == "succeeded"
        ends = [end_of(lent, job.id) for job in jobs]
        for ended in ends:
            assert ended.status == "succeeded", story_of(lent, ended.id)
        assert losses_of(lent, ends[0]) == losses_of(lent, ends[1])
        print(f"preempted after {preempted:.1f} s")
        assert len(attempts_of(lent, stays.id)) == 1
        again = attempts_of(lent, back.id)
        assert again[-1]["resumed_from_step"] >= SAVE_STEPS
        story = story_of(lent, back.id)
        assert "another team needs what it is guaranteed" in story
        assert A not in story
        assert "losses may differ" not in story
        assert "equal to the allocations" in shared_platform.manage("check_ledger")
    finally:
        for team in (A, B):
            shared_platform.manage("set_quota", "--team", team, "--guaranteed", "0", "--ceiling", "none")
