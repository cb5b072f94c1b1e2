"""What is deleted by itself, and above all what is not."""

import os
import shutil
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone, translation
from job_makers import FakeTrainer, end, make_job, run_of

from common import artifacts
from compute import wakes
from compute.models import Node, Run
from compute.node.devices import node_name
from compute.node.disk import measure
from console import retention, tasks
from deployments.models import Replica, Usage
from jobs.models import Checkpoint, FineTuningJob, JobEvent, TunedModel
from jobs.services import pause_job
from jobs.training import reading_data
from jobs.training.work import Training
from jobs.tuned_models import local_folder

pytestmark = pytest.mark.django_db

LONG_AGO = timezone.now() - timedelta(days=1000)
work = Training()


def age(path: Path) -> None:
    os.utime(path, (time.time() - 1000 * 86400,) * 2)


def tokens_of(job: FineTuningJob) -> Path:
    return reading_data.tokens_of(job, job.hyperparameters).train.parent


def ended(job: FineTuningJob) -> Run:
    """Let the job succeed, a long time ago."""
    run = run_of(job)
    trainer = FakeTrainer(run).start().step(1).checkpoint(1).succeed()
    trainer.directory.log.write_text("09:00:00 words\n")
    work.record(run, trainer.events)
    run = end(run, "succeeded")
    work.attend(run, trainer.directory)
    work.conclude(run, trainer.directory, "succeeded")
    Run.objects.filter(pk=run.pk).update(state="ended", ended_at=LONG_AGO)
    FineTuningJob.objects.filter(pk=job.pk).update(finished_at=LONG_AGO)
    return run


class TestTokens:
    def test_go_when_no_job_has_used_them_for_long(self, job: FineTuningJob) -> None:
        cache = tokens_of(job)
        ended(job)
        retention.sweep_home()
        assert cache.exists()
        age(cache / "summary.json")
        retention.sweep_home()
        assert not cache.exists()
        assert not list(cache.parent.iterdir())

    def test_a_use_is_noted(self, job: FineTuningJob) -> None:
        cache = tokens_of(job)
        ended(job)
        age(cache / "summary.json")
        tokens_of(job)
        retention.sweep_home()
        assert cache.exists()

    def test_stay_while_a_job_that_used_them_may_go_on(self, alice: Any, job: FineTuningJob) -> None:
        FineTuningJob.objects.filter(pk=job.pk).update(created_at=LONG_AGO - timedelta(days=500))
        pause_job(job=job, by=alice.user)
        cache = tokens_of(job)
        age(cache / "summary.json")
        retention.sweep_home()
        assert cache.exists()

    def test_a_draft_that_was_left_goes_after_a_day(self, home: Path) -> None:
        old, new = home / "tokens" / ".building-old", home / "tokens" / ".building-new"
        for folder in (old, new):
            folder.mkdir(parents=True)
        age(old)
        retention.sweep_home()
        assert not old.exists()
        assert new.exists()


class TestRuns:
    def test_go_long_after_their_end_and_the_log_stays(self, alice: Any, job: FineTuningJob) -> None:
        run = ended(job)
        retention.sweep_home()
        assert not run.directory.root.exists()
        reply = alice.client.get(f"/api/v1/jobs/{job.pk}/log")
        assert "words" in reply.content.decode(), reply.content

    def test_stay_where_the_log_is_nowhere_else(self, job: FineTuningJob) -> None:
        run = ended(job)
        artifacts.storage().delete(f"{job.storage_name}/attempts/1/log.txt")
        retention.sweep_home()
        assert run.directory.root.exists()

    def test_stay_until_their_days_are_over(self, job: FineTuningJob) -> None:
        run = ended(job)
        Run.objects.update(ended_at=timezone.now() - timedelta(days=1))
        retention.sweep_home()
        assert run.directory.root.exists()

    def test_a_live_run_keeps_its_directory(self, job: FineTuningJob) -> None:
        run = FakeTrainer(run_of(job)).start().run
        Run.objects.filter(pk=run.pk).update(state="running", started_at=LONG_AGO)
        retention.sweep_home()
        assert run.directory.root.exists()

    def test_a_job_that_may_go_on_keeps_its_checkpoints(self, alice: Any, job: FineTuningJob) -> None:
        run = FakeTrainer(run_of(job)).start().step(1).checkpoint(1).run
        FineTuningJob.objects.filter(pk=job.pk).update(status="running")
        pause_job(job=FineTuningJob.objects.get(pk=job.pk), by=alice.user)
        work.conclude(end(run, "stopped"), run.directory, "stopped")
        Run.objects.filter(pk=run.pk).update(state="ended", ended_at=LONG_AGO)
        assert FineTuningJob.objects.get(pk=job.pk).status == "paused"
        retention.sweep_home()
        assert run.directory.checkpoint(1).exists()

    def test_a_folder_of_no_known_run_is_left_alone(self, home: Path) -> None:
        strange = home / "runs" / "by-hand"
        strange.mkdir(parents=True)
        age(strange)
        retention.sweep_home()
        assert strange.exists()


class TestAdapters:
    @pytest.fixture
    def copy(self, job: FineTuningJob) -> Path:
        ended(job)
        folder = local_folder(TunedModel.objects.get())
        age(folder / "manifest.json")
        return folder

    def test_an_unused_copy_goes_and_comes_back(self, copy: Path) -> None:
        retention.sweep_home()
        assert not copy.exists()
        assert (local_folder(TunedModel.objects.get()) / "adapter_model.safetensors").exists()

    def test_a_served_one_stays(self, copy: Path) -> None:
        adapter = TunedModel.objects.get()
        run = Run.objects.create(kind="serving", team=adapter.team)
        replica = Replica.create(run=run, base_model=adapter.base_model, full_model=None, deployment=None)
        replica.want(adapter)
        retention.sweep_home()
        assert copy.exists()

    def test_so_do_and_go_copies_of_checkpoints(self, copy: Path) -> None:
        adapter = TunedModel.objects.get()
        checkpoint = Checkpoint.objects.create(
            job=adapter.job, attempt=adapter.job.newest_attempt, step=7, storage_name=adapter.storage_name,
            published_at=LONG_AGO,
        )  # fmt: skip
        of_step = copy.with_name(f"{copy.name}.{checkpoint.pk}")
        shutil.copytree(copy, of_step)
        replica = Replica.create(
            run=Run.objects.create(kind="serving", team=adapter.team), base_model=adapter.base_model, full_model=None,
            deployment=None,
        )  # fmt: skip
        loaded = replica.want(checkpoint)
        retention.sweep_home()
        assert (of_step.exists(), copy.exists()) == (True, False)
        loaded.delete()
        retention.sweep_home()
        assert not of_step.exists()

    def test_the_only_copy_stays(self, copy: Path) -> None:
        artifacts.delete_folder(TunedModel.objects.get().storage_name)
        retention.sweep_home()
        assert copy.exists()


class TestDatabase:
    def test_old_usage_goes(self, alice: Any) -> None:
        for at in (LONG_AGO, timezone.now()):
            row = Usage.objects.create(team=alice.team, model="m", outcome="answered", milliseconds=1)
            Usage.objects.filter(pk=row.pk).update(at=at)
        retention.sweep_database()
        assert Usage.objects.count() == 1

    def test_events_go_with_an_old_end_and_no_sooner(self, alice: Any, job: FineTuningJob) -> None:
        ended(job)
        going_on = make_job(alice.team)
        JobEvent.objects.update(created_at=LONG_AGO)
        retention.sweep_database()
        assert set(JobEvent.objects.values_list("job_id", flat=True)) == {going_on.pk}


def test_zero_days_keep_everything(job: FineTuningJob, settings: Any) -> None:
    settings.KEEP_DAYS = dict.fromkeys(settings.KEEP_DAYS, 0)
    run, cache = ended(job), tokens_of(job)
    age(cache / "summary.json")
    retention.sweep_home()
    retention.sweep_database()
    assert run.directory.root.exists()
    assert cache.exists()
    assert JobEvent.objects.exists()


def test_the_periodic_task_sweeps_here_and_asks_each_node(job: FineTuningJob, monkeypatch: pytest.MonkeyPatch) -> None:
    run = ended(job)
    Node.objects.create(name="gpu-2", queue="node-gpu-2", last_seen_at=timezone.now())
    asked: list[Any] = []
    monkeypatch.setattr(wakes, "wake", lambda task, queue: asked.append((task.name, queue)))
    tasks.sweep()
    assert asked == [("console.sweep_home", "node-gpu-2")]
    assert not run.directory.root.exists()


class TestDisk:
    def test_a_file_with_two_names_counts_once(self, tmp_path: Path) -> None:
        for kind in ("tokens", "runs"):
            (tmp_path / kind).mkdir()
        (tmp_path / "tokens" / "ids").write_bytes(bytes(1 << 20))
        os.link(tmp_path / "tokens" / "ids", tmp_path / "runs" / "ids")
        (tmp_path / "postgres.log").write_bytes(bytes(1 << 16))
        found = measure(tmp_path)
        assert found["kinds"]["tokens"] >= 1 << 20
        assert found["kinds"]["runs"] == 0
        assert 1 << 16 <= found["kinds"]["other"] < 1 << 20
        assert 0 < found["free"] <= found["total"]

    def test_administrators_see_it_on_the_page_and_in_the_api(
        self, alice: Any, job: FineTuningJob, plain_static: None
    ) -> None:
        Node.objects.create(name=node_name(), queue="q", last_seen_at=timezone.now())
        retention.sweep_home()
        assert "disk" not in alice.client.get("/api/v1/pool").json()["nodes"][0]
        alice.user.is_staff = True
        alice.user.save()
        client = Client()
        client.force_login(alice.user)
        found = client.get("/api/v1/pool").json()["nodes"][0]["disk"]
        assert found["kinds"]["tokens"] > 0
        assert "Tokenised data" in client.get("/pool").content.decode()
        with translation.override("zh-hans"):
            page = client.get("/pool", headers={"Accept-Language": "zh-hans"}).content.decode()
        assert "分词后的数据" in page
