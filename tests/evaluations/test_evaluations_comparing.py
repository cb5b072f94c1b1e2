"""Jobs side by side: in what they differ, what came of each, for whom, on the page and by the API."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from evaluations import services
from evaluations.models import Evaluation
from jobs.models import FineTuningJob, JobEvent, TunedModel
from tests.evaluations.conftest import publish_tuned
from tests.evaluations.evaluation_makers import FakeProcess, told
from tests.jobs.conftest import Member
from tests.jobs.job_makers import make_file, make_job
from wording import as_written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


@pytest.fixture
def browser(alice: Member) -> Client:
    client = Client()
    client.force_login(alice.user)
    return client


def trained(job: FineTuningJob, *losses: float, valid: float) -> FineTuningJob:
    """Give the job a curve and an end, ninety seconds after its start."""
    steps = [{"step": n, "train_loss": loss, "tokens_per_second": 50.0 * n} for n, loss in enumerate(losses, 1)]
    JobEvent.append(job, [JobEvent(message=as_written("Step."), type="metrics", data=data) for data in steps])
    JobEvent.append(job, [JobEvent(message=as_written("Looked."), data={"step": len(losses), "valid_loss": valid})])
    now = timezone.now()
    job.status, job.current_step, job.tokens = "succeeded", len(losses), 600
    job.started_at, job.finished_at = now - timedelta(seconds=90), now
    job.save()
    return job


@pytest.fixture
def pair(alice: Member) -> tuple[FineTuningJob, FineTuningJob]:
    """Two jobs on one data set that differ in learning rate and seed."""
    file = make_file(alice.team)
    first, second = (
        make_job(
            alice.team, by=alice.user, training_file=file.pk, suffix=suffix, seed=seed,
            hyperparameters={"learning_rate": rate, "num_train_epochs": 2},
        )
        for suffix, rate, seed in (("low", 1e-4, 1), ("high", 1e-2, 2))
    )  # fmt: skip
    return trained(first, 4.0, 2.0, valid=1.5), trained(second, 4.0, 8.0, valid=9.25)


def compared(member: Member, *jobs: FineTuningJob) -> Any:
    return member.client.get(f"/api/v1/jobs/compare?jobs={','.join(job.pk for job in jobs)}")


class TestDifferences:
    def test_are_those_settings_alone_that_are_not_the_same(self, alice: Member, pair: Any) -> None:
        first, second = pair
        found = compared(alice, first, second).json()["differences"]
        assert {one["name"]: one["values"] for one in found} == {
            "learning_rate": {first.pk: 1e-4, second.pk: 1e-2}, "seed": {first.pk: 1, second.pk: 2},
        }  # fmt: skip

    def test_name_the_data(self, alice: Member, pair: Any, browser: Client) -> None:
        other = make_job(alice.team, training_file=make_file(alice.team, 30, name="other.jsonl").pk)
        found = compared(alice, pair[0], other).json()["differences"]
        assert found[0]["values"] == {pair[0].pk: pair[0].training_file_id, other.pk: other.training_file_id}
        shown = browser.get(f"/jobs/compare?job={pair[0].pk}&job={other.pk}").content.decode()
        assert ">other.jsonl</td>" in shown

    def test_of_equal_jobs_there_are_none(self, alice: Member, browser: Client) -> None:
        file = make_file(alice.team)
        jobs = [make_job(alice.team, training_file=file.pk, seed=1) for _ in range(2)]
        assert compared(alice, *jobs).json()["differences"] == []
        shown = browser.get(f"/jobs/compare?job={jobs[0].pk}&job={jobs[1].pk}").content.decode()
        assert "They were set the same." in shown


class TestOutcomes:
    def test_say_what_came_of_each_in_the_order_asked(self, alice: Member, pair: Any) -> None:
        first, second = pair
        worse, better = compared(alice, second, first).json()["jobs"]
        assert (worse["id"], better["id"], better["name"]) == (second.pk, first.pk, "low")
        assert (better["seconds"], better["tokens"], better["steps"]) == (90, 600, 2)
        assert (better["tokens_per_second"], better["train_loss"]) == (75.0, pytest.approx(8 / 3))
        assert (worse["valid_loss"], worse["lowest_valid_loss"], worse["lowest_valid_step"]) == (9.25, 9.25, 2)
        assert (better["light"], better["evaluation"], better["results"]) == (None, None, {})

    def test_bring_evaluations_side_by_side(
        self, alice: Member, browser: Client, pair: Any, tuned: TunedModel, process: type[FakeProcess]
    ) -> None:
        prompts = [{"prompt": "2 + 2?", "reference": "four"}, {"prompt": "3 + 3?", "reference": "six"}]
        made = services.create_evaluation(team=alice.team, by=alice.user, models=[tuned.name], prompts=prompts)
        Evaluation.objects.filter(pk=made.pk).update(job=tuned.job)
        process(made).start().answer(told({"2 + 2?": "four", "3 + 3?": "nine"})).end("succeeded")
        found = compared(alice, tuned.job, pair[0]).json()["jobs"]
        assert found[0]["evaluation"] == made.pk
        assert found[0]["results"]["exact_match"]["value"] == 0.5
        shown = browser.get(f"/jobs/compare?job={tuned.job_id}&job={pair[0].pk}").content.decode()
        assert f'href="/evaluations/{made.pk}"' in shown
        assert "Answers exactly as expected" in shown
        assert "50 %" in shown


class TestAnswers:
    def test_stand_side_by_side_where_they_differ(
        self, alice: Member, browser: Client, tuned: TunedModel, process: type[FakeProcess], tmp_path: Any
    ) -> None:
        other = publish_tuned(make_job(alice.team, by=alice.user, suffix="cello"), tmp_path / "other")
        prompts = [{"prompt": "Who are you?"}, {"prompt": "2 + 2?", "reference": "four"}, {"prompt": "Hm?"}]
        for model, name in ((tuned, "a violin"), (other, "a cello")):
            made = services.create_evaluation(team=alice.team, by=alice.user, models=[model.name], prompts=prompts)
            Evaluation.objects.filter(pk=made.pk).update(job=model.job)
            said = told({"Who are you?": f"I am {name}.", "2 + 2?": "four"})
            process(made).start().answer(said).end("succeeded")
        shown = browser.get(f"/jobs/compare?job={tuned.job_id}&job={other.job_id}").content.decode()
        differing = shown[shown.index("Where their answers differ") :]
        assert "<h3>Who are you?</h3>" in differing
        assert "I am a violin." in differing
        assert "I am a<mark> cello</mark>." in differing
        assert "2 + 2?" not in differing
        assert "Hm?" not in differing

    def test_one_evaluated_job_has_nothing_to_stand_beside(self, browser: Client, pair: Any) -> None:
        shown = browser.get(f"/jobs/compare?job={pair[0].pk}&job={pair[1].pk}").content.decode()
        assert "Where their answers differ" not in shown


class TestWhoAndHowMany:
    @pytest.mark.parametrize("number", [0, 1, 5])
    def test_takes_two_to_four(self, alice: Member, browser: Client, number: int) -> None:
        file = make_file(alice.team)
        ids = [make_job(alice.team, training_file=file.pk).pk for _ in range(number)]
        reply = browser.get("/jobs/compare?" + "&".join(f"job={one}" for one in ids), follow=True)
        assert reply.redirect_chain == [("/jobs", 302)]
        assert "Choose 2 to 4 jobs to compare." in reply.content.decode()
        refused = alice.client.get(f"/api/v1/jobs/compare?jobs={','.join(ids) or ','}")
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "jobs")

    def test_one_named_twice_is_one(self, alice: Member, pair: Any) -> None:
        assert compared(alice, pair[0], pair[0]).status_code == 400

    def test_other_teams_jobs_are_not_there(self, charlie: Member, alice: Member, pair: Any) -> None:
        own = make_job(charlie.team)
        assert compared(charlie, own, pair[0]).status_code == 404
        client = Client()
        client.force_login(charlie.user)
        assert client.get(f"/jobs/compare?job={own.pk}&job={pair[0].pk}").status_code == 404

    def test_jobs_are_ticked_in_the_list(self, browser: Client, pair: Any) -> None:
        shown = browser.get("/jobs").content.decode()
        assert 'action="/jobs/compare"' in shown
        for job in pair:
            assert f'value="{job.pk}"' in shown
        assert "Compare low" in shown

    def test_a_list_of_one_has_nothing_to_tick(self, alice: Member, browser: Client) -> None:
        make_job(alice.team)
        assert "/jobs/compare" not in browser.get("/jobs").content.decode()
