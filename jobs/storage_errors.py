"""Trouble with object storage: what passes is waited for, for a time; what only an administrator can mend is told."""

import errno
import time

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
)
from django.conf import settings

from compute.work import TryAgain, WorkError
from jobs.models import Attempt, FineTuningJob

STORAGE_AWAY = (OSError, BotoCoreError, ClientError)
REFUSED, AWAY = "storage_refused", "storage_away"
CREDENTIALS = (
    "Object storage refuses this platform's credentials. An administrator must mend LUTHIER_S3_ACCESS_KEY and "
    "LUTHIER_S3_SECRET_KEY."
)
BUCKET = "The bucket of object storage does not exist. An administrator must make it, or mend LUTHIER_S3_BUCKET."
FILES = "The platform may not read or write its own files. An administrator must give its account the right to."
REFUSALS = {
    **dict.fromkeys(("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"), CREDENTIALS),
    **dict.fromkeys(("AuthorizationHeaderMalformed", "AllAccessDisabled", "AccountProblem"), CREDENTIALS),
    **dict.fromkeys(("401", "403", "Forbidden", "Unauthorized"), CREDENTIALS),
    **dict.fromkeys(("NoSuchBucket", "InvalidBucketName", "PermanentRedirect"), BUCKET),
}
"""By the code of the server's answer; one to HEAD has no code but its status."""


def trouble(what: str, error: Exception) -> TryAgain | WorkError:
    """Return what a step raises that needed object storage: TryAgain for what passes, else WorkError."""
    if refusal := refusal_of(error):
        return WorkError(refusal, code=REFUSED)
    return TryAgain(f"{what}: {error}")


def refusal_of(error: Exception) -> str:
    """Return in a sentence why this error will not pass by itself; "" for one that may."""
    if isinstance(error, ClientError):
        return REFUSALS.get(str(error.response.get("Error", {}).get("Code", "")), "")
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return CREDENTIALS
    if isinstance(error, ParamValidationError | NoRegionError):
        return BUCKET
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return FILES
    return ""


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
        _tell(attempt.job, f"{error.message} What the training makes is stored once that is done.")
        return waited < times.storage_away_seconds
    if waited >= times.storage_away_seconds:
        _tell(
            attempt.job,
            "Object storage has not answered for some time. What the training makes is stored once it answers.",
        )
    return waited < times.result_away_seconds


def _tell(job: FineTuningJob, message: str) -> None:
    if not job.events.filter(message=message).exists():
        job.tell(message, level="warn")
