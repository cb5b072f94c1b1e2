"""How many checkpoints of a job stay in storage: the newest, and the best."""

import json
from typing import Any

import pytest
from django.test import Client
from job_makers import FakeTrainer, make_job

from common import artifacts
from compute.work import TryAgain
from jobs.models import FineTuningJob
from jobs.training.work import Training
from jobs.web.command import arguments_of
from trainer.spec import TrainingSpec

pytestmark = pytest.mark.django_db


def train_to(job: FineTuningJob, losses: dict[int, float | None]) -> FakeTrainer:
    """Have checkpoints written at these steps, one after the other, and published."""
    attempt = job.newest_attempt
    assert attempt is not None
    trainer = FakeTrainer(attempt.run).start().step(max(losses))
    for step, loss in losses.items():
        before = len(trainer.events)
        trainer.checkpoint(step, valid_loss=loss)
        Training().record(trainer.run, trainer.events[before:])
        Training().attend(trainer.run, trainer.directory)
    return trainer


def in_storage(job: FineTuningJob) -> list[int]:
    folder = f"{job.storage_name}/checkpoints"
    names = artifacts.storage().listdir(folder)[0]
    return sorted(int(name.removeprefix("step-")) for name in names if artifacts.folder_exists(f"{folder}/{name}"))


@pytest.mark.parametrize(
    ("limit", "kept"), [(1, [4, 10]), (2, [4, 8, 10]), (4, [4, 6, 8, 10]), (0, [2, 4, 6, 8, 10]), (9, [2, 4, 6, 8, 10])]
)
def test_the_newest_stay_and_the_best(alice: Any, limit: int, kept: list[int]) -> None:
    job = make_job(alice.team, hyperparameters={"save_total_limit": limit})
    train_to(job, {2: 0.9, 4: 0.1, 6: 0.5, 8: 0.6, 10: 0.7})
    client = Client()
    client.force_login(alice.user)
    listed = client.get(f"/v1/fine_tuning/jobs/{job.pk}/checkpoints").json()["data"]
    assert [row["step_number"] for row in listed] == kept[::-1]
    assert in_storage(job) == kept


def test_three_stay_where_nothing_is_said(alice: Any) -> None:
    job = make_job(alice.team)
    run = train_to(job, dict.fromkeys((2, 4, 6, 8))).run
    assert in_storage(job) == [4, 6, 8]
    Training().prepare(run, run.directory)
    assert TrainingSpec.from_json(json.loads(run.directory.spec.read_bytes())).keep_checkpoints == 3
    arguments = arguments_of(job)
    assert arguments[arguments.index("--save_total_limit") + 1] == "3"


def test_storage_that_is_away_loses_nothing(alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    job = make_job(alice.team, hyperparameters={"save_total_limit": 1})
    with monkeypatch.context() as patched:
        patched.setattr(artifacts, "delete_folder", lambda name: (_ for _ in ()).throw(OSError("away")))
        with pytest.raises(TryAgain, match="did not delete"):
            train_to(job, {2: None, 4: None})
    assert sorted(job.checkpoints.values_list("step", flat=True)) == [2, 4]
    train_to(job, {6: None})
    assert in_storage(job) == [6]
    assert list(job.checkpoints.values_list("step", flat=True)) == [6]
