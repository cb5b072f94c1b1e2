"""Checkpoints in a job's own evaluation: which, how little they are asked, and the step that is named best by it."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from common import artifacts
from deployments.models import Deployment
from evaluations import services
from evaluations.models import Evaluation, Question, Sample
from evaluations.running.checkpoints import ASKED, MOST
from jobs.models import Checkpoint, FineTuningJob
from tests.evaluations.conftest import publish_checkpoint, publish_tuned
from tests.evaluations.evaluation_makers import FakeProcess, told
from tests.jobs.conftest import Member
from tests.jobs.job_makers import make_file, make_job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


def with_checkpoints(job: FineTuningJob, folder: Path, *steps: int, result_step: int) -> FineTuningJob:
    """Give the job its result, and checkpoints in storage."""
    publish_tuned(job, folder / "tuned")
    for step in steps:
        publish_checkpoint(job, folder / f"step-{step}", step)
    FineTuningJob.objects.filter(pk=job.pk).update(result_step=result_step)
    return FineTuningJob.objects.get(pk=job.pk)


@pytest.fixture
def recipe_job(alice: Member, tmp_path: Path) -> FineTuningJob:
    """A job on the identity recipe's data, of which no row was held out."""
    made = alice.client.post("/api/v1/recipes/identity", {"name": "小智", "maker": "琴行"}, format="json").json()
    from datasets_app.checking.recording import check_file

    check_file(made["id"])
    job = make_job(alice.team, by=alice.user, training_file=made["id"], suffix="xiaozhi")
    return with_checkpoints(job, tmp_path, 20, 40, 60, result_step=60)


@pytest.fixture
def measured_job(alice: Member, tmp_path: Path) -> FineTuningJob:
    """A job with rows that were held out."""
    training, validation = make_file(alice.team, 40), make_file(alice.team, held_out(), name="held.jsonl")
    job = make_job(alice.team, by=alice.user, training_file=training.pk, validation_file=validation.pk)
    return with_checkpoints(job, tmp_path, 2, 4, 6, result_step=6)


def held_out() -> list[dict[str, Any]]:
    return [
        {"messages": [{"role": "user", "content": f"Held {n}"}, {"role": "assistant", "content": f"Out {n}"}]}
        for n in range(5)
    ]


def process_of(job: FineTuningJob) -> FakeProcess:
    return FakeProcess(services.evaluate_job(job=job, by=None))


def names(evaluation: Evaluation) -> list[str]:
    return list(evaluation.subjects.order_by("position").values_list("name", flat=True))


def at(job: FineTuningJob, step: int) -> str:
    return f"{job.fine_tuned_model}:ckpt-step-{step}"


def knows(*models: str) -> Any:
    """Answer as the recipe wants it where one of `models` is asked, and otherwise not."""

    def say(model: str, question: dict[str, Any]) -> str:
        known = Question.objects.filter(messages=question["messages"]).first()
        assert known is not None
        return " ".join(known.checks.get("must_say", ())) + " indeed." if model in models else "I am some model."

    return say


class TestWhich:
    def test_those_that_are_not_the_model_behind_it(self, recipe_job: FineTuningJob) -> None:
        evaluation = process_of(recipe_job).evaluation
        assert names(evaluation) == [
            "tiny", recipe_job.fine_tuned_model, at(recipe_job, 20), at(recipe_job, 40),
        ]  # fmt: skip

    def test_a_few_alone_the_best_among_them(self, measured_job: FineTuningJob, tmp_path: Path) -> None:
        for step in (1, 3, 5):
            publish_checkpoint(measured_job, tmp_path / f"more-{step}", step)
        Checkpoint.objects.filter(step=1).update(metrics={"valid_loss": 0.1})
        kept = [at(measured_job, step) for step in (1, 4, 5)]
        assert names(process_of(measured_job).evaluation)[2:] == kept
        assert len(kept) == MOST

    def test_none_where_nothing_tells_them_apart(self, alice: Member, tmp_path: Path) -> None:
        job = with_checkpoints(make_job(alice.team, by=alice.user), tmp_path, 2, 4, result_step=4)
        assert len(names(process_of(job).evaluation)) == 2

    def test_what_storage_has_lost_is_left_out(self, alice: Member, recipe_job: FineTuningJob) -> None:
        artifacts.delete_folder(Checkpoint.objects.get(step=20).storage_name)
        process = process_of(recipe_job)
        assert names(process.evaluation)[2:] == [at(recipe_job, 40)]
        ended = process.start().answer(told({})).end("succeeded")
        assert (ended.state, ended.num_done) == ("succeeded", ended.num_total)


class TestHowLittle:
    def test_some_of_the_recipes_questions_and_no_others(self, recipe_job: FineTuningJob) -> None:
        process = process_of(recipe_job)
        ended = process.start().answer(knows(str(recipe_job.fine_tuned_model))).end("succeeded")
        asked = Sample.objects.filter(subject__name=at(recipe_job, 20)).select_related("question")
        assert 1 < len(asked) <= ASKED
        assert {(one.question.kind, one.question.topic) for one in asked} == {("recipe", "identity")}
        assert {one.question.text.isascii() for one in asked} == {True, False}
        assert (ended.state, ended.num_done) == ("succeeded", ended.num_total)

    def test_what_the_page_counts_is_the_model_alone(self, alice: Member, recipe_job: FineTuningJob) -> None:
        process_of(recipe_job).start().answer(knows(str(recipe_job.fine_tuned_model))).end("succeeded")
        browser = Client()
        browser.force_login(alice.user)
        evaluation = Evaluation.objects.get()
        of_model = Sample.objects.filter(subject__name=recipe_job.fine_tuned_model).count()
        assert f"Of {of_model} answers" in browser.get(f"/evaluations/{evaluation.pk}/live").content.decode()


class TestBestStep:
    def verdict(self, alice: Member, job: FineTuningJob) -> dict[str, Any]:
        return dict(alice.client.get(f"/api/v1/jobs/{job.pk}/verdict").json())

    def test_is_named_by_the_answers(self, alice: Member, recipe_job: FineTuningJob) -> None:
        process_of(recipe_job).start().answer(knows(at(recipe_job, 40))).end("succeeded")
        assert self.verdict(alice, recipe_job)["best_step"] == 40
        browser = Client()
        browser.force_login(alice.user)
        page = browser.get(f"/jobs/{recipe_job.pk}").content.decode()
        assert page.count(f'name="model" value="{at(recipe_job, 40)}"') == 1  # no finding is about it

    def test_is_the_models_own_where_no_checkpoint_did_better(self, alice: Member, recipe_job: FineTuningJob) -> None:
        both = knows(str(recipe_job.fine_tuned_model), at(recipe_job, 20))
        process_of(recipe_job).start().answer(both).end("succeeded")
        assert self.verdict(alice, recipe_job)["best_step"] == 60

    def test_by_held_out_rows_is_a_fix_that_a_button_does(self, alice: Member, measured_job: FineTuningJob) -> None:
        process = process_of(measured_job).start()
        losses = {
            "tiny": 4.0,
            at(measured_job, 2): 2.0,
            at(measured_job, 4): 1.0,
            str(measured_job.fine_tuned_model): 1.5,
        }
        process.measure({name: [[10 * loss, 10, 5]] * 5 for name, loss in losses.items()})
        process.answer(told({f"Held {n}": f"Out {n}" for n in range(5)})).end("succeeded")
        found = self.verdict(alice, measured_job)
        assert found["best_step"] == 4
        [fix] = [one["fix"] for one in found["findings"] if one["code"] == "overfitted"]
        assert (fix["action"], fix["params"], fix["message"]) == ("use_step", {"step": 4}, "Use step 4")
        assert {one.step: one.metrics.get("held_out_loss") for one in Checkpoint.objects.all()} == {2: 2, 4: 1, 6: 1.5}

        browser = Client()
        browser.force_login(alice.user)
        page = browser.get(f"/jobs/{measured_job.pk}").content.decode()
        assert page.count(f'name="model" value="{at(measured_job, 4)}"') == 1  # beside the finding
        assert ("Held out" in page, '<td class="n">1.0000</td>' in page) == (True, True)
        reply = browser.post("/deployments/from-job", {"model": at(measured_job, 4)})
        assert reply.status_code == 302
        assert Deployment.objects.get().checkpoint == Checkpoint.objects.get(step=4)

    def test_of_a_training_of_all_weights_is_not_named(self, alice: Member, measured_job: FineTuningJob) -> None:
        measured_job.adapter.result = "model"
        measured_job.adapter.save(update_fields=["result"])
        process = process_of(measured_job)
        assert len(names(process.evaluation)) == 2
        process.start().answer(told({})).end("succeeded")
        assert self.verdict(alice, measured_job)["best_step"] is None
