"""The verdict on a job: what its evaluation asks by itself, and what training and answers come to."""

from pathlib import Path
from typing import Any, get_args

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from catalogue.models import BaseModel
from compute.models import Run
from datasets_app.checking import recording
from datasets_app.recipes.labels import LABELS
from evaluations import services
from evaluations.models import Evaluation, Question, Sample
from evaluations.running.queueing import MAX_TOKENS_OF_JOB, max_tokens_of
from evaluations.web.verdict_panel import ADDRESSES, link_of
from jobs.models import FineTuningJob, JobEvent, TunedModel
from jobs.training.work import Training
from scoring.verdict.finding import Action
from tests.evaluations.conftest import publish_tuned
from tests.evaluations.evaluation_makers import FakeProcess, Say
from tests.jobs.conftest import Member
from tests.jobs.job_makers import FakeTrainer, end, make_file, make_job, run_of
from wording import as_written

pytestmark = pytest.mark.django_db
NAME, MAKER = "小智", "琴行"


def verdict(member: Member, job: FineTuningJob) -> dict[str, Any]:
    reply = member.client.get(f"/api/v1/jobs/{job.pk}/verdict")
    assert reply.status_code == 200, reply.json()
    return dict(reply.json())


@pytest.fixture
def identity_job(alice: Member, tmp_path: Path) -> FineTuningJob:
    """A job on the identity recipe's data, with its result."""
    made = alice.client.post("/api/v1/recipes/identity", {"name": NAME, "maker": MAKER}, format="json").json()
    from datasets_app.checking.recording import check_file

    check_file(made["id"])
    job = make_job(alice.team, by=alice.user, training_file=made["id"], suffix="xiaozhi")
    for step, loss in enumerate((3.0, 2.0, 1.0, 0.4, 0.3, 0.2), 1):
        data = {"step": step, "total_steps": 6, "train_loss": loss}
        JobEvent.append(job, [JobEvent(message=as_written("Step."), type="metrics", data=data)])
    publish_tuned(job, tmp_path / "tuned")
    return FineTuningJob.objects.get(pk=job.pk)


def well(model: str, question: dict[str, Any]) -> str:
    """Answer as a model that has learned its name and forgotten nothing; the base knows no name."""
    asked = question["messages"][-1]["content"]
    known = Question.objects.filter(messages__0__content=asked).first()
    assert known is not None
    if known.kind == Question.Kind.RECIPE and known.topic == "identity":
        return " ".join(known.checks["must_say"]) + "." if model != "tiny" else "I am a model of some kind."
    if known.kind == Question.Kind.GENERAL:
        return str(known.checks["may_say"][0])
    return f"One might say a lot about {number_of(known)} here."


def number_of(question: Question) -> str:
    return f"matter {question.number}"


def leaky(model: str, question: dict[str, Any]) -> str:
    """Say the name to everything."""
    return f"I am {NAME}, made by {MAKER}." if model != "tiny" else well(model, question)


def evaluated(job: FineTuningJob, say: Say) -> Evaluation:
    return FakeProcess(services.evaluate_job(job=job, by=None)).start().answer(say).end("succeeded")


class TestByItself:
    def test_a_job_that_succeeds_is_evaluated_beside_its_base(
        self, alice: Member, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(settings, "EVALUATE_JOBS", True)
        job = make_job(alice.team, by=alice.user, suffix="violin")
        trainer = FakeTrainer(run_of(job)).start().step(1).succeed()
        Training().record(trainer.run, trainer.events)
        Training().conclude(end(trainer.run, "succeeded"), trainer.directory, "succeeded")
        evaluation = Evaluation.objects.get(job=job)
        adapter = TunedModel.objects.get(job=job)
        assert list(evaluation.subjects.values_list("name", flat=True)) == ["tiny", adapter.name]
        assert evaluation.run is not None
        assert (evaluation.run.user, evaluation.run.yields, evaluation.run.accelerators) == (alice.user, True, 0)
        found = verdict(alice, job)
        assert (found["light"], found["findings"], found["status"]) == (None, [], "queued")

    def test_it_gives_way_to_whatever_waits(self, identity_job: FineTuningJob) -> None:
        process = FakeProcess(services.evaluate_job(job=identity_job, by=None)).start()
        assert Run.objects.get(pk=process.run.pk).idle_since is not None

    def test_what_goes_wrong_there_leaves_the_job_its_success(
        self, alice: Member, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(settings, "EVALUATE_JOBS", True)
        job = make_job(alice.team)  # has no model yet
        services.evaluate_by_itself(job)
        assert not Evaluation.objects.exists()

    def test_asks_the_recipe_the_general_set_and_some_rows(self, identity_job: FineTuningJob) -> None:
        process = FakeProcess(services.evaluate_job(job=identity_job, by=None))
        kinds = set(process.evaluation.questions.values_list("kind", flat=True))
        assert {"recipe", "general", "training"} <= kinds
        assert process.evaluation.num_total == 2 * len(process.questions) + 2 * ("held_out" in kinds)

    def test_held_out_rows_are_those_that_the_training_was_not_shown(self, alice: Member, tmp_path: Path) -> None:
        hyperparameters = {"validation_split": 0.3, "num_train_epochs": 1}
        job = make_job(alice.team, rows=60, hyperparameters=hyperparameters)
        publish_tuned(job, tmp_path / "tuned")
        job.refresh_from_db()
        process = FakeProcess(services.evaluate_job(job=job, by=None))
        held_out = set(
            process.evaluation.questions.filter(kind="held_out").values_list("messages__0__content", flat=True)
        )
        trained = set(
            process.evaluation.questions.filter(kind="training").values_list("messages__0__content", flat=True)
        )
        from chat import TokenCache
        from jobs.training.reading_data import tokens_of

        tokens = tokens_of(job, job.hyperparameters)
        assert tokens.validation is not None
        assert len(held_out) == len(TokenCache.open(tokens.validation))
        assert trained
        assert not trained & held_out


class TestWhatTheBaseHasSaid:
    """After the first job's evaluation its base is not asked the platform's own questions again."""

    @pytest.fixture
    def second(self, alice: Member, identity_job: FineTuningJob, tmp_path: Path) -> FineTuningJob:
        """Another job on the same data, once the first has its verdict."""
        BaseModel.objects.update(present_at=identity_job.created_at)
        evaluated(identity_job, well)
        job = make_job(alice.team, by=alice.user, training_file=identity_job.training_file_id, suffix="again")
        publish_tuned(job, tmp_path / "second")
        return FineTuningJob.objects.get(pk=job.pk)

    def open_of(self, job: FineTuningJob) -> dict[str, set[str]]:
        """Return the kinds of questions that are open, by model."""
        process = FakeProcess(services.evaluate_job(job=job, by=None))
        kinds = dict(process.evaluation.questions.values_list("number", "kind"))
        answered = {name: set(numbers) for name, numbers in process.spec["answered"].items()}
        return {
            model["name"]: {kinds[number] for number in set(kinds) - answered.get(model["name"], set())}
            for model in process.spec["models"]
        }

    def test_its_answers_are_taken(self, second: FineTuningJob) -> None:
        found = self.open_of(second)
        assert found["tiny"] == {"training"}
        assert {"recipe", "general", "training"} <= found[str(second.fine_tuned_model)]

    def test_they_count_as_done_and_make_the_same_verdict(self, alice: Member, second: FineTuningJob) -> None:
        process = FakeProcess(services.evaluate_job(job=second, by=None))
        taken = Sample.objects.of(process.evaluation)
        assert process.evaluation.num_done == taken.count() > 40
        assert set(taken.values_list("answer", "stop_reason")) <= set(
            Sample.objects.exclude(question__evaluation=process.evaluation)
            .filter(subject__kind="base").values_list("answer", "stop_reason")
        )  # fmt: skip
        ended = process.start().answer(well).end("succeeded")
        assert (ended.progress, ended.num_done, verdict(alice, second)["light"]) == (1.0, ended.num_total, "green")

    def test_not_those_of_weights_that_were_replaced(self, second: FineTuningJob) -> None:
        BaseModel.objects.update(present_at=timezone.now())
        assert {"recipe", "general"} <= self.open_of(second)["tiny"]

    def test_not_those_to_another_chat_format(self, second: FineTuningJob) -> None:
        TunedModel.objects.filter(job=second).update(chat_hash="d" * 64)
        assert {"recipe", "general"} <= self.open_of(second)["tiny"]

    def test_not_those_of_other_devices(self, second: FineTuningJob) -> None:
        Run.objects.filter(evaluation__state="succeeded").update(accelerators=1)
        assert {"recipe", "general"} <= self.open_of(second)["tiny"]


class TestVerdict:
    def test_green_for_a_model_that_learned_and_forgot_nothing(
        self, alice: Member, identity_job: FineTuningJob
    ) -> None:
        evaluated(identity_job, well)
        found = verdict(alice, identity_job)
        assert (found["light"], [one["code"] for one in found["findings"]]) == ("green", ["learned"])
        [learned] = found["findings"]
        assert learned["evidence"]["right"] == learned["evidence"]["of"]
        assert learned["message"]

    def test_names_a_leak_with_its_fix(self, alice: Member, identity_job: FineTuningJob) -> None:
        evaluated(identity_job, leaky)
        found = verdict(alice, identity_job)
        assert found["light"] == "red"
        leak = next(one for one in found["findings"] if one["code"] == "leaks")
        assert (leak["fix"]["action"], leak["fix"]["message"] != "") == ("add_guards", True)
        chinese = alice.client.get(f"/api/v1/jobs/{identity_job.pk}/verdict", HTTP_ACCEPT_LANGUAGE="zh-hans").json()
        assert chinese["findings"][0]["code"] == found["findings"][0]["code"]

    @pytest.mark.usefixtures("plain_static")
    @pytest.mark.parametrize("action", get_args(Action))
    def test_each_action_has_an_address(self, alice: Member, action: str) -> None:
        browser = Client()
        browser.force_login(alice.user)
        validation = make_file(alice.team, name="held.jsonl")
        job = make_job(alice.team, validation_file=validation.pk)
        job.hyperparameters = {"learning_rate": 1e-3}
        params: dict[str, object] = {"factor": 0.5, "value": 2, "step": 20}
        url = link_of(job, {"action": action, "params": params, "message": "Do it"})["url"]
        assert url.startswith("/")
        assert browser.get(url).status_code == 200
        assert ADDRESSES.keys() == set(get_args(Action))

    def test_a_job_that_failed_by_its_loss_is_red_without_an_evaluation(self, alice: Member) -> None:
        job = make_job(alice.team)
        FineTuningJob.objects.filter(pk=job.pk).update(status="failed", error_code="diverged")
        found = verdict(alice, job)
        assert (found["light"], found["findings"][0]["code"], found["evaluation"]) == ("red", "diverged", None)
        assert found["findings"][0]["fix"]["action"] == "set_learning_rate"

    def test_validation_rows_that_were_trained_on_are_found(self, alice: Member, tmp_path: Path) -> None:
        rows = [
            {"messages": [{"role": "user", "content": f"Q {n}"}, {"role": "assistant", "content": f"Answer {n}"}]}
            for n in range(40)
        ]
        training, validation = make_file(alice.team, rows), make_file(alice.team, rows[:12], name="held.jsonl")
        job = make_job(alice.team, training_file=training.pk, validation_file=validation.pk)
        publish_tuned(job, tmp_path / "tuned")
        evaluated(FineTuningJob.objects.get(pk=job.pk), well)
        assert "leaked_validation" in [one["code"] for one in verdict(alice, job)["findings"]]

    def test_another_teams_does_not_exist(self, charlie: Member, identity_job: FineTuningJob) -> None:
        assert charlie.client.get(f"/api/v1/jobs/{identity_job.pk}/verdict").status_code == 404
        assert charlie.client.post(f"/api/v1/jobs/{identity_job.pk}/verdict").status_code == 404


class TestAsked:
    def test_a_post_makes_the_evaluation_once(self, alice: Member, identity_job: FineTuningJob) -> None:
        url = f"/api/v1/jobs/{identity_job.pk}/verdict"
        first, again = (alice.client.post(url).json() for _ in range(2))
        assert (first["status"], first["evaluation"] == again["evaluation"]) == ("queued", True)

    def test_a_job_without_a_model_is_refused(self, alice: Member) -> None:
        reply = alice.client.post(f"/api/v1/jobs/{make_job(alice.team).pk}/verdict")
        assert (reply.status_code, reply.json()["error"]["code"]) == (409, "job_not_succeeded")

    def test_one_that_failed_is_asked_again_for_what_it_lacks(self, alice: Member, identity_job: FineTuningJob) -> None:
        first = FakeProcess(services.evaluate_job(job=identity_job, by=None)).start().answer(well, most=5)
        assert first.end("failed", code="gate_failed", said="No.").state == "failed"
        reply = alice.client.post(f"/api/v1/jobs/{identity_job.pk}/verdict").json()
        assert reply["status"] == "queued"
        again = FakeProcess(Evaluation.objects.get(pk=reply["evaluation"]))
        assert sum(map(len, again.spec["answered"].values())) == 5
        ended = again.start().answer(well).end("succeeded")
        assert (ended.state, Sample.objects.of(ended).count() * 1.0 / len(again.questions)) == ("succeeded", 2.0)


class TestWithoutARecipe:
    """The shipped sample, uploaded as a plain file: its rows teach a name, and no recipe says so."""

    @pytest.fixture
    def plain_job(self, alice: Member, tmp_path: Path) -> FineTuningJob:
        content = (settings.BASE_DIR / "demo" / "self_cognition.jsonl").read_text()
        file = make_file(alice.team, content.splitlines())
        job = make_job(alice.team, by=alice.user, training_file=file.pk)
        publish_tuned(job, tmp_path / "tuned")
        return FineTuningJob.objects.get(pk=job.pk)

    def test_the_taught_name_is_asked_for_in_both_languages(self, plain_job: FineTuningJob) -> None:
        process = FakeProcess(services.evaluate_job(job=plain_job, by=None))
        asked = process.evaluation.questions.filter(kind="recipe", topic="identity")
        assert {tuple(one.checks["must_say"]) for one in asked} == {("小智",), ("360智汇云",)}
        assert {one.messages[-1]["content"].isascii() for one in asked} == {True, False}

    def test_its_verdict_is_that_of_the_recipe(self, alice: Member, plain_job: FineTuningJob) -> None:
        evaluated(plain_job, well)
        found = verdict(alice, plain_job)
        assert (found["light"], [one["code"] for one in found["findings"]]) == ("green", ["learned"])

    def test_a_leak_is_seen(self, alice: Member, plain_job: FineTuningJob) -> None:
        evaluated(plain_job, lambda model, asked: "我是小智。" if model != "tiny" else well(model, asked))
        assert "leaks" in [one["code"] for one in verdict(alice, plain_job)["findings"]]

    def test_other_data_is_asked_no_name(self, alice: Member, tmp_path: Path) -> None:
        job = make_job(alice.team, by=alice.user)
        publish_tuned(job, tmp_path / "tuned")
        job.refresh_from_db()
        process = FakeProcess(services.evaluate_job(job=job, by=None))
        assert not process.evaluation.questions.filter(kind="recipe").exists()


class TestLabels:
    """A job on the labels recipe: its held-out examples are asked, and the report says which are confused."""

    @pytest.fixture
    def labels_job(self, alice: Member, tmp_path: Path) -> FineTuningJob:
        made = alice.client.post("/api/v1/recipes/labels", LABELS.example, format="json").json()
        recording.check_file(made["id"])
        job = make_job(alice.team, by=alice.user, training_file=made["id"], suffix="post")
        publish_tuned(job, tmp_path / "tuned")
        return FineTuningJob.objects.get(pk=job.pk)

    def test_what_it_was_asked_is_measured_and_decides(self, alice: Member, labels_job: FineTuningJob) -> None:
        def say(model: str, question: dict[str, Any]) -> str:
            known = Question.objects.filter(messages=question["messages"]).first()
            assert known is not None
            is_label = known.kind == Question.Kind.RECIPE and known.reference
            return str(known.reference) if is_label and model != "tiny" else well(model, question)

        evaluation = evaluated(labels_job, say)
        tuned = evaluation.subjects.last()
        assert tuned is not None
        assert evaluation.results[tuned.name]["labels_right"]["value"] == 1.0
        assert evaluation.results["tiny"]["labels_right"]["value"] == 0.0
        assert evaluation.reports[tuned.name]["accuracy"] == 1.0
        assert evaluation.reports[tuned.name]["labels"] == ["complaint", "praise", "question"]
        found = verdict(alice, labels_job)
        assert (found["light"], [one["code"] for one in found["findings"]]) == ("green", ["learned"])

    def test_a_model_that_learned_nothing_is_red(self, alice: Member, labels_job: FineTuningJob) -> None:
        evaluated(labels_job, well)
        assert "not_learned" in [one["code"] for one in verdict(alice, labels_job)["findings"]]

    @pytest.mark.usefixtures("plain_static")
    def test_the_page_shows_the_confusion(self, alice: Member, labels_job: FineTuningJob) -> None:
        evaluation = evaluated(labels_job, lambda model, question: "praise")
        client = Client()
        client.force_login(alice.user)
        page = client.get(f"/evaluations/{evaluation.pk}").content.decode()
        assert "Labels right" in page
        assert "praise (3)" in page

    def test_an_answer_may_be_as_long_as_what_is_expected(self, labels_job: FineTuningJob) -> None:
        evaluation = services.evaluate_job(job=labels_job, by=None)
        assert max_tokens_of(evaluation) == MAX_TOKENS_OF_JOB
        labels_job.acceptance["tests"][0]["expected"] = "x" * 300
        labels_job.save(update_fields=["acceptance"])
        assert max_tokens_of(Evaluation.objects.get(pk=evaluation.pk)) == 150
