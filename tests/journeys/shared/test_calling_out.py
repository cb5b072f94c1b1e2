"""The end of a job reaches a program elsewhere, through the platform's own processes, though it fails at first."""

import json
from typing import Any

import pytest

from tests.journeys.data import conversations, jsonl
from tests.journeys.harness import RunningPlatform, wait_until
from tests.receiver import Received, receiving

pytestmark = [pytest.mark.system, pytest.mark.slow]


def test_a_job_that_ends_calls_a_program_until_it_listens(shared_platform: RunningPlatform) -> None:
    client = shared_platform.client(shared_platform.api_key("called@example.com", "Called"))
    with receiving() as receiver:
        new = client.webhooks.create(
            url=receiver.url, name="a program", event_types=["fine_tuning.job.succeeded", "fine_tuning.job.cancelled"]
        )
        receiver.answer = lambda came: (503 if len(receiver.received) == 1 else 200, {}, b"")
        file = client.files.create(file=jsonl(conversations(16)), purpose="fine-tune")
        job = client.fine_tuning.jobs.create(model="tiny", training_file=file.id)
        client.fine_tuning.jobs.cancel(job.id)
        came: list[Received] = wait_until(
            lambda: receiver.received[1:] and receiver.received, seconds=60, what="the second call", pause=0.2
        )
    for one in came:
        event = client.webhooks.unwrap(one.body, one.headers, secret=new.signing_secret)
        assert (event.type, event.id) == ("fine_tuning.job.cancelled", one.headers["webhook-id"])
        assert json.loads(one.body)["data"] == {"id": job.id}
    assert len({one.headers["webhook-id"] for one in came}) == 1
    told: Any = client.get("/../api/v1/notifications", cast_to=dict[str, Any])
    assert [(one["type"], one["url"].rpartition("/")[2]) for one in told["data"]] == [
        ("fine_tuning.job.cancelled", job.id)
    ]
