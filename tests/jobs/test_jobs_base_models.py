"""A training uses its base's weights as the catalogue knows them, or says what is wrong with them."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.storage import FileSystemStorage
from job_makers import end, make_file, make_job

from catalogue import placing
from catalogue.models import BaseModel
from catalogue.placing import publish
from common import artifacts
from compute.models import Device, Node, Run
from compute.work import TryAgain, WorkError
from jobs.models import Attempt, FineTuningJob
from jobs.training import concluding
from jobs.training.work import Training
from jobs.web.pages import sentence_of
from trainer.spec import TrainingSpec

pytestmark = pytest.mark.django_db


def started(job: FineTuningJob) -> Run:
    """Return the Run of the job's newest attempt with a core of its own, as the scheduler gives it."""
    attempt = job.newest_attempt
    assert attempt is not None
    run = attempt.run
    run.node, _ = Node.objects.get_or_create(name="node-1", defaults={"queue": "node-1"})
    run.state = Run.State.STARTING
    run.save(update_fields=["node", "state"])
    run.allocations.create(device=Device.objects.get_or_create(node=run.node, index=0, defaults={"kind": "cpu"})[0])
    return run


def test_a_damaged_base_fails_the_job_before_it_trains(alice: Any, base: BaseModel, tmp_path: Path) -> None:
    folder = shutil.copytree(base.path, tmp_path / "weights")
    BaseModel.objects.update(folder=str(folder))
    run = started(make_job(alice.team))
    with (folder / "model.safetensors").open("r+b") as stream:
        stream.seek(8000)
        stream.write(b"\xff" * 4096)
    with pytest.raises(WorkError, match=r"The weights of tiny on the node .* are damaged") as caught:
        Training().prepare(run, run.directory)
    assert caught.value.code == "model_damaged"
    assert not run.directory.spec.exists()
    attempt = Attempt.objects.select_related("job").get(run=end(run, "failed", code="model_damaged", message="It is."))
    concluding.conclude(attempt, run.directory, "failed")
    job = FineTuningJob.objects.get(pk=attempt.job_id)
    assert (job.status, job.error_code) == ("failed", "model_damaged")


class TestTwoMachines:
    """The model was registered on one machine; the job is read on a second one and trains on a third."""

    @pytest.fixture
    def elsewhere(self, base: BaseModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BaseModel:
        store = FileSystemStorage(tmp_path / "shared")
        monkeypatch.setattr(artifacts, "storage", lambda: store)
        folder = shutil.copytree(base.path, tmp_path / "on-the-first")
        BaseModel.objects.update(folder=str(folder))
        publish(BaseModel.objects.get())
        shutil.rmtree(folder)
        return BaseModel.objects.get()

    def test_the_model_comes_by_itself_and_the_job_says_how_far_it_is(
        self, alice: Any, elsewhere: BaseModel, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job = make_job(alice.team)
        assert job.status == "queued", "the data was read without the weights"
        assert not elsewhere.path.exists()

        monkeypatch.setattr(settings, "LUTHIER_HOME", tmp_path / "node")
        run = started(job)
        said: list[str] = []
        copy = placing._copy

        def watched(*arguments: Any) -> None:
            said.append(sentence_of(FineTuningJob.objects.get(pk=job.pk)))
            copy(*arguments)

        monkeypatch.setattr(placing, "_copy", watched)
        Training().prepare(run, run.directory)
        assert said[0] == "Waiting: copying the model tiny to its node, 0 % so far."
        spec = TrainingSpec.from_json(run.directory.read_spec())
        assert spec.model_path == str(tmp_path / "node" / "models" / "tiny")
        assert (Path(spec.model_path) / "model.safetensors").exists()
        run.refresh_from_db()
        assert run.explanation == {}

    def test_a_row_is_shown_as_tokens_on_a_machine_without_the_model(self, alice: Any, elsewhere: BaseModel) -> None:
        file = make_file(alice.team)
        reply = alice.client.get(f"/api/v1/files/{file.pk}/rows/0/tokens?model=tiny")
        assert reply.status_code == 200, reply.content
        assert not elsewhere.path.exists()

    def test_storage_that_is_away_is_waited_for(
        self, alice: Any, elsewhere: BaseModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = started(make_job(alice.team))
        monkeypatch.setattr(settings, "LUTHIER_HOME", tmp_path / "node")
        monkeypatch.setattr(artifacts, "folder_exists", _away)
        with pytest.raises(TryAgain, match="Object storage did not give tiny"):
            Training().prepare(run, run.directory)

    def test_a_model_that_nobody_has_fails_the_job_with_what_to_do(
        self, alice: Any, elsewhere: BaseModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = started(make_job(alice.team))
        shutil.rmtree(tmp_path / "shared")
        monkeypatch.setattr(settings, "LUTHIER_HOME", tmp_path / "node")
        with pytest.raises(WorkError, match=r"manage\.py fetch_model tiny") as caught:
            Training().prepare(run, run.directory)
        assert caught.value.code == "model_not_here"


def _away(*args: Any) -> bool:
    raise ConnectionError("Nobody answers.")
