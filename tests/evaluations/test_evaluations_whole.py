"""What Django writes is what the real process reads, and what that one says is what is stored: a small real model."""

from pathlib import Path
from typing import Any

import pytest
import torch

from catalogue.folders import identity
from catalogue.models import BaseModel
from common import artifacts
from compute.models import Run
from evaluating.evaluation import evaluate
from evaluating.spec import EvaluationSpec
from evaluations import services
from evaluations.models import Evaluation, Sample
from jobs.models import FineTuningJob, TunedModel
from jobs.tuned_models import adapter_id, model_name
from rundir import EventWriter, read_events, sha256_of_file, write_manifest
from rundir.manifest import NAME as MANIFEST
from serving.stop import StopSwitch
from tests.evaluations.evaluation_makers import work
from tests.jobs.conftest import Member
from tests.jobs.job_makers import make_job
from tests.serving.conftest import make_adapter, make_base

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def chat_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Take the place of the cast's base, which has no weights that a model is made of."""
    return make_base(tmp_path_factory.mktemp("base"), seed=0)


@pytest.fixture
def tuned(alice: Member, base: BaseModel, chat_folder: Path, tmp_path: Path) -> TunedModel:
    BaseModel.objects.filter(pk=base.pk).update(vocab_size=340, sha256=identity(chat_folder))
    job = make_job(alice.team, by=alice.user, rows=40, hyperparameters={"validation_split": 0.3})
    folder = make_adapter(tmp_path / "red", chat_folder, seed=1, r=4, lora_alpha=8, target_modules="all-linear")
    write_manifest(folder)
    artifacts.publish_folder(folder, f"adapters/{adapter_id(job)}")
    FineTuningJob.objects.filter(pk=job.pk).update(status="succeeded", fine_tuned_model=model_name(job))
    return TunedModel.objects.create(
        pk=adapter_id(job), job=job, team=job.team, base_model=job.base_model, name=model_name(job), result="adapter",
        storage_name=f"adapters/{adapter_id(job)}", sha256=sha256_of_file(folder / MANIFEST), chat_hash="c" * 64,
    )  # fmt: skip


def run_to_its_end(evaluation: Evaluation, **changes: Any) -> Evaluation:
    run = Run.objects.get(pk=evaluation.run_id)
    work.prepare(run, run.directory)
    spec = EvaluationSpec.from_json({**run.directory.read_spec(), **changes})
    threads = torch.get_num_threads()
    status = evaluate(run.directory, spec, EventWriter(run.directory.events), StopSwitch())
    torch.set_num_threads(threads)
    events = read_events(run.directory.events)
    assert status == 0, events[-1].message
    work.record(run, events)
    Run.objects.filter(pk=run.pk).update(state="concluding", outcome="succeeded")
    run.refresh_from_db()
    work.conclude(run, run.directory, "succeeded")
    evaluation.refresh_from_db()
    return evaluation


def test_a_jobs_model_is_asked_measured_and_judged_beside_its_base(tuned: TunedModel) -> None:
    evaluation = services.evaluate_job(job=tuned.job, by=None)
    ended = run_to_its_end(evaluation, max_tokens=4, threads=1)
    assert (ended.state, ended.num_done) == ("succeeded", ended.num_total)
    asked = ended.questions.filter(is_asked=True).count()
    assert Sample.objects.of(ended).count() == 2 * asked
    for subject in ended.subjects.all():
        assert len(subject.held_out or []) == ended.questions.filter(kind="held_out").count() > 0
        assert {"loss", "perplexity", "token_accuracy", "chrf", "general_right"} <= set(ended.results[subject.name])
    assert {pair["metric"] for pair in ended.pairs} >= {"loss", "chrf"}
    assert ended.verdict["light"] in ("green", "amber", "red")
    assert ended.verdict["findings"]
