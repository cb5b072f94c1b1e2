"""How an attempt ends: its result becomes a tuned model, once, or its job goes on, stops or fails in a sentence."""

import io
import shutil
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.utils import timezone
from job_makers import FakeTrainer, end, fresh, hold, make_file, make_job, run_of

from chat import SystemChoice
from common.errors import UserError
from compute.administering.idle_work import watch_idle_work
from compute.administering.preempting import preempt
from compute.models import Node, Run
from compute.work import TryAgain
from datasets_app import services as files
from jobs.models import Attempt, FineTuningJob, TunedModel
from jobs.services import cancel_job, pause_job, resume_job
from jobs.training import reading_data
from jobs.training.work import Training
from jobs.tuned_models import local_folder

pytestmark = pytest.mark.django_db


def succeeded(work: Training, job: FineTuningJob) -> Run:
    trainer = FakeTrainer(run_of(job)).start().step(10).checkpoint(10).succeed()
    work.record(trainer.run, trainer.events)
    return end(trainer.run, "succeeded")


class TestSucceed:
    def test_makes_a_tuned_model_with_its_files(self, work: Training, job: FineTuningJob) -> None:
        run = succeeded(work, job)
        work.conclude(run, run.directory, "succeeded")
        job = fresh(job)
        assert (job.status, job.trained_tokens, job.estimated_finish) == ("succeeded", 500, None)
        assert job.fine_tuned_model == f"ft:tiny:violins:violin:{job.pk.removeprefix('ftjob-')[:8]}"
        adapter = TunedModel.objects.get()
        assert (adapter.name, adapter.result, adapter.chat_hash) == (job.fine_tuned_model, "adapter", "c" * 64)
        found = {file.filename: file for file in job.result_files.all()}
        assert set(found) == {"adapter.zip", "metrics.csv"}
        with zipfile.ZipFile(io.BytesIO(files.open_file(found["adapter.zip"]).read())) as archive:
            assert set(archive.namelist()) == {"adapter_model.safetensors", "probe/probe.json", "luthier.json"}
        assert not run.directory.checkpoints.exists(), "a finished job's checkpoints lie in storage alone"

    def test_twice_is_once(self, work: Training, job: FineTuningJob) -> None:
        run = succeeded(work, job)
        work.conclude(run, run.directory, "succeeded")
        events = job.events.count()
        work.conclude(run, run.directory, "succeeded")
        assert (TunedModel.objects.count(), job.result_files.count(), job.events.count()) == (1, 2, events)

    @pytest.mark.parametrize("broken_after", range(8))
    def test_storage_that_breaks_at_any_point_is_tried_again_and_nothing_is_doubled(
        self, work: Training, job: FineTuningJob, monkeypatch: pytest.MonkeyPatch, broken_after: int
    ) -> None:
        run = succeeded(work, job)
        calls, save = [0], FileSystemStorage.save

        def sometimes(self: Any, *args: Any, **options: Any) -> Any:
            calls[0] += 1
            if calls[0] > broken_after:
                raise ConnectionError("storage is away")
            return save(self, *args, **options)

        with monkeypatch.context() as patch:
            patch.setattr(FileSystemStorage, "save", sometimes)
            try:
                work.conclude(run, run.directory, "succeeded")
            except TryAgain:
                assert fresh(job).status == "running"
        work.conclude(run, run.directory, "succeeded")
        assert fresh(job).status == "succeeded"
        assert job.attempts.count() == 1, "never retrained"
        assert sorted(job.result_files.values_list("filename", flat=True)) == ["adapter.zip", "metrics.csv"]

    def test_local_folder_comes_from_storage_when_it_is_gone(
        self, work: Training, job: FineTuningJob, home: Path
    ) -> None:
        run = succeeded(work, job)
        work.conclude(run, run.directory, "succeeded")
        adapter = TunedModel.objects.get()
        assert (local_folder(adapter) / "luthier.json").exists()
        shutil.rmtree(home / "adapters")
        shutil.rmtree(home / "runs")
        assert (local_folder(adapter) / "adapter_model.safetensors").read_bytes() == b"weights"
        shutil.rmtree(home / "adapters")
        (home / "storage" / "artifacts" / adapter.storage_name / "adapter_model.safetensors").write_bytes(b"WEIGHTS")
        with pytest.raises(UserError, match="cannot be loaded"):
            local_folder(adapter)

    def test_a_result_that_is_gone_with_its_node_is_trained_again(self, work: Training, job: FineTuningJob) -> None:
        run = succeeded(work, job)
        shutil.rmtree(run.directory.root)
        work.conclude(run, run.directory, "succeeded")
        assert fresh(job).status == "queued"
        assert job.attempts.count() == 2

    def test_two_jobs_whose_short_ids_are_equal_get_two_names(self, work: Training, alice: Any) -> None:
        file = make_file(alice.team)
        names = []
        for letter in "AB":
            FineTuningJob.objects.filter(pk=f"ftjob-12345678{letter}").delete()
            job = make_job(alice.team, training_file=file.pk, is_queued=False)
            FineTuningJob.objects.filter(pk=job.pk).delete()
            job.pk = f"ftjob-12345678{letter}"
            job.save(force_insert=True)
            reading_data.advance(job.pk)
            run = succeeded(work, fresh(job))
            work.conclude(run, run.directory, "succeeded")
            names.append(fresh(job).fine_tuned_model)
        assert names == ["ft:tiny:violins::12345678", "ft:tiny:violins::12345678B"]


class TestOtherEnds:
    def test_a_failure_keeps_sentence_code_and_log(self, work: Training, job: FineTuningJob) -> None:
        trainer = FakeTrainer(run_of(job)).start()
        trainer.directory.log.write_text("\n".join(f"line {n}" for n in range(100)))
        run = end(trainer.run, "failed", code="diverged", message="The loss became nan at step 1.")
        work.conclude(run, run.directory, "failed")
        job = fresh(job)
        assert (job.status, job.error_code, str(job.error_message)) == (
            "failed",
            "diverged",
            "The loss became nan at step 1.",
        )
        assert job.error_log.splitlines()[-1] == "line 99"
        assert len(job.error_log.splitlines()) == 40

    @pytest.mark.parametrize("reason", ["drain", "yield", "expire", ""])
    def test_a_stop_that_nobody_wished_is_resumed(self, work: Training, job: FineTuningJob, reason: str) -> None:
        trainer = FakeTrainer(run_of(job)).start()
        work.record(trainer.run, trainer.events)
        work.conclude(end(trainer.run, "stopped", reason=reason), trainer.directory, "stopped")
        assert fresh(job).status == "queued"
        assert [a.number for a in job.attempts.order_by("number")] == [1, 2]

    def test_twice_makes_one_next_attempt(self, work: Training, job: FineTuningJob) -> None:
        run = end(run_of(job), "lost")
        work.conclude(run, run.directory, "lost")
        work.conclude(run, run.directory, "lost")
        assert job.attempts.count() == 2

    def test_a_cancelled_job_ends(self, work: Training, job: FineTuningJob, alice: Any) -> None:
        cancel_job(job=job, by=alice.user)
        run = end(run_of(job), "stopped", reason="cancel")
        work.conclude(run, run.directory, "stopped")
        assert fresh(job).status == "cancelled"
        assert job.attempts.count() == 1

    def test_a_cancellation_that_comes_too_late_leaves_a_success(
        self, work: Training, job: FineTuningJob, alice: Any
    ) -> None:
        run = succeeded(work, job)
        cancel_job(job=fresh(job), by=alice.user)
        work.conclude(run, run.directory, "succeeded")
        assert fresh(job).status == "succeeded"

    def test_a_lost_attempt_of_a_cancelled_job_is_not_repeated(
        self, work: Training, job: FineTuningJob, alice: Any
    ) -> None:
        cancel_job(job=job, by=alice.user)
        run = end(run_of(job), "lost")
        work.conclude(run, run.directory, "lost")
        assert fresh(job).status == "cancelled"

    def test_pause_and_resume(self, work: Training, job: FineTuningJob, alice: Any) -> None:
        trainer = FakeTrainer(run_of(job)).start().step(3)
        work.record(trainer.run, trainer.events)
        pause_job(job=fresh(job), by=alice.user)
        work.conclude(end(trainer.run, "stopped", reason="pause"), trainer.directory, "stopped")
        job = fresh(job)
        assert (job.status, job.pause_requested_at) == ("paused", None)
        assert resume_job(job=job, by=alice.user).status == "queued"
        assert job.attempts.count() == 2

    def test_three_losses_without_a_new_step_fail_with_the_reason(self, work: Training, job: FineTuningJob) -> None:
        message = "The trainer was killed by SIGKILL."
        for _ in range(3):
            assert fresh(job).status == "queued"
            run = end(run_of(job), "lost", code="killed", message=message)
            work.conclude(run, run.directory, "lost")
        job = fresh(job)
        assert (job.status, job.error_code) == ("failed", "killed")
        assert message in str(job.error_message)

    def test_losses_with_progress_go_on(self, work: Training, job: FineTuningJob) -> None:
        for step in range(1, 6):
            trainer = FakeTrainer(run_of(job)).start(resumed_from_step=step - 1).step(step)
            work.record(trainer.run, trainer.events)
            work.conclude(end(trainer.run, "lost"), trainer.directory, "lost")
        assert fresh(job).status == "queued"
        assert Attempt.objects.count() == 6

    def test_the_chat_choice_is_one_for_the_whole_job(self, job: FineTuningJob) -> None:
        assert job.system_choice == SystemChoice("none")


class TestStopped:
    def test_a_preempted_job_is_queued_again_and_told_why_without_names(
        self, work: Training, job: FineTuningJob
    ) -> None:
        run = run_of(job)
        work.record(run, FakeTrainer(run).start().step(1).checkpoint(1).events)
        work.conclude(end(run, "stopped", reason="preempt"), run.directory, "stopped")
        assert fresh(job).status == "queued"
        said = str(job.events.order_by("-number")[0].message)
        assert "another team needs what it is guaranteed" in said
        assert "continues from its newest checkpoint" in said

    def test_one_preempted_by_hand_is_queued_again_in_its_place_and_told_so(
        self, work: Training, job: FineTuningJob
    ) -> None:
        run = hold(run_of(job), devices=1)
        work.record(run, FakeTrainer(run).start().step(1).checkpoint(1).events)
        Run.objects.filter(pk=run.pk).update(state="running")
        preempt(run_id=run.pk, by=job.created_by)
        assert "An administrator preempts this." in str(job.events.order_by("-number")[0].message)
        run.allocations.update(released_at=timezone.now())
        work.conclude(end(run, "stopped", reason="by_admin"), run.directory, "stopped")
        assert fresh(job).status == "queued"
        assert run_of(job).queued_at == run.queued_at
        said = str(job.events.order_by("-number")[0].message)
        assert "Attempt 1 was preempted by an administrator. The job is queued again and continues" in said

    def test_one_that_ran_as_long_as_it_may_is_paused(self, work: Training, job: FineTuningJob) -> None:
        run = run_of(job)
        work.record(run, FakeTrainer(run).start().step(1).checkpoint(1).events)
        now = timezone.now()
        Run.objects.filter(pk=run.pk).update(started_at=now - timedelta(minutes=90), stop_requested_at=now)
        work.conclude(end(run, "stopped", reason="limit"), run.directory, "stopped")
        assert fresh(job).status == "paused"
        assert "it ran for 90 minutes, as long as one run may" in str(job.events.order_by("-number")[0].message)
        resume_job(job=fresh(job), by=job.created_by)
        assert fresh(job).status == "queued"

    def test_one_that_computed_nothing_is_named_and_paused_until_somebody_resumes_it(
        self, work: Training, job: FineTuningJob
    ) -> None:
        run = hold(run_of(job), devices=1)
        work.record(run, FakeTrainer(run).start().step(1).checkpoint(1).events)
        Node.objects.update(last_seen_at=timezone.now(), sampled_at=timezone.now())
        long_ago = timezone.now() - timedelta(minutes=31)
        Run.objects.filter(pk=run.pk).update(state="running", computed_at=long_ago, node=Node.objects.get())
        watch_idle_work()
        event = job.events.order_by("-number")[0]
        assert (event.level, event.message and event.message.code) == ("warn", "computes_nothing")
        work.conclude(end(run, "stopped", reason="idle"), run.directory, "stopped")
        assert fresh(job).status == "paused"
        assert "it had computed nothing for 30 minutes" in str(job.events.order_by("-number")[0].message)
        resume_job(job=fresh(job), by=job.created_by)
        assert fresh(job).status == "queued"

    def test_an_automatic_one_keeps_its_number_of_devices_or_says_that_losses_may_differ(
        self, work: Training, job: FineTuningJob
    ) -> None:
        first = hold(run_of(job), devices=2)
        work.record(first, FakeTrainer(first).start().step(1).checkpoint(1).events)
        first.allocations.update(released_at=timezone.now())
        work.conclude(end(first, "stopped", reason="preempt"), first.directory, "stopped")
        second = run_of(job)
        assert second.kept_accelerators == 2
        hold(second, devices=1)
        work.record(second, FakeTrainer(second).start(resumed_from_step=1).events)
        said = [str(event.message) for event in job.events.all()]
        assert any("continues with 1 accelerators instead of 2" in one for one in said)
