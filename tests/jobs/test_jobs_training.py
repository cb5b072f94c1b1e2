"""An attempt from its run directory to its consequences, with a trainer that only writes."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from job_makers import FakeTrainer, end, fresh, hold, make_job, run_of

from chat import ChatFormat, TokenCache
from common import artifacts
from compute.models import Run
from compute.work import TryAgain, WorkError, work_for
from datasets_app import services as files
from jobs.models import FineTuningJob, JobEvent
from jobs.training import concluding, reading_data
from jobs.training.recording import is_kept
from jobs.training.work import Training
from rundir import Event
from trainer.spec import TrainingSpec
from wording import as_written

pytestmark = pytest.mark.django_db


class TestRegistration:
    def test_compute_knows_the_kind(self) -> None:
        assert isinstance(work_for("training"), Training)


class TestPrepare:
    def test_fills_the_run_directory(self, work: Training, job: FineTuningJob, chat_folder: Path) -> None:
        run = hold(run_of(job), devices=2)
        work.prepare(run, run.directory)
        spec = TrainingSpec.from_json(run.directory.read_spec())
        assert (spec.run_id, spec.model_path, spec.model_name) == (run.pk, str(chat_folder), "tiny")
        assert (spec.world_size, spec.threads) == (1, 2)
        assert spec.lease_timeout_seconds is not None
        assert spec.hyperparameters.lora_dim == job.hyperparameters["lora_dim"]
        assert len(TokenCache.open(run.directory.data / "train")) == 20
        baked = ChatFormat.load(run.directory.chat)
        assert baked.own_system_prompt is None, "the choice of system prompt lies in the template"
        assert len(spec.probes) >= 4
        assert spec.probes[0] == [{"role": "user", "content": "Question 0"}]

    def test_twice_gives_the_same(self, work: Training, job: FineTuningJob) -> None:
        run = hold(run_of(job), devices=1)
        work.prepare(run, run.directory)
        before = run.directory.spec.read_bytes()
        work.prepare(run, run.directory)
        assert run.directory.spec.read_bytes() == before

    def test_the_command_is_the_trainer_and_its_folder(self, work: Training, job: FineTuningJob) -> None:
        run = run_of(job)
        assert work.command(run, run.directory).argv[1:] == ("-m", "trainer", str(run.directory.root))

    def test_gpus_are_ranks_and_share_the_batch(self, work: Training, alice: Any) -> None:
        job = make_job(alice.team, hyperparameters={"per_device_train_batch_size": 2, "gradient_accumulation_steps": 3})
        run = hold(run_of(job), devices=4, kind="cuda")
        work.prepare(run, run.directory)
        spec = TrainingSpec.from_json(run.directory.read_spec())
        assert (spec.world_size, spec.threads) == (4, None)
        assert fresh(job).batch_size == 24
        second = self._next_attempt(job)
        hold(second, devices=3, kind="cuda")
        work.prepare(second, second.directory)
        again = TrainingSpec.from_json(second.directory.read_spec())
        chosen = again.hyperparameters
        batch = again.world_size * chosen.per_device_train_batch_size * chosen.gradient_accumulation_steps
        assert batch == 24, "other devices, the same batches"

    @staticmethod
    def _next_attempt(job: FineTuningJob) -> Run:
        run_of(job).allocations.all().delete()
        attempt = job.newest_attempt
        assert attempt is not None
        concluding.conclude(attempt, end(attempt.run, "lost").directory, "lost")
        return run_of(job)

    def test_takes_the_newest_checkpoint_of_an_earlier_attempt(self, work: Training, job: FineTuningJob) -> None:
        trainer = FakeTrainer(run_of(job)).start().step(1).checkpoint(2).checkpoint(4)
        (trainer.directory.checkpoint(4) / "progress.json").write_text('{"step": 5}')
        second = self._next_attempt(job)
        work.prepare(second, second.directory)
        steps = [path.name for path in second.directory.checkpoints.iterdir()]
        assert steps == ["step-2"], "the damaged one is passed over"

    def test_takes_a_published_checkpoint_when_the_folder_is_gone(self, work: Training, job: FineTuningJob) -> None:
        trainer = FakeTrainer(run_of(job)).start().step(1).checkpoint(2).checkpoint(4)
        work.record(trainer.run, trainer.events)
        work.attend(trainer.run, trainer.directory)
        shutil.rmtree(trainer.directory.root)
        second = self._next_attempt(job)
        work.prepare(second, second.directory)
        progress = json.loads((second.directory.checkpoint(4) / "progress.json").read_text())
        assert progress == {"step": 4}

    def test_a_deleted_file_is_a_sentence(self, work: Training, job: FineTuningJob) -> None:
        run = hold(run_of(job), devices=1)
        shutil.rmtree(reading_data.tokens_of(job, job.hyperparameters).train.parent)
        files.store.storage().delete(job.training_file.storage_name)  # type: ignore[union-attr]
        with pytest.raises(WorkError, match=r"chats\.jsonl"):
            work.prepare(run, run.directory)


class TestRecord:
    def test_a_started_attempt_is_told_first_and_the_job_runs(self, work: Training, job: FineTuningJob) -> None:
        trainer = FakeTrainer(run_of(job)).start().step(1)
        work.record(trainer.run, trainer.events)
        job = fresh(job)
        assert (job.status, job.current_step, job.total_steps) == ("running", 1, 10)
        assert job.started_at is not None
        first, second = JobEvent.objects.filter(attempt__isnull=False).order_by("seq")
        names = (
            "attempt device dtype threads trainable_parameters total_parameters target_modules zero_stage world_size"
        )
        assert {*names.split(), "total_steps", "resumed_from_step"} <= set(first.data)
        assert first.type == "message"
        assert second.type == "metrics"
        assert set(second.data) == {
            "step", "total_steps", "train_loss", "learning_rate", "tokens_per_second", "peak_memory_bytes",
            "tokens_so_far",
        }  # fmt: skip

    def test_the_same_batch_twice_changes_nothing(self, work: Training, job: FineTuningJob) -> None:
        trainer = FakeTrainer(run_of(job)).start().step(1).step(2).checkpoint(2)
        work.record(trainer.run, trainer.events)
        before = list(JobEvent.objects.order_by("number").values())
        work.record(trainer.run, trainer.events)
        work.record(trainer.run, trainer.events[1:3])
        assert list(JobEvent.objects.order_by("number").values()) == before
        assert [event["number"] for event in before] == list(range(1, len(before) + 1))
        assert job.checkpoints.count() == 1

    def test_batches_of_any_size_give_the_same_events(self, work: Training, alice: Any) -> None:
        told = []
        for size in (1, 100):
            job = make_job(alice.team)
            events = FakeTrainer(run_of(job)).start().step(1).step(2).checkpoint(2).step(3).events
            for start in range(0, len(events), size):
                work.record(run_of(job), events[start : start + size])
            told.append([(e.type, e.seq, e.data) for e in job.events.filter(attempt__isnull=False).order_by("number")])
        assert told[0] == told[1]

    def test_predicts_the_end_for_the_job_and_the_queue(self, work: Training, job: FineTuningJob) -> None:
        run = run_of(job)
        data = {"resumed_from_step": 0, "total_steps": 10, "world_size": 1}
        metrics = {"step": 5, "total_steps": 10, "train_loss": 1.0}
        work.record(run, [
            Event(seq=1, at=1000.0, type="started", data=data), Event(seq=2, at=1050.0, type="metrics", data=metrics)
        ])  # fmt: skip
        run.refresh_from_db()
        assert fresh(job).estimated_finish.timestamp() == 1100  # type: ignore[union-attr]
        assert run.predicted_end_at is not None
        assert run.predicted_end_at.timestamp() == 1100

    def test_long_trainings_are_thinned(self) -> None:
        assert all(is_kept(step, 1000) for step in range(1, 1001))
        kept = [step for step in range(1, 100_001) if is_kept(step, 100_000)]
        assert 1000 <= len(kept) <= 1002
        assert kept[0] == 1
        assert kept[-1] == 100_000

    def test_thinned_steps_leave_no_gap_in_numbers(self, work: Training, job: FineTuningJob) -> None:
        trainer = FakeTrainer(run_of(job), total_steps=5000).start()
        for step in range(1, 21):
            trainer.step(step)
        work.record(trainer.run, trainer.events)
        steps = [e.data["step"] for e in job.events.filter(type="metrics").order_by("number")]
        assert steps == [1, 5, 10, 15, 20]
        numbers = list(job.events.order_by("number").values_list("number", flat=True))
        assert numbers == list(range(1, len(numbers) + 1))
        assert fresh(job).current_step == 20

    def test_what_is_said_before_the_start_belongs_to_the_job(self, work: Training, job: FineTuningJob) -> None:
        trainer = FakeTrainer(run_of(job)).write("stage", "Loading.")
        work.record(trainer.run, trainer.events)
        assert job.events.filter(attempt__isnull=False).count() == 0
        assert job.events.filter(message=as_written("Loading.")).count() == 1


class TestAttend:
    def test_publishes_checkpoints_once_and_the_log(self, work: Training, job: FineTuningJob) -> None:
        trainer = FakeTrainer(run_of(job)).start().step(1).checkpoint(1)
        trainer.directory.log.write_text("words\n")
        work.record(trainer.run, trainer.events)
        work.attend(trainer.run, trainer.directory)
        work.attend(trainer.run, trainer.directory)
        [checkpoint] = job.checkpoints.all()
        assert checkpoint.published_at is not None
        assert artifacts.folder_exists(checkpoint.storage_name)
        assert artifacts.storage().exists(f"jobs/{job.pk}/attempts/1/log.txt")

    def test_a_checkpoint_that_is_gone_is_left_out(self, work: Training, job: FineTuningJob) -> None:
        trainer = FakeTrainer(run_of(job)).start().step(1).checkpoint(1)
        work.record(trainer.run, trainer.events)
        shutil.rmtree(trainer.directory.checkpoint(1))
        work.attend(trainer.run, trainer.directory)
        assert job.checkpoints.count() == 0

    def test_storage_that_is_away_is_tried_again(
        self, work: Training, job: FineTuningJob, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        trainer = FakeTrainer(run_of(job)).start().step(1).checkpoint(1)
        work.record(trainer.run, trainer.events)
        with monkeypatch.context() as patch:
            patch.setattr(FileSystemStorage, "save", _away)
            with pytest.raises(TryAgain):
                work.attend(trainer.run, trainer.directory)
        work.attend(trainer.run, trainer.directory)
        assert job.checkpoints.exclude(published_at=None).count() == 1


def _away(*args: Any, **options: Any) -> Any:
    raise ConnectionError("storage is away")
