"""A failed job is trained again with what its failure suggests, by one button or one request."""

from typing import Any

import pytest
from django.test import Client
from job_makers import make_job

from accounts.models import AuditEvent
from compute.administering.quotas import set_quota
from compute.models import Pool, Priority
from jobs.models import FineTuningJob
from jobs.retrying import remedy_of
from tests.console.forms import sent_twice

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


def failed(team: Any, code: str, *, values: dict[str, Any] | None = None, **asked: Any) -> FineTuningJob:
    """Return a job that has failed with `code`; `values`: what it trained with, besides what was automatic."""
    job = make_job(team, rows=30, **asked)
    FineTuningJob.objects.filter(pk=job.pk).update(
        status="failed", error_code=code, hyperparameters={**job.hyperparameters, **(values or {})}
    )
    job.refresh_from_db()
    return job


class TestRemedies:
    def test_a_loss_that_broke_is_trained_more_gently(self, alice: Any) -> None:
        job = failed(alice.team, "diverged", hyperparameters={"learning_rate": 0.05})
        assert remedy_of(job).changes == {"learning_rate": 0.01}
        job = failed(alice.team, "diverged", hyperparameters={"learning_rate_multiplier": 50.0})
        assert remedy_of(job).changes == {"learning_rate_multiplier": 10.0}

    def test_memory_is_saved_first_where_the_result_stays_the_same(self, alice: Any) -> None:
        whole = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 1, "gradient_checkpointing": False}
        assert remedy_of(failed(alice.team, "out_of_memory", values=whole)).changes == {
            "per_device_train_batch_size": 4,
            "gradient_accumulation_steps": 2,
        }
        single = {**whole, "per_device_train_batch_size": 1}
        assert remedy_of(failed(alice.team, "out_of_memory", values=single)).changes == {"gradient_checkpointing": True}
        last = {**single, "gradient_checkpointing": True, "max_seq_len": 1024}
        assert remedy_of(failed(alice.team, "out_of_memory", values=last)).changes == {"max_seq_len": 512}
        assert remedy_of(failed(alice.team, "out_of_memory", values={**last, "max_seq_len": 200})) is None

    def test_what_passes_is_trained_again_as_it_was(self, alice: Any) -> None:
        assert remedy_of(failed(alice.team, "disk_full")).changes == {}

    def test_data_must_be_mended_by_a_person(self, alice: Any) -> None:
        assert remedy_of(failed(alice.team, "no_trained_tokens")) is None

    def test_every_remedy_says_what_it_does(self, alice: Any) -> None:
        for code in ("diverged", "out_of_memory", "disk_full"):
            assert str(remedy_of(failed(alice.team, code)).label).startswith("Train again")


class TestRetrying:
    def test_by_api_the_new_job_has_everything_of_the_old_one(self, alice: Any) -> None:
        job = failed(
            alice.team, "diverged", hyperparameters={"learning_rate": 0.05, "n_epochs": 2}, suffix="violin",
            metadata={"run": "7"}, priority="low", accelerators=1, seed=3,
        )  # fmt: skip
        reply = alice.client.post(f"/api/v1/jobs/{job.pk}/retry")
        assert reply.status_code == 200, reply.content
        again = FineTuningJob.objects.get(pk=reply.json()["id"])
        assert again.asked == {"learning_rate": 0.01, "n_epochs": 2, "seed": 3}
        kept = (
            "base_model_id",
            "training_file_id",
            "suffix",
            "metadata",
            "priority",
            "accelerators",
            "seed",
            "pool_id",
        )
        assert [getattr(again, name) for name in kept] == [getattr(job, name) for name in kept]
        assert again.pk != job.pk

    def test_only_what_has_failed(self, alice: Any) -> None:
        reply = alice.client.post(f"/api/v1/jobs/{make_job(alice.team).pk}/retry")
        assert (reply.status_code, reply.json()["error"]["code"]) == (400, "job_not_failed")
        assert FineTuningJob.objects.count() == 1

    def test_a_deleted_file_is_named(self, alice: Any) -> None:
        job = failed(alice.team, "disk_full")
        job.training_file.delete()
        reply = alice.client.post(f"/api/v1/jobs/{job.pk}/retry")
        assert (reply.status_code, reply.json()["error"]["param"]) == (404, "training_file")

    def test_another_team_finds_nothing(self, alice: Any, charlie: Any) -> None:
        job = failed(alice.team, "disk_full")
        assert charlie.client.post(f"/api/v1/jobs/{job.pk}/retry").status_code == 404

    def test_urgent_is_granted_anew(self, alice: Any) -> None:
        job = failed(alice.team, "disk_full")
        FineTuningJob.objects.filter(pk=job.pk).update(priority=Priority.URGENT)
        reply = alice.client.post(f"/api/v1/jobs/{job.pk}/retry")
        assert reply.status_code == 200, reply.content
        assert FineTuningJob.objects.get(pk=reply.json()["id"]).get_priority_display() == "Normal"

    def test_the_pages_button_does_it_once(self, alice: Any) -> None:
        browser = Client()
        browser.force_login(alice.user)
        job = failed(alice.team, "diverged", hyperparameters={"learning_rate": 0.05})
        assert "a 5th of the learning rate" in browser.get(f"/jobs/{job.pk}").content.decode()
        first, second = sent_twice(browser, f"/jobs/{job.pk}", f"/jobs/{job.pk}/retry")
        again = FineTuningJob.objects.exclude(pk=job.pk).get()
        assert first.url == second.url == f"/jobs/{again.pk}"
        assert AuditEvent.objects.filter(action="job.created", target=again.pk).exists()

    def test_a_pool_that_the_team_has_lost_is_left_out(self, alice: Any) -> None:
        pool = Pool.objects.create(name="a100")
        set_quota(team=alice.team, by=None, pool=pool, ceiling=1)
        job = failed(alice.team, "disk_full", pool="a100")
        set_quota(team=alice.team, by=None, pool=pool, ceiling=0)
        reply = alice.client.post(f"/api/v1/jobs/{job.pk}/retry")
        assert reply.status_code == 200, reply.content
        assert FineTuningJob.objects.get(pk=reply.json()["id"]).pool is None
