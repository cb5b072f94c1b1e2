"""Ending a job with the best weights: the request, its way to the trainer, early stopping and what is shown."""

import shutil
from io import BytesIO
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from job_makers import FakeTrainer, end, make_file, make_job, run_of

from common import artifacts
from common.errors import UserError
from compute.models import Run
from jobs.models import FineTuningJob
from jobs.services import cancel_job, finish_job_early, pause_job
from jobs.training import concluding, reading_data
from jobs.training.work import Training
from trainer.spec import TrainingSpec

pytestmark = pytest.mark.django_db


def training(job: FineTuningJob, *, step: int = 3, losses: dict[int, float] | None = None) -> FakeTrainer:
    """Return a trainer that has come to `step`, with checkpoints of these validation losses."""
    trainer = FakeTrainer(run_of(job)).start().step(step)
    for number, loss in (losses or {}).items():
        trainer.checkpoint(number, valid_loss=loss)
    Training().record(trainer.run, trainer.events)
    Training().attend(trainer.run, trainer.directory)
    job.refresh_from_db()
    return trainer


class TestFinish:
    def test_the_trainer_hears_of_it_and_is_not_stopped(self, alice: Any) -> None:
        job = make_job(alice.team)
        trainer = training(job)
        assert not trainer.directory.early_finish_request.exists()
        job = finish_job_early(job=job, by=alice.user)
        Training().attend(trainer.run, trainer.directory)
        assert trainer.directory.early_finish_request.exists()
        assert Run.objects.get().stop_requested_at is None
        assert job.is_finishing_early
        assert finish_job_early(job=job, by=alice.user).early_finish_requested_at == job.early_finish_requested_at

    def test_the_next_attempt_of_a_lost_one_hears_of_it_too(self, alice: Any) -> None:
        job = make_job(alice.team)
        trainer = training(job, losses={2: 0.5, 4: 0.4, 6: 0.9})
        finish_job_early(job=job, by=alice.user)
        shutil.rmtree(trainer.directory.root)
        attempt = job.newest_attempt
        assert attempt is not None
        concluding.conclude(attempt, end(attempt.run, "lost").directory, "lost")
        second = run_of(job)
        Training().prepare(second, second.directory)
        assert second.directory.early_finish_request.exists()
        kept = sorted(path.name for path in second.directory.checkpoints.iterdir())
        assert kept == ["step-4", "step-6"], "the newest one, and the best one"

    def test_a_paused_job_is_queued_to_write_its_model(self, alice: Any) -> None:
        job = make_job(alice.team)
        training(job)
        FineTuningJob.objects.filter(pk=job.pk).update(status="paused")
        job.refresh_from_db()
        assert finish_job_early(job=job, by=alice.user).status == "queued"
        assert job.attempts.count() == 2

    def test_is_refused_where_there_is_nothing_to_keep(self, alice: Any) -> None:
        job = make_job(alice.team)
        with pytest.raises(UserError, match="has not learned anything yet"):
            finish_job_early(job=job, by=alice.user)
        training(job)
        cancelled = cancel_job(job=job, by=alice.user)
        with pytest.raises(UserError, match="being cancelled"):
            finish_job_early(job=cancelled, by=alice.user)
        FineTuningJob.objects.filter(pk=job.pk).update(status="succeeded")
        with pytest.raises(UserError, match="nothing to finish"):
            finish_job_early(job=job, by=alice.user)

    def test_what_is_being_finished_cannot_be_paused(self, alice: Any) -> None:
        job = make_job(alice.team)
        training(job)
        with pytest.raises(UserError, match="finishing early"):
            pause_job(job=finish_job_early(job=job, by=alice.user), by=alice.user)

    def test_by_rest_and_only_by_its_team(self, alice: Any, charlie: Any) -> None:
        job = make_job(alice.team)
        training(job)
        for user, status in ((charlie.user, 404), (alice.user, 200)):
            client = Client()
            client.force_login(user)
            reply = client.post(f"/v1/fine_tuning/jobs/{job.pk}/finish", content_type="application/json")
            assert reply.status_code == status, reply.content
        job.refresh_from_db()
        assert job.is_finishing_early


class TestResultStep:
    def finished(self, alice: Any) -> FineTuningJob:
        job = make_job(alice.team)
        trainer = training(job, step=6, losses={2: 0.5, 4: 0.4, 6: 0.9})
        trainer.succeed(steps=6, result_step=4)
        Training().record(trainer.run, trainer.events[-1:])
        run = end(trainer.run, "succeeded")
        Training().conclude(run, run.directory, "succeeded")
        job.refresh_from_db()
        return job

    def test_is_kept_and_told(self, alice: Any) -> None:
        job = self.finished(alice)
        assert (job.status, job.result_step, job.current_step) == ("succeeded", 4, 6)
        client = Client()
        client.force_login(alice.user)
        assert client.get(f"/v1/fine_tuning/jobs/{job.pk}").json()["result_step"] == 4
        listed = client.get(f"/v1/fine_tuning/jobs/{job.pk}/checkpoints").json()["data"]
        assert [(row["step_number"], row["metrics"]["valid_loss"], row["is_result"]) for row in listed] == [
            (6, 0.9, False),
            (4, 0.4, True),
            (2, 0.5, False),
        ]
        measured = listed[1]["metrics"]
        assert (measured["full_valid_loss"], measured["full_valid_mean_token_accuracy"]) == (0.4, 0.75)
        assert measured["valid_mean_token_accuracy"] == 0.75

    @pytest.mark.usefixtures("plain_static")
    def test_the_page_leads_from_each_to_asking_comparing_and_deploying_it(self, alice: Any) -> None:
        job = self.finished(alice)
        client = Client()
        client.force_login(alice.user)
        page = client.get(f"/jobs/{job.pk}").content.decode()
        name = quote(f"{job.fine_tuned_model}:ckpt-step-2")
        assert f'href="/playground?left=tiny&amp;right={name}"' in page
        for path in ("evaluations", "deployments"):
            assert f'href="/{path}?model={name}"' in page
            assert client.get(f"/{path}?model={name}").status_code == 200

    @pytest.mark.usefixtures("plain_static")
    def test_none_leads_anywhere_while_the_training_goes_on(self, alice: Any) -> None:
        job = make_job(alice.team)
        training(job, step=6, losses={2: 0.5, 4: 0.4})
        client = Client()
        client.force_login(alice.user)
        page = client.get(f"/jobs/{job.pk}").content.decode()
        assert (">0.5000</td>" in page, "ckpt-step" in page) == (True, False)

    @pytest.mark.usefixtures("plain_static")
    def test_the_page_marks_the_checkpoint_that_became_the_model(self, alice: Any) -> None:
        job = self.finished(alice)
        client = Client()
        client.force_login(alice.user)
        page = client.get(f"/jobs/{job.pk}").content.decode()
        rows = [row.partition("</tr>")[0] for row in page.split("<tr") if ">0.5000</td>" in row]
        assert ["the model" in row for row in rows] == [False, True, False]
        assert ">0.4000</td>" in rows[1]

    @pytest.mark.usefixtures("plain_static")
    def test_a_last_step_without_a_checkpoint_is_listed(self, alice: Any) -> None:
        job = make_job(alice.team)
        trainer = training(job, step=7, losses={2: 0.5})
        trainer.succeed(steps=7, result_step=7)
        Training().record(trainer.run, trainer.events[-1:])
        run = end(trainer.run, "succeeded")
        Training().conclude(run, run.directory, "succeeded")
        client = Client()
        client.force_login(alice.user)
        page = client.get(f"/jobs/{job.pk}").content.decode()
        assert page.count("the model</span>") == 1

    @pytest.mark.usefixtures("plain_static")
    def test_the_button_comes_with_the_first_step(self, alice: Any) -> None:
        job = make_job(alice.team)
        client = Client()
        client.force_login(alice.user)
        assert f"/jobs/{job.pk}/finish" not in client.get(f"/jobs/{job.pk}").content.decode()
        training(job)
        assert f"/jobs/{job.pk}/finish" in client.get(f"/jobs/{job.pk}").content.decode()
        client.post(f"/jobs/{job.pk}/finish")
        page = client.get(f"/jobs/{job.pk}").content.decode()
        assert f"/jobs/{job.pk}/finish" not in page
        assert "the best weights so far become the model" in page


class TestEarlyStopping:
    def test_keeps_conversations_aside_and_the_best_step(self, alice: Any) -> None:
        job = make_job(alice.team, rows=40, hyperparameters={"early_stopping_patience": 3})
        assert job.error_message is None
        assert job.hyperparameters["validation_split"] == 0.3
        assert job.hyperparameters["load_best_model_at_end"] is True
        assert job.reasons["validation_split"]["code"] == "validation_needed"
        run = run_of(job)
        Training().prepare(run, run.directory)
        spec = TrainingSpec.from_json(run.directory.read_spec())
        assert spec.hyperparameters.early_stopping_patience == 3
        assert spec.validation_data == "data/validation"

    @pytest.mark.parametrize(
        "asked",
        [
            {"load_best_model_at_end": True},
            {"lr_scheduler_type": "reduce_lr_on_plateau"},
            {"lr_scheduler_type": "greedy"},
        ],
    )
    def test_whatever_follows_the_validation_loss_has_some(self, alice: Any, asked: dict[str, Any]) -> None:
        assert make_job(alice.team, rows=40, hyperparameters=asked).hyperparameters["validation_split"] == 0.3

    def test_too_few_rows_to_keep_any_aside_fail_with_the_reason(self, alice: Any) -> None:
        asked = {"early_stopping_patience": 3, "validation_split": 0.0001}
        job = make_job(alice.team, rows=12, hyperparameters=asked)
        assert (job.status, job.error_code) == ("failed", "no_validation_data")
        assert "held-out conversations, and there are none" in str(job.error_message)

    @pytest.mark.parametrize(
        ("asked", "param"),
        [
            ({"early_stopping_patience": 3, "validation_split": 0}, "early_stopping_patience"),
            ({"load_best_model_at_end": True, "validation_split": 0}, "load_best_model_at_end"),
            ({"lr_scheduler_type": "greedy", "validation_split": 0}, "lr_scheduler_type"),
            ({"early_stopping_patience": 3, "load_best_model_at_end": False}, "load_best_model_at_end"),
            ({"early_stopping_threshold": 0.1}, "early_stopping_threshold"),
            ({"lora_dim": 0, "use_dora": True}, "use_dora"),
        ],
    )
    def test_what_contradicts_itself_is_refused(self, alice: Any, asked: dict[str, Any], param: str) -> None:
        with pytest.raises(UserError) as caught:
            make_job(alice.team, hyperparameters=asked)
        assert caught.value.param == param

    def test_a_validation_file_is_enough(self, alice: Any) -> None:
        held = make_file(alice.team, 12, name="held.jsonl")
        job = make_job(alice.team, validation_file=held.pk, hyperparameters={"early_stopping_patience": 3})
        assert (job.status, job.hyperparameters["validation_split"]) == ("queued", 0.0)


def test_a_lost_best_checkpoint_stops_no_attempt(alice: Any) -> None:
    job = make_job(alice.team, rows=40, hyperparameters={"load_best_model_at_end": True})
    trainer = training(job, losses={2: 0.1, 4: 0.4})
    best = job.checkpoints.get(step=2)
    stored = artifacts.storage()
    for name in list(stored.listdir(best.storage_name)[1]):
        if name == "progress.json":
            stored.delete(f"{best.storage_name}/{name}")
            stored.save(f"{best.storage_name}/{name}", BytesIO(b"damaged"))
    shutil.rmtree(trainer.directory.root)
    attempt = job.newest_attempt
    assert attempt is not None
    concluding.conclude(attempt, end(attempt.run, "lost").directory, "lost")
    run = run_of(job)
    Training().prepare(run, run.directory)
    assert [path.name for path in run.directory.checkpoints.iterdir()] == ["step-4"]
    assert reading_data.tokens_of(job, job.hyperparameters).validation is not None
