"""Checkpoints that a lost attempt announced and did not bring to storage any more."""

import json
import shutil
from pathlib import Path

import pytest
from job_makers import FakeTrainer, end

from common import artifacts
from compute.models import Run
from jobs.models import Attempt, Checkpoint, FineTuningJob
from jobs.training import concluding
from jobs.training.work import Training

pytestmark = pytest.mark.django_db


def newest(job: FineTuningJob) -> Attempt:
    attempt = job.newest_attempt
    assert attempt is not None
    return attempt


def lost(work: Training, trainer: FakeTrainer, job: FineTuningJob) -> Run:
    """Record what the trainer said, lose its node before anything is published, and return the next attempt's Run."""
    work.record(trainer.run, trainer.events)
    concluding.conclude(newest(job), end(trainer.run, "lost").directory, "lost")
    return newest(job).run


def test_one_that_is_made_again_is_published(work: Training, job: FineTuningJob, tmp_path: Path) -> None:
    first = FakeTrainer(newest(job).run).start().step(4).checkpoint(4, valid_loss=0.9)
    run = lost(work, first, job)
    shutil.rmtree(first.directory.root)
    again = FakeTrainer(run).start().step(4).checkpoint(4, valid_loss=0.5)
    work.record(run, again.events)
    work.attend(run, again.directory)
    checkpoint = job.checkpoints.get()
    assert checkpoint.published_at is not None
    assert (checkpoint.attempt.number, checkpoint.metrics["valid_loss"]) == (2, 0.5)
    artifacts.fetch_folder(checkpoint.storage_name, tmp_path / "here")
    assert json.loads((tmp_path / "here" / "progress.json").read_text()) == {"step": 4}


def test_one_from_which_the_next_attempt_goes_on_is_published(work: Training, job: FineTuningJob) -> None:
    run = lost(work, FakeTrainer(newest(job).run).start().step(4).checkpoint(4), job)
    work.prepare(run, run.directory)
    again = FakeTrainer(run).start(resumed_from_step=4).step(5)
    work.record(run, again.events)
    work.attend(run, again.directory)
    assert [one.step for one in job.checkpoints.exclude(published_at=None)] == [4]


def test_a_late_upload_of_the_lost_attempt_does_not_count(work: Training, job: FineTuningJob) -> None:
    first = FakeTrainer(newest(job).run).start().step(4).checkpoint(4)
    run = lost(work, first, job)
    old = Checkpoint.objects.get()
    work.record(run, FakeTrainer(run).start().step(4).checkpoint(4).events)
    assert not old.mark_published(name="jobs/old", num_bytes=1, at=old.created_at)
    assert job.checkpoints.get().published_at is None


def test_a_published_one_stays_as_it_is(work: Training, job: FineTuningJob) -> None:
    first = FakeTrainer(newest(job).run).start().step(4).checkpoint(4, valid_loss=0.9)
    work.record(first.run, first.events)
    work.attend(first.run, first.directory)
    run = lost(work, FakeTrainer(first.run), job)
    again = FakeTrainer(run).start().step(4).checkpoint(4, valid_loss=0.5)
    work.record(run, again.events)
    assert (job.checkpoints.get().attempt.number, job.checkpoints.get().metrics["valid_loss"]) == (1, 0.9)
