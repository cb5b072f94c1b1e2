"""The cast and home of the jobs' tests, with a tuned model of Alice's to evaluate."""

import json
from pathlib import Path
from typing import Any

import pytest

from accounts.models import Team
from catalogue.models import BaseModel
from common import artifacts
from evaluations.running import preparing
from jobs.models import Checkpoint, FineTuningJob, TunedModel
from jobs.tuned_models import adapter_id, model_name
from rundir import sha256_of_file, write_manifest
from rundir.manifest import NAME as MANIFEST
from tests.evaluations.evaluation_makers import FakeProcess
from tests.jobs import conftest as of_jobs
from tests.jobs.conftest import Member
from tests.jobs.job_makers import make_job, write_chat_files

home, chat_folder, base, alice, charlie = (
    of_jobs.home, of_jobs.chat_folder, of_jobs.base, of_jobs.alice, of_jobs.charlie,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _models_are_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "bring_model", lambda base, run: None)


def publish_tuned(job: FineTuningJob, folder: Path) -> TunedModel:
    """Give the job its result in object storage, as concluding does."""
    folder.mkdir()
    write_chat_files(folder)
    (folder / "model.safetensors").unlink()
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA"}))
    (folder / "probe").mkdir()
    (folder / "probe" / "probe.json").write_text("{}")
    write_manifest(folder)
    artifacts.publish_folder(folder, f"adapters/{adapter_id(job)}")
    name = model_name(job)
    FineTuningJob.objects.filter(pk=job.pk).update(status="succeeded", fine_tuned_model=name)
    return TunedModel.objects.create(
        pk=adapter_id(job), job=job, team=job.team, base_model=job.base_model, name=name, result="adapter",
        storage_name=f"adapters/{adapter_id(job)}", sha256=sha256_of_file(folder / MANIFEST), chat_hash="c" * 64,
    )  # fmt: skip


def publish_checkpoint(job: FineTuningJob, folder: Path, step: int) -> Checkpoint:
    folder.mkdir()
    (folder / "state-00000.safetensors").write_bytes(b"state")
    (folder / "adapter").mkdir()
    write_chat_files(folder / "adapter")
    (folder / "adapter" / "model.safetensors").rename(folder / "adapter" / "adapter_model.safetensors")
    write_manifest(folder)
    name = f"{job.storage_name}/checkpoints/step-{step}"
    artifacts.publish_folder(folder, name)
    attempt = job.newest_attempt
    assert attempt is not None
    return Checkpoint.objects.create(
        job=job, attempt=attempt, step=step, storage_name=name, published_at=job.created_at, metrics={}
    )


@pytest.fixture
def tuned(alice: Member, tmp_path: Path) -> TunedModel:
    """Alice's, made from twenty rows."""
    return publish_tuned(make_job(alice.team, by=alice.user, suffix="violin"), tmp_path / "tuned")


@pytest.fixture
def process() -> type[FakeProcess]:
    return FakeProcess


def of_team(team: Team, base: BaseModel, **fields: Any) -> FineTuningJob:
    return FineTuningJob.objects.create(team=team, base_model=base, **fields)
