"""Jobs and the ledger: what they hold, what they are told of their team's hours, and room for what they make."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from job_makers import end, fresh, make_job, run_of

from accounts.models import Membership, Team, User
from catalogue.models import BaseModel
from common.errors import UserError
from compute.models import HoursNotice, Pool, Quota
from jobs.models import Checkpoint, FineTuningJob
from jobs.services import JobRequest, create_job
from jobs.training import reading_data, reconciling
from jobs.training.work import Training
from ledger.days import month_of, next_month, today
from ledger.models import Entry
from ledger.storage import stored

pytestmark = pytest.mark.django_db


def crossed(team: Team, percent: int) -> None:
    Quota.objects.update_or_create(team=team, pool=Pool.default(), defaults={"accelerator_hours": 10})
    HoursNotice.objects.create(
        team=team, pool=Pool.default(), month=month_of(today())[0], hours=10, percent=percent, at=timezone.now()
    )


def told(job: FineTuningJob) -> list[str]:
    return [str(event.message) for event in job.events.filter(level="warn").order_by("number")]


class TestHold:
    def test_is_what_earlier_jobs_say_that_it_takes(self, job: FineTuningJob) -> None:
        assert not Entry.objects.holds().exists(), "nobody knows how long the first one takes"
        now = timezone.now()
        FineTuningJob.objects.filter(pk=job.pk).update(
            status="succeeded", tokens=1000, started_at=now - timedelta(seconds=1015), finished_at=now
        )
        second = make_job(job.team)
        reading_data.advance(second.pk)
        entry = Entry.objects.holds().get()
        assert (entry.run, entry.model, entry.kind) == (run_of(second).pk, "tiny", "training")
        assert entry.accelerator_seconds > 15


class TestHours:
    def test_each_mark_is_told_once(self, job: FineTuningJob) -> None:
        crossed(job.team, 80)
        for _ in range(2):
            reconciling.tell_of_hours()
        crossed(job.team, 100)
        reconciling.tell_of_hours()
        day = next_month(today())
        assert told(job)[-2:] == [
            "The team has used 80 % of its 10 accelerator-hours of this month. At 100 % none of its new work starts "
            f"until {day}.",
            "The team has used all of its 10 accelerator-hours of this month. Running work is stopped after 60 minutes "
            f"and continues from its checkpoint on {day}, or once an administrator raises the limit.",
        ]

    def test_a_training_that_is_stopped_for_them_waits_and_says_why(self, work: Training, job: FineTuningJob) -> None:
        run = end(run_of(job), "stopped", reason="hours")
        work.conclude(run, run.directory, "stopped")
        again = fresh(job)
        assert (again.status, again.attempts.count()) == ("queued", 2)
        said = [str(event.message) for event in again.events.order_by("-number")[:1]]
        assert said[0].startswith("Attempt 1 was stopped: the team's accelerator-hours of this month are used up.")


class TestStorage:
    def test_is_asked_for_before_a_job_is_made(self, job: FineTuningJob) -> None:
        team = job.team
        Checkpoint.objects.create(job=job, attempt=job.attempts.get(), step=1, bytes=50, published_at=timezone.now())
        assert stored(team)["models"] == 50
        Team.objects.filter(pk=team.pk).update(storage_bytes=sum(stored(team).values()))
        request: Any = JobRequest(model=BaseModel.objects.get().pk, training_file=job.training_file_id)
        with pytest.raises(UserError, match="leaves no room for 1 B more"):
            create_job(team=team, by=None, job_request=request)


@pytest.mark.usefixtures("plain_static")
def test_an_estimate_is_told_beside_what_is_left(job: FineTuningJob) -> None:
    now = timezone.now()
    FineTuningJob.objects.filter(pk=job.pk).update(
        status="succeeded", tokens=100, started_at=now - timedelta(hours=2), finished_at=now
    )
    Quota.objects.create(team=job.team, pool=Pool.default(), accelerator_hours=1000)
    Entry.objects.create(
        what="charge", day=today(), team_id=job.team_id, team=job.team.slug, pool="default", run="run-0",
        accelerator_seconds=3600,
    )  # fmt: skip
    client = Client()
    user = User.objects.create_user("ann@example.com")
    Membership.objects.create(team=job.team, user=user)
    client.force_login(user)
    shown = client.get(f"/jobs/estimate?model=tiny&file={job.training_file_id}").content.decode()
    assert "of the 999 accelerator-hours that your team has left this month." in " ".join(shown.split())
