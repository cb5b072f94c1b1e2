"""Tuned models and checkpoints that are trained further: what is inherited, what is kept of them, what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from job_makers import FakeTrainer, end, hold, make_file, make_job, run_of

from common.errors import NotFound, UserError
from compute.work import WorkError
from deployments.services import delete_model
from evaluations.web.model_card import card_of
from jobs.models import FineTuningJob, TunedModel
from jobs.retrying import retry_job
from jobs.services import cancel_job
from jobs.training.parents import children_of
from jobs.training.work import Training
from rundir import write_manifest

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
work = Training()
LORA = {"lora_dim": 4, "lora_alpha": 8.0, "lora_module_name": "q_proj"}


def finished(job: FineTuningJob, *, result: str = "adapter") -> TunedModel:
    """Return the model of a job that a trainer has ended."""
    trainer = FakeTrainer(run_of(job)).start().step(1).checkpoint(1)
    folder = trainer.directory.checkpoint(1)
    (folder / "adapter").mkdir()
    (folder / "adapter" / "adapter_model.safetensors").write_bytes(b"step 1")
    write_manifest(folder)
    trainer.step(2).checkpoint(2).succeed()
    work.record(trainer.run, trainer.events)
    run = end(trainer.run, "succeeded")
    work.attend(run, trainer.directory)
    work.conclude(run, trainer.directory, "succeeded")
    TunedModel.objects.filter(job=job).update(result=result)
    return TunedModel.objects.get(job=job)


@pytest.fixture
def parent(alice: Any) -> TunedModel:
    return finished(make_job(alice.team, by=alice.user, suffix="first", hyperparameters=LORA))


def further(alice: Any, model: str, **asked: Any) -> FineTuningJob:
    return make_job(alice.team, by=alice.user, model=model, **asked)


def prepared(job: FineTuningJob) -> dict[str, Any]:
    run = hold(run_of(job), devices=1)
    work.prepare(run, run.directory)
    return json.loads(run.directory.spec.read_text())


class TestInheriting:
    def test_the_form_of_the_adapter_with_the_reason(self, alice: Any, parent: TunedModel) -> None:
        job = further(alice, parent.name, hyperparameters={"n_epochs": 2})
        assert {name: job.hyperparameters[name] for name in LORA} == LORA
        assert job.reasons["lora_dim"]["code"] == "as_its_parent"
        assert "lora_dim" not in job.asked
        assert job.base_model_id == "tiny"
        assert job.parent == {"name": parent.name, "adapter": parent.pk}

    @pytest.mark.parametrize("asked", [{"lora_dim": 8}, {"lora_dim": 0}, {"use_dora": True}, {"lora_alpha": 99}])
    def test_what_contradicts_it_is_refused(self, alice: Any, parent: TunedModel, asked: dict[str, Any]) -> None:
        with pytest.raises(UserError, match="was trained with") as refused:
            further(alice, parent.name, hyperparameters=asked)
        assert (refused.value.param, refused.value.code) == (next(iter(asked)), "cannot_be_honoured")

    def test_the_same_may_be_said(self, alice: Any, parent: TunedModel) -> None:
        assert further(alice, parent.name, hyperparameters=LORA).hyperparameters["lora_dim"] == 4

    def test_of_a_whole_model_is_to_train_all_weights(self, alice: Any, parent: TunedModel) -> None:
        TunedModel.objects.update(result="model")
        job = further(alice, parent.name)
        assert job.hyperparameters["lora_dim"] == 0
        with pytest.raises(UserError, match="was trained with 0"):
            further(alice, parent.name, hyperparameters={"lora_dim": 4})


class TestWeights:
    def test_lie_in_the_run_directory_and_the_base_stays_proven(self, alice: Any, parent: TunedModel) -> None:
        job = further(alice, parent.name)
        spec = prepared(job)
        assert (spec["parent_path"], spec["parent_name"]) == ("parent", parent.name)
        assert spec["model_sha256"] == job.base_model.sha256
        folder = run_of(job).directory.root / "parent"
        assert (folder / "adapter_model.safetensors").read_bytes() == b"weights"

    def test_of_a_whole_model_are_the_model(self, alice: Any, parent: TunedModel) -> None:
        TunedModel.objects.update(result="model")
        spec = prepared(further(alice, parent.name))
        assert "parent_path" not in spec
        assert Path(spec["model_path"]).name == "parent"
        assert spec["model_sha256"]

    def test_of_a_checkpoint(self, alice: Any, parent: TunedModel) -> None:
        name = f"{parent.name}:ckpt-step-1"
        job = further(alice, name)
        assert job.parent["name"] == name
        assert prepared(job)["parent_name"] == name
        folder = run_of(job).directory.root / "parent"
        assert (folder / "adapter_model.safetensors").read_bytes() == b"step 1"

    def test_that_are_gone_fail_the_training(self, alice: Any, parent: TunedModel) -> None:
        job = further(alice, parent.name)
        TunedModel.objects.update(deleted_at=job.created_at)
        with pytest.raises(WorkError, match="was deleted"):
            prepared(job)


def test_the_command_by_hand_goes_on_from_it_too(alice: Any, parent: TunedModel) -> None:
    job = further(alice, parent.name)
    argv = alice.client.get(f"/api/v1/jobs/{job.pk}/command").json()["argv"]
    assert argv[argv.index("--parent_path") + 1] == str(run_of(job).directory.root / "parent")


class TestLineage:
    def test_is_shown_and_outlives_the_parent(self, alice: Any, parent: TunedModel) -> None:
        job = further(alice, parent.name)
        shown = alice.client.get(f"/v1/fine_tuning/jobs/{job.pk}").json()
        assert (shown["model"], shown["parent"]) == (parent.name, parent.name)
        model = finished(job)
        assert model.base_model_id == "tiny"
        assert children_of(parent) == [model]
        assert alice.client.get(f"/api/v1/models/{model.pk}").json()["parent"] == parent.name
        assert f"trained further from `{parent.name}`" in card_of(model)
        page = Client()
        page.force_login(alice.user)
        assert f'href="/models/{parent.pk}"' in page.get(f"/models/{model.pk}").content.decode()
        assert f'href="/models/{model.pk}"' in page.get(f"/models/{parent.pk}").content.decode()
        delete_model(team=alice.team, by=alice.user, name=parent.name)
        left = page.get(f"/models/{model.pk}").content.decode()
        assert parent.name in left
        assert f'href="/models/{parent.pk}"' not in left

    def test_keeps_the_parent_until_the_job_has_ended(self, alice: Any, parent: TunedModel) -> None:
        job = further(alice, f"{parent.name}:ckpt-step-2")
        with pytest.raises(UserError, match=r"trains .* further"):
            delete_model(team=alice.team, by=alice.user, name=parent.name)
        cancel_job(job=job, by=alice.user)
        FineTuningJob.objects.filter(pk=job.pk).update(status="cancelled")
        delete_model(team=alice.team, by=alice.user, name=parent.name)

    def test_goes_along_with_a_retry(self, alice: Any, parent: TunedModel) -> None:
        job = further(alice, parent.name)
        FineTuningJob.objects.filter(pk=job.pk).update(status="failed", error_code="diverged")
        job.refresh_from_db()
        assert retry_job(job=job, by=alice.user, may_be_urgent=False).parent == job.parent


def test_models_of_other_teams_and_deleted_ones_are_not_found(alice: Any, charlie: Any, parent: TunedModel) -> None:
    with pytest.raises(NotFound):
        make_job(charlie.team, model=parent.name)
    delete_model(team=alice.team, by=alice.user, name=parent.name)
    with pytest.raises(NotFound):
        further(alice, parent.name)


def test_an_estimate_and_the_form_know_what_is_inherited(alice: Any, parent: TunedModel) -> None:
    file = make_file(alice.team)
    body = {"model": parent.name, "training_file": file.pk}
    found = alice.client.post("/api/v1/jobs/estimate", body, format="json").json()
    assert found["hyperparameters"]["lora_dim"] == 4
    page = Client()
    page.force_login(alice.user)
    shown = page.get(f"/jobs/new?model={parent.name}&file={file.pk}").content.decode()
    assert f'value="{parent.name}" checked' in " ".join(shown.split())
    assert f"As in {parent.name}, which is trained further." in shown
    reply = page.post("/jobs/new", {"model": parent.name, "file": file.pk})
    assert reply.status_code == 302
    assert FineTuningJob.objects.latest("created_at").parent["adapter"] == parent.pk
