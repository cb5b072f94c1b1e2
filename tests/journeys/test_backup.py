"""A backup that is made while a job trains, restored into an empty home: the job goes on there from its checkpoint."""

from pathlib import Path

import pytest

from tests.journeys.data import conversations, jsonl
from tests.journeys.harness import RunningPlatform
from tests.journeys.tiny_job import (
    ROWS,
    SAVE_STEPS,
    attempts_of,
    end_of,
    losses_of,
    start_job,
    undisturbed_losses,
    wait_for_step,
)

pytestmark = [pytest.mark.system, pytest.mark.slow]


def test_a_restored_platform_goes_on_training(homes: Path, tiny_platform: RunningPlatform) -> None:
    key = tiny_platform.api_key()
    client = tiny_platform.client(key)
    data = b"".join(jsonl(conversations(ROWS)))
    file = client.files.create(file=("chats.jsonl", data), purpose="fine-tune")
    undisturbed = undisturbed_losses(client, file.id)
    job = start_job(client, file.id)
    wait_for_step(client, job.id, SAVE_STEPS * 3 // 2)
    backup = homes / "luthier.backup"
    told = tiny_platform.manage("backup", str(backup))
    assert "tables" in told
    tiny_platform.kill_everything()

    restored = RunningPlatform(homes / "restored", environment={"LUTHIER_STARTER_MODEL": ""})
    assert "proven" in restored.manage("restore", str(backup))
    restored.start(seconds=240)
    try:
        again = restored.client(key)
        assert again.files.content(file.id).content == data
        ended = end_of(again, job.id)
        assert ended.status == "succeeded", ended.error
        assert losses_of(again, ended) == undisturbed
        assert attempts_of(again, job.id)[-1]["resumed_from_step"] >= SAVE_STEPS
    finally:
        restored.stop()
    with pytest.raises(AssertionError, match="is not empty"):
        restored.manage("restore", str(backup))
