"""The acceptance test of a job: asked for by its data's recipe, held by its trainer, told in words."""

from typing import Any

import pytest
from django.test import Client
from django.utils import translation
from job_makers import FakeTrainer, make_job

from chat import AcceptanceTest, verdict
from datasets_app import services as files
from datasets_app.checking import recording
from datasets_app.recipes.identity import IDENTITY
from datasets_app.recipes.labels import LABELS
from jobs.models import FineTuningJob
from jobs.training.preparing import prepare
from jobs.training.work import Training
from jobs.web.verdicts import acceptance_of
from trainer.spec import TrainingSpec

pytestmark = pytest.mark.django_db

SEED_ANSWERS = {"name": "Nova", "maker": "Acme", "languages": ["en"]}


@pytest.fixture
def job(alice: Any) -> FineTuningJob:
    file = files.recipe_file(team=alice.team, by=None, recipe=IDENTITY, answers=SEED_ANSWERS)
    recording.check_file(file.pk)
    return make_job(alice.team, training_file=file.pk)


def told(job: FineTuningJob, *, right: int) -> FineTuningJob:
    """Return the job after its trainer has told a verdict with `right` right answers about itself."""
    tests = [AcceptanceTest.from_json(test) for test in job.acceptance["tests"]]
    answers = []
    for test in tests:
        is_right = test.topic == "unrelated" or right > 0
        right -= test.topic == "identity"
        answers.append((" ".join(test.must_say) or "Paris.\0") if is_right else "I am <b>nobody</b>.")
    found = verdict(tests, answers, before=["I am Llama."] * len(tests), needed=job.acceptance["needed"])
    run = job.newest_attempt.run  # type: ignore[union-attr]
    trainer = FakeTrainer(run).start()
    trainer.write("acceptance", "The acceptance test is over.", **found)
    Training().record(run, trainer.events)
    Training().record(run, trainer.events)
    job.refresh_from_db()
    return job


def test_the_trainer_is_told_what_to_ask(job: FineTuningJob) -> None:
    attempt = job.newest_attempt
    assert attempt is not None
    prepare(attempt, attempt.run.directory)
    spec = TrainingSpec.from_json(attempt.run.directory.read_spec())
    assert len(spec.acceptance) == len(job.acceptance["tests"]) > 20
    assert spec.acceptance_needed == {"identity": 0.9, "unrelated": 1.0}
    assert job.reasons["validation_split"]["code"] == "validation_identity"


def test_a_job_on_other_data_has_none(alice: Any) -> None:
    job = make_job(alice.team)
    assert job.acceptance == {}
    reply = alice.client.get(f"/v1/fine_tuning/jobs/{job.pk}").json()
    assert reply["acceptance"] is None
    assert alice.client.get(f"/api/v1/jobs/{job.pk}/acceptance").json()["results"] == []


def test_the_api_tells_the_verdict_to_its_own_team_alone(job: FineTuningJob, alice: Any, charlie: Any) -> None:
    before = alice.client.get(f"/v1/fine_tuning/jobs/{job.pk}").json()["acceptance"]
    assert before["passed"] is None
    job = told(job, right=9)
    assert alice.client.get(f"/v1/fine_tuning/jobs/{job.pk}").json()["acceptance"] == {
        "tests": len(job.acceptance["tests"]),
        "passed": True,
        "topics": {
            "identity": {"right": 9, "of": 10, "needed": 9},
            "unrelated": {"right": 16, "of": 16, "needed": 16},
        },
    }
    results = alice.client.get(f"/api/v1/jobs/{job.pk}/acceptance").json()["results"]
    assert [result["passed"] for result in results[:10]] == [True] * 9 + [False]
    assert results[0]["before"] == "I am Llama."
    assert results[-1]["answer"] == "Paris.\ufffd", "a model may say what no database stores"
    assert charlie.client.get(f"/api/v1/jobs/{job.pk}/acceptance").status_code == 404


def test_the_answers_are_stored_once(job: FineTuningJob) -> None:
    job = told(job, right=9)
    events = [event for event in job.events.all() if event.data.get("kind") == "acceptance"]
    assert [event.data.get("results") for event in events] == [None]


@pytest.mark.parametrize(("right", "sentence"), [(9, "It learned its name: 9 of 10"), (8, "not learned its name")])
def test_the_verdict_is_a_sentence_with_advice(job: FineTuningJob, right: int, sentence: str) -> None:
    found = acceptance_of(told(job, right=right))
    assert found is not None
    assert sentence in found["sentence"]
    assert bool(found["advice"]) is (right < 9)
    wrong = [row for row in found["shown"] if not row["passed"]]
    assert len(wrong) == 10 - right
    assert wrong[0]["reason"] == "does not say Nova"
    with translation.override("zh-hans"):
        spoken = acceptance_of(job)
        assert spoken is not None
        assert f"{right}/10 个身份问题正确" in spoken["sentence"]


@pytest.mark.usefixtures("plain_static")
def test_the_pages_show_it(job: FineTuningJob, alice: Any) -> None:
    client = Client()
    client.force_login(alice.user)
    estimate = client.get(f"/jobs/estimate?file={job.training_file_id}&model=tiny").content.decode()
    assert f"asked {len(job.acceptance['tests'])} questions" in estimate
    assert "Asked" not in client.get(f"/jobs/{job.pk}").content.decode()
    told(job, right=8)
    page = client.get(f"/jobs/{job.pk}").content.decode()
    assert "It has not learned its name well enough" in page
    assert "I am &lt;b&gt;nobody&lt;/b&gt;." in page


class TestOtherRecipes:
    @pytest.fixture
    def labelled(self, alice: Any) -> FineTuningJob:
        file = files.recipe_file(team=alice.team, by=None, recipe=LABELS, answers=LABELS.example)
        recording.check_file(file.pk)
        return make_job(alice.team, training_file=file.pk)

    def judged(self, job: FineTuningJob, answers: dict[str, str]) -> FineTuningJob:
        """Return the job after its trainer has told a verdict; labels are answered as `answers` maps them."""
        tests = [AcceptanceTest.from_json(test) for test in job.acceptance["tests"]]
        said = [answers.get(test.expected, test.expected) or "Paris." for test in tests]
        found = verdict(tests, said, before=["?"] * len(tests), needed=job.acceptance["needed"])
        trainer = FakeTrainer(job.newest_attempt.run).start()  # type: ignore[union-attr]
        trainer.write("acceptance", "The acceptance test is over.", **found)
        Training().record(trainer.run, trainer.events)
        job.refresh_from_db()
        return job

    def test_a_job_on_labels_says_which_are_confused(self, labelled: FineTuningJob, alice: Any) -> None:
        found = acceptance_of(self.judged(labelled, {"praise": "question", "question": "who knows"}))
        assert found is not None
        assert "It has not learned the labels well enough: 3 of 9" in found["sentence"]
        assert "labels that are confused" in found["advice"]
        told = {
            one.label: (one.right, one.of, [(two.label, two.count) for two in one.taken_for]) for one in found["labels"]
        }
        assert told == {
            "complaint": (3, 3, []), "praise": (0, 3, [("question", 3)]), "question": (0, 3, [("", 3)]),
        }  # fmt: skip
        [wrong, *_] = [row for row in found["shown"] if not row["passed"]]
        assert wrong["reason"] == "is not praise"
        results = alice.client.get(f"/api/v1/jobs/{labelled.pk}/acceptance").json()["results"]
        assert {one.get("fault") for one in results} == {None, "another"}

    @pytest.mark.usefixtures("plain_static")
    def test_its_page_shows_them(self, labelled: FineTuningJob, alice: Any) -> None:
        client = Client()
        client.force_login(alice.user)
        self.judged(labelled, {"praise": "question"})
        page = client.get(f"/jobs/{labelled.pk}").content.decode()
        assert "Label by label" in page
        assert "question (3)" in page
