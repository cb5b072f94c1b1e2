"""A deleted tuned model is gone: from object storage, from every node's disk, from downloads. Its record stays."""

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from django.core.files.storage import FileSystemStorage
from django.test import Client
from django.utils import timezone, translation
from job_makers import FakeTrainer, end, make_file, make_job

from accounts.models import AuditEvent
from common import artifacts
from common.errors import UserError
from common.rounds import alone
from compute import wakes
from compute.models import Node
from datasets_app.services import delete_file
from datasets_app.storage import store
from deployments.services import delete_model
from jobs import erasing, tasks
from jobs.models import FineTuningJob, TunedModel
from jobs.training import publishing
from jobs.training.work import Training
from jobs.tuned_models import local_folder

pytestmark = pytest.mark.django_db
WEIGHTS = "adapter_model.safetensors"
work = Training()


@pytest.fixture
def job(alice: Any) -> FineTuningJob:
    """Return a job that has succeeded, with two checkpoints."""
    job = make_job(alice.team, by=alice.user)
    attempt = job.newest_attempt
    assert attempt is not None
    trainer = FakeTrainer(attempt.run).start().step(1).checkpoint(1).step(2).checkpoint(2).succeed()
    trainer.directory.log.write_text("09:00:00 words of the trainer\n")
    work.record(trainer.run, trainer.events)
    run = end(trainer.run, "succeeded")
    work.attend(run, trainer.directory)
    work.conclude(run, trainer.directory, "succeeded")
    job.refresh_from_db()
    return job


@pytest.fixture
def adapter(job: FineTuningJob) -> TunedModel:
    adapter = job.adapter
    assert (local_folder(adapter) / WEIGHTS).exists()
    return adapter


def delete(adapter: TunedModel, alice: Any, committing: Any) -> None:
    with committing(execute=True):
        delete_model(team=alice.team, by=alice.user, name=adapter.name)


def stored(home: Path) -> set[str]:
    return {path.name for path in (home / "storage").rglob("*") if path.is_file()}


def left_of_it(home: Path) -> set[str]:
    """Return the names of all files that the weights or checkpoints are in, storage and caches together."""
    names = {path.name for path in home.rglob("*") if path.is_file()}
    return {name for name in names if name in (WEIGHTS, "progress.json") or "adapter.zip" in name}


class TestStorage:
    def test_loses_weights_checkpoints_and_the_packed_result(
        self, home: Path, alice: Any, adapter: TunedModel, django_capture_on_commit_callbacks: Any
    ) -> None:
        job = adapter.job
        metrics, packed = job.result_files.get(filename="metrics.csv"), job.result_files.get(filename="adapter.zip")
        delete(adapter, alice, django_capture_on_commit_callbacks)
        assert not store.storage().exists(packed.storage_name)
        tasks.erase_deleted()
        assert left_of_it(home) == set()
        assert artifacts.files_below(f"{job.storage_name}/checkpoints") == []
        assert artifacts.files_below(adapter.storage_name) == []
        assert not (home / "storage" / "artifacts" / adapter.storage_name).exists()
        assert store.storage().exists(metrics.storage_name)
        assert {"log.txt", "events.jsonl", "metrics.csv"} <= stored(home)
        adapter.refresh_from_db()
        assert adapter.erased_at is not None
        assert AuditEvent.objects.filter(action="model.deleted", target=adapter.name).exists()

    @pytest.mark.parametrize(
        "error",
        [EndpointConnectionError(endpoint_url="http://s3"), ClientError({"Error": {"Code": "AccessDenied"}}, "Delete")],
        ids=["away", "refused"],
    )
    def test_that_is_away_is_asked_again(
        self, home: Path, alice: Any, adapter: TunedModel, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        delete_model(team=alice.team, by=alice.user, name=adapter.name)

        def fail(*asked: Any) -> Any:
            raise error

        with monkeypatch.context() as patched:
            patched.setattr(FileSystemStorage, "delete", fail)
            tasks.erase_deleted()
            assert WEIGHTS in stored(home)
            assert TunedModel.objects.unerased().get() == adapter
        tasks.erase_deleted()
        assert WEIGHTS not in stored(home)
        assert not TunedModel.objects.unerased().exists()

    def test_one_round_at_a_time(self, home: Path, alice: Any, adapter: TunedModel) -> None:
        delete_model(team=alice.team, by=alice.user, name=adapter.name)
        with alone("erase-models") as is_alone:
            assert is_alone
            tasks.erase_deleted()
            assert WEIGHTS in stored(home)
        tasks.erase_deleted()
        assert WEIGHTS not in stored(home)

    def test_keeps_nothing_that_a_node_which_was_given_up_brings_meanwhile(
        self, home: Path, alice: Any, adapter: TunedModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        attempt = adapter.job.newest_attempt
        assert attempt is not None
        adapter.job.checkpoints.filter(step=2).update(published_at=None)
        FakeTrainer(attempt.run).checkpoint(2)
        publish = artifacts.publish_folder

        def deleting(folder: Path, name: str) -> int:
            delete_model(team=alice.team, by=alice.user, name=adapter.name)
            erasing.erase_stored()
            return publish(folder, name)

        monkeypatch.setattr(artifacts, "publish_folder", deleting)
        publishing.publish_checkpoints(attempt, attempt.run.directory)
        assert artifacts.files_below(f"{adapter.job.storage_name}/checkpoints") == []

    def test_another_model_stays_whole(self, home: Path, alice: Any, adapter: TunedModel) -> None:
        tasks.erase_deleted()
        assert (local_folder(adapter) / WEIGHTS).exists()
        assert adapter.job.checkpoints.count() == 2


class TestNodes:
    def test_a_copy_and_a_half_copy_go(self, home: Path, alice: Any, adapter: TunedModel) -> None:
        draft = home / "adapters" / f".{adapter.pk}.half"
        draft.mkdir()
        other = home / "adapters" / "adapter-another"
        other.mkdir()
        delete_model(team=alice.team, by=alice.user, name=adapter.name)
        tasks.erase_here()
        assert list((home / "adapters").iterdir()) == [other]

    def test_checkpoints_of_an_attempt_that_was_lost_go_and_its_log_stays(
        self, home: Path, alice: Any, adapter: TunedModel
    ) -> None:
        attempt = adapter.job.newest_attempt
        assert attempt is not None
        left = attempt.run.directory.checkpoint(1)
        left.mkdir(parents=True)
        (left / "progress.json").touch()
        erasing.erase_here(home)
        assert left.exists()
        delete_model(team=alice.team, by=alice.user, name=adapter.name)
        erasing.erase_here(home)
        assert not left.exists()
        assert attempt.run.directory.log.exists()

    def test_each_node_is_told(self, alice: Any, adapter: TunedModel, monkeypatch: pytest.MonkeyPatch) -> None:
        Node.objects.create(name="gpu-2", queue="node-gpu-2", last_seen_at=timezone.now())
        asked: list[Any] = []
        monkeypatch.setattr(wakes, "wake", lambda task, queue: asked.append((task.name, queue)))
        tasks.erase_deleted()
        assert ("jobs.erase_here", "node-gpu-2") in asked

    def test_none_brings_it_back(self, home: Path, alice: Any, adapter: TunedModel) -> None:
        delete_model(team=alice.team, by=alice.user, name=adapter.name)
        with pytest.raises(UserError, match="was deleted") as refused:
            local_folder(adapter)
        assert (refused.value.code, refused.value.status) == ("model_deleted", 410)
        erasing.erase_here(home)
        with pytest.raises(UserError, match="was deleted"):
            local_folder(adapter)
        assert not (home / "adapters" / adapter.pk).exists()

    def test_a_copy_that_came_while_it_was_deleted_is_refused(
        self, alice: Any, adapter: TunedModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fetch(name: str, folder: Path) -> None:
            delete_model(team=alice.team, by=alice.user, name=adapter.name)

        monkeypatch.setattr(artifacts, "fetch_folder", fetch)
        with pytest.raises(UserError, match="was deleted"):
            local_folder(adapter)


class TestAnswers:
    def test_downloads_and_checkpoints_say_so_at_once(self, alice: Any, adapter: TunedModel) -> None:
        job = adapter.job
        packed = job.result_files.get(filename="adapter.zip")
        assert len(alice.client.get(f"/v1/fine_tuning/jobs/{job.pk}/checkpoints").json()["data"]) == 2
        reply = alice.client.delete(f"/v1/models/{adapter.name}")
        assert reply.json() == {"id": adapter.name, "object": "model", "deleted": True}
        assert alice.client.get(f"/v1/files/{packed.pk}/content").status_code == 404
        reply = alice.client.get(f"/v1/fine_tuning/jobs/{job.pk}/checkpoints")
        assert (reply.status_code, reply.json()["error"]["code"]) == (410, "model_deleted")
        assert "was deleted with its checkpoints" in reply.json()["error"]["message"]
        found = alice.client.get(f"/v1/fine_tuning/jobs/{job.pk}").json()
        assert found["fine_tuned_model"] == adapter.name
        [metrics] = found["result_files"]
        content = b"".join(alice.client.get(f"/v1/files/{metrics}/content"))
        assert content.startswith(b"step,train_loss")
        assert "words of the trainer" in alice.client.get(f"/api/v1/jobs/{job.pk}/log").json()["text"]

    @pytest.mark.parametrize(("added", "word"), [("", "was deleted."), (":ckpt-step-1", "with its checkpoints")])
    def test_its_name_says_so(self, alice: Any, adapter: TunedModel, added: str, word: str) -> None:
        delete_model(team=alice.team, by=alice.user, name=adapter.name)
        reply = alice.client.get(f"/v1/models/{adapter.name}{added}")
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "model_not_found")
        assert word in reply.json()["error"]["message"]

    def test_its_jobs_page_offers_no_deployment(self, alice: Any, adapter: TunedModel, plain_static: None) -> None:
        client = Client()
        client.force_login(alice.user)
        address = f"/jobs/{adapter.job_id}"
        assert "/deployments/from-job" in client.get(address).content.decode()
        delete_model(team=alice.team, by=alice.user, name=adapter.name)
        page = client.get(address).content.decode()
        assert "/deployments/from-job" not in page
        assert "was deleted with its checkpoints" in page
        assert "adapter.zip" not in page
        assert "metrics.csv" in page
        with translation.override("zh-hans"):
            assert "已删除" in client.get(address, headers={"Accept-Language": "zh-hans"}).content.decode()


class TestData:
    def test_what_trainings_had_of_a_deleted_file_goes(self, home: Path, alice: Any, job: FineTuningJob) -> None:
        attempt = job.newest_attempt
        assert attempt is not None
        assert job.training_file is not None
        left = attempt.run.directory.data / "train"  # as an attempt that was lost leaves it on its node
        left.mkdir(parents=True)
        erasing.erase_here(home)
        assert left.exists()
        delete_file(file=job.training_file, by=alice.user)
        erasing.erase_here(home)
        assert not left.exists()
        assert attempt.run.directory.log.exists()

    def test_a_deleted_validation_file_counts_and_none_does_not(self, home: Path, alice: Any) -> None:
        aside = make_file(alice.team, 5)
        job = make_job(alice.team, by=alice.user, validation_file=aside.pk)
        attempt = job.newest_attempt
        assert attempt is not None
        FakeTrainer(attempt.run)
        FineTuningJob.objects.filter(pk=job.pk).update(status="failed")
        erasing.erase_here(home)
        assert attempt.run.directory.data.exists()
        delete_file(file=aside, by=alice.user)
        erasing.erase_here(home)
        assert not attempt.run.directory.data.exists()
