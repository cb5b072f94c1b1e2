"""What a job says when an attempt fails: once, with a checkpoint only where there is one, and what to do next."""

import shutil
from typing import Any

import pytest
from job_makers import FakeTrainer, end, make_job, run_of

from jobs.messages import message
from jobs.models import FineTuningJob
from jobs.services import pause_job, resume_job
from jobs.training.work import Training
from wording import as_written

pytestmark = pytest.mark.django_db

ANEW = "starts over"
NEWEST = "continues from its newest checkpoint"


def lose(work: Training, job: FineTuningJob, *, outcome: str = "lost", why: str = "It was killed.") -> Any:
    """End the newest attempt, and return the event that tells of it."""
    run = end(run_of(job), outcome, code="killed", message=why)
    work.conclude(run, run.directory, outcome)
    job.refresh_from_db()
    return job.events.order_by("-number").first()


@pytest.mark.parametrize("outcome", ["lost", "stopped"])
class TestNextAttempt:
    def test_begins_anew_without_a_checkpoint(self, work: Training, job: FineTuningJob, outcome: str) -> None:
        told = lose(work, job, outcome=outcome)
        assert ANEW in str(told.message)
        assert NEWEST not in str(told.message)

    def test_goes_on_from_a_checkpoint_on_this_disk(self, work: Training, job: FineTuningJob, outcome: str) -> None:
        trainer = FakeTrainer(run_of(job)).start().step(1).checkpoint(1)
        work.record(trainer.run, trainer.events)
        assert NEWEST in str(lose(work, job, outcome=outcome).message)

    def test_goes_on_from_one_in_storage(self, work: Training, job: FineTuningJob, outcome: str) -> None:
        trainer = FakeTrainer(run_of(job)).start().step(1).checkpoint(1)
        work.record(trainer.run, trainer.events)
        work.attend(trainer.run, trainer.directory)
        shutil.rmtree(trainer.directory.root)
        assert NEWEST in str(lose(work, job, outcome=outcome).message)

    def test_does_not_have_one_that_died_with_its_node(self, work: Training, job: FineTuningJob, outcome: str) -> None:
        trainer = FakeTrainer(run_of(job)).start().step(1).checkpoint(1)
        work.record(trainer.run, trainer.events)
        shutil.rmtree(trainer.directory.root)
        assert ANEW in str(lose(work, job, outcome=outcome).message)


def test_a_result_that_is_lost_promises_no_checkpoint_that_is_lost_too(work: Training, job: FineTuningJob) -> None:
    trainer = FakeTrainer(run_of(job)).start().step(10).checkpoint(10).succeed()
    work.record(trainer.run, trainer.events)
    shutil.rmtree(trainer.directory.root)
    assert ANEW in str(lose(work, job, outcome="succeeded").message)


def test_a_paused_job_without_a_checkpoint_says_so_and_begins_anew(
    work: Training, job: FineTuningJob, alice: Any
) -> None:
    trainer = FakeTrainer(run_of(job)).start().step(3)
    work.record(trainer.run, trainer.events)
    pause_job(job=job, by=alice.user)
    assert "before its first checkpoint" in str(lose(work, job, outcome="stopped").message)
    resume_job(job=job, by=alice.user)
    told = job.events.order_by("-number").first()
    assert told is not None
    assert told.message == message("resumed_anew")


def test_a_resumed_job_names_the_step_of_its_checkpoint(work: Training, job: FineTuningJob, alice: Any) -> None:
    trainer = FakeTrainer(run_of(job)).start().step(1).step(2).checkpoint(2).step(3)
    work.record(trainer.run, trainer.events)
    pause_job(job=job, by=alice.user)
    lose(work, job)
    resume_job(job=job, by=alice.user)
    assert job.events.filter(message=message("resumed_after_step", step=2)).exists()


def test_after_the_last_attempt_it_says_what_to_do(work: Training, job: FineTuningJob) -> None:
    for _ in range(3):
        lose(work, job)
    assert job.status == "failed"
    assert "Start it once more as a new job" in str(job.error_message)


def test_a_silent_failure_says_what_to_do(work: Training, job: FineTuningJob) -> None:
    lose(work, job, outcome="failed", why="")
    assert "Start it once more as a new job" in str(job.error_message)


def test_a_failure_is_one_error_event_with_its_code(work: Training, job: FineTuningJob) -> None:
    trainer = FakeTrainer(run_of(job)).start().write("failed", "The loss became nan.", level="error", code="diverged")
    work.record(trainer.run, trainer.events)
    run = end(trainer.run, "failed", code="diverged", message="The loss became nan.")
    work.conclude(run, run.directory, "failed")
    [told] = job.events.filter(message=as_written("The loss became nan."))
    assert (told.level, told.data) == ("error", {"status": "failed", "code": "diverged"})
    assert job.events.filter(level="error").count() == 1


def test_memory_that_runs_out_is_no_error_while_the_job_goes_on(work: Training, alice: Any) -> None:
    job = make_job(alice.team, hyperparameters={"batch_size": 8})
    trainer = FakeTrainer(run_of(job)).start().write("failed", "Memory ran out.", level="error", code="out_of_memory")
    work.record(trainer.run, trainer.events)
    run = end(trainer.run, "failed", code="out_of_memory", message="Memory ran out.")
    work.conclude(run, run.directory, "failed")
    job.refresh_from_db()
    assert job.status == "queued"
    assert not job.events.filter(level="error").exists()
