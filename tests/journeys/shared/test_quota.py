"""Two teams with a quota of one accelerator each: never two Runs of one team at once, and never a foreign id."""

import threading
from typing import Any

import openai
import pytest

from tests.journeys.conftest import FULL
from tests.journeys.data import conversations, jsonl
from tests.journeys.harness import RunningPlatform
from tests.journeys.tiny_job import end_of

pytestmark = [pytest.mark.system]

HYPERPARAMETERS = {"num_train_epochs": 8, "per_device_train_batch_size": 8, "validation_split": 0}


@pytest.fixture(scope="module")
def keys(shared_platform: RunningPlatform) -> dict[str, str]:
    found = {}
    for team in ("Violins", "Cellos"):
        found[team] = shared_platform.api_key(f"{team.lower()}@example.com", team)
        shared_platform.manage("set_quota", "--team", team, "--accelerators", "1")
    return found


def start(client: openai.OpenAI, file_id: str) -> Any:
    return client.fine_tuning.jobs.create(
        model="tiny", training_file=file_id, extra_body={"hyperparameters": HYPERPARAMETERS, "accelerators": 1}
    )


def test_never_two_runs_of_one_team_at_once(shared_platform: RunningPlatform, keys: dict[str, str]) -> None:
    clients = {team: shared_platform.client(key) for team, key in keys.items()}
    jobs: dict[str, list[Any]] = {}
    for team, client in clients.items():
        file = client.files.create(file=jsonl(conversations(32)), purpose="fine-tune")
        jobs[team] = [start(client, file.id) for _ in range(3 if FULL else 2)]
    admin = shared_platform.client(shared_platform.api_key("admin@example.com", "Makers", admin=True))
    over_quota: list[Any] = []
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(0.3):
            pool = admin.get("/../api/v1/pool", cast_to=dict[str, Any])
            over_quota.extend(team for team in pool["teams"] if team["name"] in keys and team["in_use"] > 1)

    watch = threading.Thread(target=sample)
    watch.start()
    try:
        for team, client in clients.items():
            for job in jobs[team]:
                assert end_of(client, job.id).status == "succeeded"
    finally:
        ended.set()
        watch.join()
    assert over_quota == []


def test_a_foreign_id_is_a_404_on_every_route(shared_platform: RunningPlatform, keys: dict[str, str]) -> None:
    owner, stranger = (shared_platform.client(key) for key in keys.values())
    file = owner.files.create(file=jsonl(conversations(32)), purpose="fine-tune")
    job = end_of(owner, start(owner, file.id).id)
    deployment = owner.post(
        "/../api/v1/deployments",
        body={"name": "violin", "model": job.fine_tuned_model, "accelerators": 1},
        cast_to=dict[str, Any],
    )
    v1, ours = "", "/../api/v1"
    routes = [
        ("get", f"{v1}/files/{file.id}"), ("get", f"{v1}/files/{file.id}/content"), ("delete", f"{v1}/files/{file.id}"),
        ("get", f"{ours}/files/{file.id}/faults"), ("get", f"{ours}/files/{file.id}/rows"),
        ("get", f"{ours}/files/{file.id}/rows/0/tokens?model=tiny"),
        ("get", f"{v1}/files/{job.result_files[0]}/content"),
        ("get", f"{v1}/fine_tuning/jobs/{job.id}"), ("post", f"{v1}/fine_tuning/jobs/{job.id}/cancel"),
        ("post", f"{v1}/fine_tuning/jobs/{job.id}/pause"), ("post", f"{v1}/fine_tuning/jobs/{job.id}/resume"),
        ("get", f"{v1}/fine_tuning/jobs/{job.id}/events"), ("get", f"{v1}/fine_tuning/jobs/{job.id}/checkpoints"),
        ("get", f"{ours}/jobs/{job.id}/command"), ("get", f"{ours}/jobs/{job.id}/log"),
        ("get", f"{v1}/models/{job.fine_tuned_model}"), ("delete", f"{v1}/models/{job.fine_tuned_model}"),
        ("get", f"{ours}/deployments/{deployment['id']}"), ("delete", f"{ours}/deployments/{deployment['id']}"),
    ]  # fmt: skip
    for method, path in routes:
        with pytest.raises(openai.NotFoundError):
            getattr(stranger, method)(path, cast_to=dict[str, Any])
    for body in (
        {"model": "tiny", "training_file": file.id},
        {"model": job.fine_tuned_model, "training_file": file.id},
    ):
        with pytest.raises(openai.NotFoundError):
            stranger.post("/fine_tuning/jobs", body=body, cast_to=dict[str, Any])
    for model in (job.fine_tuned_model, "violin"):
        with pytest.raises(openai.NotFoundError):
            stranger.chat.completions.create(model=model, messages=[{"role": "user", "content": "hi"}])
    assert job.id not in [other.id for other in stranger.fine_tuning.jobs.list()]
    assert file.id not in [other.id for other in stranger.files.list()]
    assert owner.files.retrieve(file.id).id == file.id
    owner.delete(f"/../api/v1/deployments/{deployment['id']}", cast_to=dict[str, Any])
