"""The place in line, the priority and who asked are the job's: every attempt at it has them."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from job_makers import end, fresh, make_file, make_job, run_of

from accounts.services import create_api_key
from compute.models import Priority
from jobs.models import FineTuningJob
from jobs.services import pause_job, resume_job
from jobs.training.work import Training

pytestmark = pytest.mark.django_db
JOBS = "/v1/fine_tuning/jobs"


@pytest.fixture
def queued_long_ago(alice: Any) -> FineTuningJob:
    job = make_job(alice.team, by=alice.user, priority="high")
    FineTuningJob.objects.filter(pk=job.pk).update(queued_at=timezone.now() - timedelta(hours=1))
    return fresh(job)


class TestPlace:
    @pytest.mark.parametrize(("outcome", "reason"), [("lost", ""), ("stopped", "drain"), ("stopped", "yield")])
    def test_another_attempt_keeps_it(
        self, work: Training, queued_long_ago: FineTuningJob, outcome: str, reason: str
    ) -> None:
        job = queued_long_ago
        first = run_of(job)
        work.conclude(end(first, outcome, reason=reason), first.directory, outcome)
        assert run_of(job) != first
        assert self.place_of(job) == (job.queued_at, Priority.HIGH, job.created_by)

    def test_a_resumed_job_keeps_it(self, work: Training, alice: Any, queued_long_ago: FineTuningJob) -> None:
        job = pause_job(job=queued_long_ago, by=alice.user)
        first = run_of(job)
        work.conclude(end(first, "stopped", reason="pause"), first.directory, "stopped")
        resume_job(job=fresh(job), by=alice.user)
        assert run_of(job) != first
        assert self.place_of(job) == (queued_long_ago.queued_at, Priority.HIGH, job.created_by)

    def test_begins_when_the_job_is_queued_first(self, alice: Any) -> None:
        assert make_job(alice.team, is_queued=False).queued_at is None
        job = make_job(alice.team)
        assert job.queued_at is not None
        assert run_of(job).queued_at == job.queued_at

    @staticmethod
    def place_of(job: FineTuningJob) -> tuple[Any, ...]:
        run = run_of(job)
        return run.queued_at, run.priority, run.user


class TestPriority:
    @pytest.mark.parametrize("priority", ["low", "normal", "high"])
    def test_is_told_by_name(self, alice: Any, priority: str) -> None:
        body = {"model": "tiny", "training_file": make_file(alice.team).pk}
        assert alice.client.post(JOBS, body, format="json").json()["priority"] == "normal"
        reply = alice.client.post(JOBS, {**body, "priority": priority}, format="json").json()
        assert reply["priority"] == priority
        assert alice.client.get(f"{JOBS}/{reply['id']}").json()["priority"] == priority

    @pytest.mark.parametrize("priority", ["urgent", "soon", 2, ["high"]])
    def test_what_is_no_name_or_not_ones_own_to_give_is_refused(self, alice: Any, priority: Any) -> None:
        body = {"model": "tiny", "training_file": make_file(alice.team).pk, "priority": priority}
        for path in (JOBS, "/api/v1/jobs/estimate"):
            reply = alice.client.post(path, body, format="json")
            assert (reply.status_code, reply.json()["error"]["param"]) == (400, "priority")

    def test_urgent_is_granted_by_an_administrators_key(self, alice: Any) -> None:
        secret = create_api_key(email="admin@example.com", team_name=alice.team.name, admin=True)
        body = {"model": "tiny", "training_file": make_file(alice.team).pk, "priority": "urgent"}
        headers = {"authorization": f"Bearer {secret}"}
        reply = Client().post(JOBS, body, content_type="application/json", headers=headers)
        assert reply.json()["priority"] == "urgent"

    @pytest.mark.usefixtures("plain_static")
    def test_is_chosen_in_the_form_and_shown_on_the_page(self, client: Client, alice: Any) -> None:
        client.force_login(alice.user)
        file = make_file(alice.team)
        page = client.get("/jobs/new").content.decode()
        assert 'value="high"' in page
        assert 'value="urgent"' not in page
        form = {"file": file.pk, "model": "tiny", "priority": "high"}
        page = client.get(client.post("/jobs/new", form).url).content.decode()
        assert "High" in page
        assert FineTuningJob.objects.get().priority == Priority.HIGH
        assert client.post("/jobs/new", {**form, "priority": "urgent"}).status_code == 400
