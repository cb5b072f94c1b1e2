"""One worker prepares a job, whoever wakes it and how often."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from job_makers import fresh, make_file, make_job

from common.times import Times
from compute.models import Run
from datasets_app.services import TokensBusy
from jobs.models import FineTuningJob
from jobs.training import reading_data, reconciling
from tests.compute.supervision import wait_until

pytestmark = pytest.mark.django_db


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> list[str]:
    """Do `act` in the middle of the first tokenisation; return the jobs whose data is tokenised."""
    tokens_of, begun = reading_data.tokens_of, []

    def tokenising(job: FineTuningJob, values: dict[str, Any]) -> Any:
        begun.append(job.pk)
        if len(begun) == 1:
            act()
        return tokens_of(job, values)

    monkeypatch.setattr(reading_data, "tokens_of", tokenising)
    return begun


class TestClaim:
    def test_a_second_wake_up_does_nothing_while_one_prepares(
        self, alice: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job = make_job(alice.team, is_queued=False)
        woken: list[list[str]] = []

        def wake_again() -> None:
            woken.append(reconciling.with_data_to_read())
            reading_data.advance(job.pk)

        begun = meanwhile(monkeypatch, wake_again)
        reading_data.advance(job.pk)
        assert (begun, woken) == ([job.pk], [[]])
        assert fresh(job).status == "queued"
        assert Run.objects.count() == 1

    def test_other_jobs_start_meanwhile(self, alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        long, short = make_job(alice.team, is_queued=False), make_job(alice.team, rows=12, is_queued=False)
        seen: list[str] = []

        def start_another() -> None:
            assert reconciling.with_data_to_read() == [short.pk]
            reading_data.advance(short.pk)
            seen.extend((fresh(short).status, fresh(long).status))

        meanwhile(monkeypatch, start_another)
        reading_data.advance(long.pk)
        assert seen == ["queued", "validating_files"]
        assert fresh(long).status == "queued"

    def test_a_dead_workers_job_is_taken_up_after_the_heartbeats_time(self, alice: Any) -> None:
        job = make_job(alice.team, is_queued=False)
        silent = settings.TIMES.preparing_silent_seconds
        for age, is_queued in ((silent / 2, False), (silent + 1, True)):
            FineTuningJob.objects.filter(pk=job.pk).update(preparing_at=timezone.now() - timedelta(seconds=age))
            assert reconciling.with_data_to_read() == ([job.pk] if is_queued else [])
            reading_data.advance(job.pk)
            assert (fresh(job).status == "queued") is is_queued

    @pytest.mark.parametrize("error", [TokensBusy("held"), OSError("storage is away")])
    def test_what_cannot_be_done_now_is_given_back_at_once(
        self, alice: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        job = make_job(alice.team, is_queued=False)

        def fail(*asked: Any) -> None:
            raise error

        with monkeypatch.context() as patched:
            patched.setattr(reading_data, "tokens_of", fail)
            with suppress(OSError):
                reading_data.advance(job.pk)
        assert fresh(job).status == "validating_files"
        assert reconciling.with_data_to_read() == [job.pk]

    def test_a_living_worker_renews_its_claim(
        self, transactional_db: None, alice: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(settings, "TIMES", Times.scaled(0.01))
        job = make_job(alice.team, training_file=make_file(alice.team).pk, is_queued=False)

        def grow_old() -> None:
            first = fresh(job).preparing_at
            assert first is not None
            wait_until(lambda: (fresh(job).preparing_at or first) > first)

        begun = meanwhile(monkeypatch, grow_old)
        reading_data.advance(job.pk)
        assert begun == [job.pk]
        assert fresh(job).status == "queued"
