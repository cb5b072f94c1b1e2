"""Errors of object storage: temporary ones are waited out; what only an administrator can fix is reported."""

import time

from django.conf import settings

from compute.work import TryAgain, WorkError
from jobs.messages import message
from jobs.models import Attempt, FineTuningJob
from wording import Message


class Patience:
    """Since when each Run's storage has been in trouble, as far as this process knows."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def waited(self, run_id: str) -> float:
        """Return the seconds since this was asked for the first time."""
        return time.monotonic() - self._since.setdefault(run_id, time.monotonic())

    def forget(self, run_id: str) -> None:
        self._since.pop(run_id, None)


PATIENCE = Patience()


def goes_on_waiting(attempt: Attempt, error: TryAgain | WorkError) -> bool:
    """Tell the job once what is wrong; whether a step that holds no accelerator is to be tried again."""
    waited, times = PATIENCE.waited(attempt.run_id), settings.TIMES
    if isinstance(error, WorkError):
        _tell(attempt.job, error.message.followed_by(message("stored_once_mended")))
        return waited < times.storage_away_seconds
    if waited >= times.storage_away_seconds:
        _tell(attempt.job, message("storage_silent"))
    return waited < times.result_away_seconds


def _tell(job: FineTuningJob, said: Message) -> None:
    if not job.events.filter(message=said).exists():
        job.record_event(said, level="warn")
