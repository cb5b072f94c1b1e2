"""Two who change one job at the same moment: one of them wins, the other is told why, and nothing is there twice."""

from collections.abc import Callable
from typing import Any

import pytest
from job_makers import FakeTrainer, end, make_file, make_job
from rest_framework.test import APIClient

from common.errors import UserError
from compute.models import Run
from datasets_app.models import TrainingFile
from datasets_app.storage.removal import remove_file
from jobs import services, tasks
from jobs.models import FineTuningJob
from jobs.services import JobRequest, create_job
from jobs.training import concluding, reading_data
from jobs.training.work import Training
from tests.at_once import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def fresh(job: FineTuningJob) -> FineTuningJob:
    return FineTuningJob.objects.select_related("team").get(pk=job.pk)


def said(job: FineTuningJob) -> list[str]:
    """Return the job's events, oldest first; their numbers have no gap."""
    events = list(job.events.order_by("number"))
    assert [event.number for event in events] == list(range(1, len(events) + 1))
    return [str(event.message) for event in events]


def code_of(result: Any) -> str:
    return str(result.code) if isinstance(result, UserError) else ""


def trained(job: FineTuningJob, *, steps: int = 4) -> FakeTrainer:
    """Return the trainer of a job that has learned for some steps."""
    attempt = job.newest_attempt
    assert attempt is not None
    Run.objects.filter(pk=attempt.run_id).update(state="running")
    trainer = FakeTrainer(attempt.run).start().step(steps).checkpoint(steps)
    Training().record(attempt.run, trainer.events)
    assert fresh(job).status == "running"
    return trainer


@pytest.fixture
def paused(alice: Any) -> FineTuningJob:
    """A job that waits, with its values known, for somebody to resume it."""
    job = make_job(alice.team, by=alice.user)
    trainer = trained(job)
    services.pause_job(job=job, by=alice.user)
    concluding.conclude(job.attempts.get(), end(trainer.run, "stopped", reason="pause").directory, "stopped")
    assert fresh(job).status == "paused"
    return fresh(job)


def test_two_workers_prepare_a_job_once(alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    job = make_job(alice.team, is_queued=False)
    tokenised, tokens_of = [], reading_data.tokens_of

    def counted(found: FineTuningJob, values: dict[str, Any]) -> Any:
        tokenised.append(found.pk)
        return tokens_of(found, values)

    monkeypatch.setattr(reading_data, "tokens_of", counted)
    results = at_once(*[lambda: tasks.read_job_data(job.pk)] * 3, behind=job)
    assert list(results) == [None] * 3
    assert (tokenised, fresh(job).status, Run.objects.count()) == ([job.pk], "queued", 1)
    assert [text for text in said(job) if "is queued" in text] == said(job)[-1:]


def test_of_two_resumes_one_goes_on(alice: Any, paused: FineTuningJob) -> None:
    first, second = at_once(*[lambda: services.resume_job(job=fresh(paused), by=alice.user)] * 2, behind=paused)
    assert (first.status, code_of(second)) == ("queued", "job_not_paused")
    assert "queued, not paused" in str(second.message)
    assert [attempt.number for attempt in paused.attempts.all()] == [1, 2]
    assert said(paused)[-1] == "The job continues after step 4. It is queued."


def test_of_two_resumes_before_the_data_is_read_one_goes_on(alice: Any) -> None:
    job = make_job(alice.team, by=alice.user, is_queued=False)
    services.pause_job(job=job, by=alice.user)
    first, second = at_once(*[lambda: services.resume_job(job=fresh(job), by=alice.user)] * 2, behind=job)
    assert (first.status, code_of(second)) == ("validating_files", "job_not_paused")
    assert said(job).count("The job continues. Its data is being read.") == 1


class TestCancelAgainstFinish:
    def test_a_job_that_is_being_cancelled_is_not_finished(self, alice: Any) -> None:
        job = make_job(alice.team, by=alice.user)
        trained(job)
        cancelled, refused = at_once(
            lambda: services.cancel_job(job=fresh(job), by=alice.user),
            lambda: services.finish_job_early(job=fresh(job), by=alice.user),
            behind=job,
        )
        assert (cancelled.is_stopping, code_of(refused)) == (True, "job_cancelling")
        assert fresh(job).early_finish_requested_at is None

    def test_a_job_that_is_being_finished_may_still_be_cancelled(self, alice: Any) -> None:
        job = make_job(alice.team, by=alice.user)
        trainer = trained(job)
        finished, cancelled = at_once(
            lambda: services.finish_job_early(job=fresh(job), by=alice.user),
            lambda: services.cancel_job(job=fresh(job), by=alice.user),
            behind=job,
        )
        assert (finished.is_finishing_early, cancelled.is_stopping) == (True, True)
        concluding.conclude(job.attempts.get(), end(trainer.run, "stopped", reason="cancel").directory, "stopped")
        assert (fresh(job).status, job.attempts.count()) == ("cancelled", 1)

    @pytest.mark.parametrize("is_cancelled_first", [True, False])
    def test_a_result_that_is_there_stays(self, alice: Any, is_cancelled_first: bool) -> None:
        """The trainer ended well before it heard of the request."""
        job = make_job(alice.team, by=alice.user)
        run = trained(job).succeed().run
        attempt, directory = job.attempts.get(), end(run, "succeeded").directory
        acts: list[Callable[[], Any]] = [
            lambda: services.cancel_job(job=fresh(job), by=alice.user),
            lambda: concluding.conclude(attempt, directory, "succeeded"),
        ]
        results = at_once(*(acts if is_cancelled_first else acts[::-1]), behind=job)
        cancelled = results[0 if is_cancelled_first else 1]
        assert code_of(cancelled) in ("", "job_finished")
        found = fresh(job)
        assert (found.status, found.is_stopping) == ("succeeded", False)
        assert said(job)[-1] == f"The tuned model {found.fine_tuned_model} is ready."
        assert found.adapter.name == found.fine_tuned_model

    def test_consequences_are_drawn_once(self, alice: Any) -> None:
        job = make_job(alice.team, by=alice.user)
        run = trained(job).succeed().run
        attempt, directory = job.attempts.get(), end(run, "succeeded").directory
        results = at_once(*[lambda: concluding.conclude(attempt, directory, "succeeded")] * 2, behind=job)
        assert list(results) == [None, None]
        assert [text for text in said(job) if "tuned model" in text] == said(job)[-1:]
        assert sorted(job.result_files.values_list("filename", flat=True)) == ["adapter.zip", "metrics.csv"]


class TestDeletingAgainstCreating:
    def test_a_job_that_came_first_keeps_its_file(self, alice: Any) -> None:
        file = make_file(alice.team)
        job, refused = at_once(
            lambda: create_job(
                team=alice.team, by=alice.user, job_request=JobRequest(model="tiny", training_file=file.pk)
            ),
            lambda: remove_file(file, by=alice.user),
            behind=file,
        )
        assert (code_of(refused), refused.status) == ("file_in_use", 409)
        assert job.pk in str(refused.message)
        assert TrainingFile.objects.filter(pk=file.pk).exists()

    @pytest.mark.parametrize("field", ["training_file", "validation_file"])
    def test_a_file_that_was_deleted_first_is_not_there(self, alice: Any, field: str) -> None:
        file = make_file(alice.team)
        files = {"training_file": make_file(alice.team).pk, field: file.pk}
        _, refused = at_once(
            lambda: remove_file(file, by=alice.user),
            lambda: create_job(team=alice.team, by=alice.user, job_request=JobRequest(model="tiny", **files)),
            behind=file,
        )
        assert (code_of(refused), refused.status, refused.param) == ("file_not_found", 404, field)
        assert not FineTuningJob.objects.exists()


class TestCreatedTwice:
    """The second request comes while the first one is at work."""

    def post(self, member: Any, body: dict[str, Any], **headers: str) -> Any:
        client = APIClient()
        client.credentials(**member.client._credentials)
        return client.post("/v1/fine_tuning/jobs", body, format="json", headers=headers)

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ({"idempotency-key": "k"}, {"idempotency-key": "k"}),
            ({"x-stainless-retry-count": "0"}, {"x-stainless-retry-count": "1"}),
        ],
    )
    def test_is_made_once(self, alice: Any, first: dict[str, str], second: dict[str, str]) -> None:
        file = make_file(alice.team)
        body = {"model": "tiny", "training_file": file.pk}
        replies = at_once(
            lambda: self.post(alice, body, **first), lambda: self.post(alice, body, **second), behind=file
        )
        assert [reply.status_code for reply in replies] == [200, 200]
        assert replies[0].json() == replies[1].json()
        assert [job.pk for job in FineTuningJob.objects.all()] == [replies[0].json()["id"]]

    def test_another_wish_under_the_same_key_is_refused(self, alice: Any) -> None:
        file = make_file(alice.team)
        key = {"idempotency-key": "k"}
        made, refused = at_once(
            *[
                lambda suffix=suffix: self.post(
                    alice, {"model": "tiny", "training_file": file.pk, "suffix": suffix}, **key
                )
                for suffix in ("one", "two")
            ],
            behind=file,
        )
        assert (made.status_code, refused.status_code) == (200, 409)
        assert refused.json()["error"]["code"] == "idempotency_key_reused"
        assert FineTuningJob.objects.get().suffix == "one"

    def test_a_refused_one_leaves_its_key_to_the_next(self, alice: Any) -> None:
        file = make_file(alice.team, rows=3)
        body = {"model": "tiny", "training_file": file.pk}
        replies = at_once(*[lambda: self.post(alice, body, **{"idempotency-key": "k"})] * 2, behind=file)
        assert [reply.json()["error"]["code"] for reply in replies] == ["too_few_rows"] * 2
