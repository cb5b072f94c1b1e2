"""Object storage that is away is waited for, for a time; one that refuses is told, and ends what waits for it."""

import errno
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from django.conf import settings
from django.core.files.storage import FileSystemStorage
from job_makers import FakeTrainer, end, make_job, run_of

from common import artifacts
from common.storage_errors import CREDENTIALS, refusal_of
from compute.work import TryAgain, WorkError
from jobs.models import FineTuningJob
from jobs.training import reading_data
from jobs.training.storage_errors import PATIENCE
from jobs.training.work import Training

pytestmark = pytest.mark.django_db


def answer(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}}, "PutObject")


REFUSED = answer("AccessDenied")
AWAY = EndpointConnectionError(endpoint_url="http://s3")


@pytest.fixture
def out_of_patience(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Let all the time be over for which storage is waited for."""

    def act() -> None:
        times = replace(settings.TIMES, storage_away_seconds=0, result_away_seconds=0)
        monkeypatch.setattr(settings, "TIMES", times)

    yield act
    PATIENCE._since.clear()


def break_storage(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*asked: Any, **options: Any) -> Any:
        raise error

    monkeypatch.setattr(FileSystemStorage, "save", fail)
    monkeypatch.setattr(FileSystemStorage, "open", fail)


def warnings_of(job: FineTuningJob) -> list[str]:
    return [str(event.message) for event in job.events.filter(level="warn")]


@pytest.mark.parametrize(
    "error",
    [
        *map(answer, ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "NoSuchBucket", "403")),
        NoCredentialsError(),
        PermissionError(errno.EACCES, "Permission denied"),
        OSError(errno.EROFS, "Read-only file system"),
    ],
    ids=repr,
)
def test_what_only_an_administrator_can_mend(error: Exception) -> None:
    assert "administrator" in str(refusal_of(error))


@pytest.mark.parametrize(
    "error",
    [*map(answer, ("SlowDown", "InternalError", "503", "RequestTimeTooSkewed")), AWAY, ConnectionError("reset"),
     OSError(errno.ENOSPC, "No space left on device")],
    ids=repr,
)  # fmt: skip
def test_what_passes(error: Exception) -> None:
    assert refusal_of(error) is None


class TestPreparing:
    @pytest.mark.parametrize(("error", "raised"), [(REFUSED, WorkError), (AWAY, TryAgain)])
    def test_a_refusal_ends_the_run(
        self, work: Training, job: FineTuningJob, monkeypatch: pytest.MonkeyPatch, error: Exception, raised: Any
    ) -> None:
        run = run_of(job)
        shutil.rmtree(reading_data.tokens_of(job, job.hyperparameters).train.parent)
        break_storage(monkeypatch, error)
        with pytest.raises(raised) as caught:
            work.prepare(run, run.directory)
        assert getattr(caught.value, "code", "storage_refused") == "storage_refused"

    def test_a_job_whose_data_may_not_be_read_fails(self, alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        job = make_job(alice.team, is_queued=False)
        break_storage(monkeypatch, REFUSED)
        reading_data.advance(job.pk)
        job.refresh_from_db()
        assert (job.status, job.error_code, job.error_message) == ("failed", "storage_refused", CREDENTIALS)

    def test_one_whose_storage_is_away_waits(self, alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        job = make_job(alice.team, is_queued=False)
        break_storage(monkeypatch, AWAY)
        with pytest.raises(EndpointConnectionError):
            reading_data.advance(job.pk)
        job.refresh_from_db()
        assert job.status == "validating_files"


class TestTraining:
    def test_goes_on_and_says_once_what_is_wrong(
        self, work: Training, job: FineTuningJob, monkeypatch: pytest.MonkeyPatch, out_of_patience: Callable[[], None]
    ) -> None:
        trainer = FakeTrainer(run_of(job)).start().step(1).checkpoint(1)
        work.record(trainer.run, trainer.events)
        out_of_patience()
        with monkeypatch.context() as patched:
            break_storage(patched, REFUSED)
            for _ in range(3):
                with pytest.raises(TryAgain):
                    work.attend(trainer.run, trainer.directory)
        [told] = warnings_of(job)
        assert str(CREDENTIALS) in told
        work.attend(trainer.run, trainer.directory)
        assert job.checkpoints.exclude(published_at=None).count() == 1

    def test_says_when_storage_is_away_for_long(
        self, work: Training, job: FineTuningJob, monkeypatch: pytest.MonkeyPatch, out_of_patience: Callable[[], None]
    ) -> None:
        trainer = FakeTrainer(run_of(job)).start().step(1).checkpoint(1)
        work.record(trainer.run, trainer.events)
        break_storage(monkeypatch, AWAY)
        with pytest.raises(TryAgain):
            work.attend(trainer.run, trainer.directory)
        assert warnings_of(job) == []
        out_of_patience()
        for _ in range(2):
            with pytest.raises(TryAgain):
                work.attend(trainer.run, trainer.directory)
        [told] = warnings_of(job)
        assert "has not responded" in told


class TestFinishing:
    @pytest.mark.parametrize(("error", "code"), [(REFUSED, "storage_refused"), (AWAY, "storage_away")])
    def test_a_result_that_cannot_be_stored_ends_the_job_and_stays_on_its_node(
        self,
        work: Training,
        job: FineTuningJob,
        monkeypatch: pytest.MonkeyPatch,
        out_of_patience: Callable[[], None],
        error: Exception,
        code: str,
    ) -> None:
        trainer = FakeTrainer(run_of(job)).start().step(10).checkpoint(10).succeed()
        work.record(trainer.run, trainer.events)
        run = end(trainer.run, "succeeded")
        break_storage(monkeypatch, error)
        for step in (lambda: work.attend(run, run.directory), lambda: work.conclude(run, run.directory, "succeeded")):
            with pytest.raises(TryAgain):
                step()
        job.refresh_from_db()
        assert job.status == "running"
        out_of_patience()
        work.attend(run, run.directory)
        work.conclude(run, run.directory, "succeeded")
        job.refresh_from_db()
        assert (job.status, job.error_code) == ("failed", code)
        assert "administrator" in str(job.error_message)
        assert (run.directory.adapter / "adapter_model.safetensors").exists()

    def test_one_that_is_stored_in_time_succeeds(
        self, work: Training, job: FineTuningJob, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        trainer = FakeTrainer(run_of(job)).start().step(10).checkpoint(10).succeed()
        work.record(trainer.run, trainer.events)
        run = end(trainer.run, "succeeded")
        with monkeypatch.context() as patched:
            break_storage(patched, REFUSED)
            with pytest.raises(TryAgain):
                work.conclude(run, run.directory, "succeeded")
        work.conclude(run, run.directory, "succeeded")
        job.refresh_from_db()
        assert job.status == "succeeded"
        assert artifacts.folder_exists(job.adapter.storage_name)
