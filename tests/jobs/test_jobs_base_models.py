"""A training uses its base's weights as the catalogue knows them, or says what is wrong with them."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from job_makers import end, make_job

from catalogue.models import BaseModel
from compute.models import Device, Node, Run
from compute.work import WorkError
from jobs import finishing
from jobs.models import Attempt, FineTuningJob
from jobs.training import Training

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
    finishing.finish(attempt, run.directory, "failed")
    job = FineTuningJob.objects.get(pk=attempt.job_id)
    assert (job.status, job.error_code) == ("failed", "model_damaged")
