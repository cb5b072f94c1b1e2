"""A model of the platform as teacher: asked with the sentence, learned from without it."""

import json
from typing import Any

import pytest
from django.test import Client

from datasets_app import hooks, services
from datasets_app.checking import recording
from datasets_app.models import TrainingFile
from datasets_app.recipes.sentence import SENTENCE
from datasets_app.storage import new_files
from datasets_app.tasks import wake_unchecked
from evaluations.models import Evaluation
from evaluations.services import cancel_evaluation
from evaluations.teaching import Teachers
from tests.evaluations.evaluation_makers import FakeProcess
from tests.jobs.job_makers import make_file, make_job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("base", "plain_static")]
ASKED = {**SENTENCE.example, "teacher": "tiny"}


@pytest.fixture(autouse=True)
def _teachers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "_teachers", [Teachers()])


@pytest.fixture
def file(alice: Any) -> TrainingFile:
    reply = alice.client.post("/api/v1/recipes/sentence", ASKED, format="json")
    assert reply.status_code == 200, reply.content
    return TrainingFile.objects.get(pk=reply.json()["id"])


def arr(model: str, question: dict[str, Any]) -> str:
    return f"Arr, {question['messages'][-1]['content']}"


def made(file: TrainingFile) -> TrainingFile:
    new_files.make_file(file.pk)
    recording.check_file(file.pk)
    file.refresh_from_db()
    return file


def test_the_teacher_alone_is_asked_and_sees_the_sentence(file: TrainingFile, alice: Any) -> None:
    evaluation = Evaluation.objects.get()
    assert (evaluation.team, file.made["teacher"]) == (alice.team, evaluation.pk)
    process = FakeProcess(evaluation)
    assert [model["name"] for model in process.spec["models"]] == ["tiny"]
    assert {question["messages"][0]["content"] for question in process.questions} == {ASKED["prompt"]}
    asked = {question["messages"][-1]["content"] for question in process.questions}
    assert set(ASKED["prompts"]) < asked
    assert len(asked) == 40, "completed by everyday questions"


def test_the_data_set_waits_and_then_has_the_answers_without_the_sentence(file: TrainingFile, alice: Any) -> None:
    wake_unchecked()
    assert made(file).is_being_made
    assert file.heartbeat_at is None, "the next round tries again"
    FakeProcess(Evaluation.objects.get()).start().answer(arr).end("succeeded")
    assert made(file).is_processed, file.status_details
    with services.open_file(file) as stream:
        rows = [json.loads(line)["messages"] for line in stream.read().splitlines()]
    assert all(row[0]["role"] == "user" and row[1]["content"] == f"Arr, {row[0]['content']}" for row in rows)
    assert ASKED["prompt"] not in json.dumps(rows)
    found = services.acceptance_of(file)
    assert found is not None
    held_out = {test.messages[-1]["content"] for test in found.tests}
    assert held_out < set(ASKED["prompts"])
    assert not held_out & {row[0]["content"] for row in rows}
    assert found.tests[0].judge(f"Arr, {found.tests[0].expected[5:-8]}", "I do not know.").is_passed
    job = make_job(alice.team, training_file=file.pk)
    assert job.acceptance["recipe"] == "sentence"
    assert job.reasons["validation_split"]["code"] == "validation_recipe"


def test_a_data_set_of_a_long_name_is_completed(alice: Any) -> None:
    long = make_file(alice.team, name="n" * 240)
    reply = alice.client.post("/api/v1/recipes/sentence", {**ASKED, "file": long.pk}, format="json")
    assert reply.status_code == 200, reply.content
    assert len(Evaluation.objects.get().name) == 200


def test_answers_without_an_end_are_no_rows(file: TrainingFile) -> None:
    process = FakeProcess(Evaluation.objects.get()).start().answer(arr)
    samples = Evaluation.objects.get().questions.order_by("number")
    for question in samples[:5]:
        question.samples.update(stop_reason="length")
    process.end("succeeded")
    assert made(file).is_processed
    every = SENTENCE.read(ASKED)
    assert file.num_rows == len(every.learned) - 5


def test_without_an_answer_to_test_with_there_is_no_test_that_is_passed(file: TrainingFile, alice: Any) -> None:
    process = FakeProcess(Evaluation.objects.get()).start().answer(arr)
    for question in Evaluation.objects.get().questions.all():
        if question.text in SENTENCE.read(ASKED).held_out:
            question.samples.update(stop_reason="length")
    process.end("succeeded")
    assert made(file).is_processed, file.status_details
    assert make_job(alice.team, training_file=file.pk).acceptance == {}


@pytest.mark.parametrize("how", ["cancelled", "failed", "silent", "deleted"])
def test_why_there_is_no_data_set_is_said(file: TrainingFile, how: str) -> None:
    evaluation = Evaluation.objects.get()
    if how == "cancelled":
        cancel_evaluation(evaluation=evaluation, by=None)
        FakeProcess(evaluation).end("stopped", reason="cancel")
    elif how == "failed":
        FakeProcess(evaluation).start().end("failed", code="out_of_memory", said="Memory ran out.")
    elif how == "silent":
        FakeProcess(evaluation).start().answer(lambda model, question: " ").end("succeeded")
    else:
        evaluation.delete()
    assert made(file).status == "error"
    said = str(file.status_details)
    wanted = {"failed": "Memory ran out.", "silent": "tiny answered 0 questions"}.get(how, "cancelled")
    assert wanted in said


def test_a_model_that_is_none_is_refused_at_its_field_and_nothing_is_left(alice: Any) -> None:
    reply = alice.client.post("/api/v1/recipes/sentence", {**ASKED, "teacher": "nobody"}, format="json")
    assert (reply.status_code, reply.json()["error"]["param"]) == (404, "teacher")
    assert not TrainingFile.objects.exists()
    assert not Evaluation.objects.exists()


def test_the_page_offers_models_shows_the_questions_and_leads_to_the_teachers_run(alice: Any) -> None:
    client = Client()
    client.force_login(alice.user)
    assert '<option value="tiny"' in client.get("/datasets/sentence").content.decode()
    sent = {"prompt": "Be brief.", "teacher": "tiny", "prompts": "\n".join(ASKED["prompts"])}
    looked = client.post("/datasets/sentence", {**sent, "look": "1"}).content.decode()
    assert "Why do birds sing?" in looked
    assert not Evaluation.objects.exists()
    there = client.post("/datasets/sentence", sent).headers["Location"]
    assert f"/evaluations/{Evaluation.objects.get().pk}" in client.get(there).content.decode()


@pytest.mark.parametrize(("number", "is_enough"), [(9, False), (10, True)])
def test_few_questions_are_refused(alice: Any, number: int, is_enough: bool) -> None:
    body = {**ASKED, "prompts": [f"Question {n}?" for n in range(number)] + ["Question 1?"]}
    reply = alice.client.post("/api/v1/recipes/sentence", body, format="json")
    assert (reply.status_code == 200) is is_enough, reply.content


def test_a_data_set_of_ones_own_is_completed(alice: Any) -> None:
    own = make_file(alice.team, rows=12)
    reply = alice.client.post("/api/v1/recipes/sentence", {**ASKED, "file": own.pk}, format="json").json()
    file = TrainingFile.objects.get(pk=reply["id"])
    assert (file.parent, file.version, file.is_being_made) == (own, 2, True)
    FakeProcess(Evaluation.objects.get()).start().answer(arr).end("succeeded")
    assert made(file).num_rows == 12 + len(SENTENCE.read(ASKED).learned)


def test_nobody_is_asked_for_a_data_set_that_was_deleted(file: TrainingFile, alice: Any) -> None:
    assert alice.client.delete(f"/v1/files/{file.pk}").status_code == 200
    evaluation = Evaluation.objects.get()
    assert evaluation.is_stopping or evaluation.state == Evaluation.State.CANCELLED
