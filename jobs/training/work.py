"""Training as a kind of Run: what compute calls, each part in its own module."""

import logging

from django.conf import settings

from compute.models import Run
from compute.work import Command, TryAgain, WorkError
from jobs.training import attempts, concluding, preparing, publishing, recording
from jobs.training.storage_errors import PATIENCE, goes_on_waiting
from rundir import Event, RunDirectory

logger = logging.getLogger(__name__)


class Training:
    """compute.work.Work for the Runs that are attempts at a job."""

    kind = attempts.KIND
    preload = "trainer.preload"

    def __init__(self) -> None:
        self._logs = publishing.LogCopies()

    def prepare(self, run: Run, directory: RunDirectory) -> None:
        """Fill the run directory: chat files, token caches, the newest checkpoint, and spec.json last."""
        preparing.prepare(attempts.attempt_of(run), directory)

    def command(self, run: Run, directory: RunDirectory) -> Command:
        """Return the trainer's command."""
        return Command(argv=(settings.TRAINER_PYTHON, "-m", "trainer", str(directory.root)))

    def record(self, run: Run, events: list[Event]) -> None:
        """Store events and what follows from them for the job."""
        recording.record(run, events)

    def attend(self, run: Run, directory: RunDirectory) -> None:
        """Pass on a request to finish, publish new checkpoints, and the log now and then."""
        attempt = attempts.attempt_of(run)
        preparing.pass_on_early_finish(attempt, directory)
        is_ending = run.state == Run.State.CONCLUDING
        try:
            publishing.publish_checkpoints(attempt, directory)
            self._logs.publish(attempt, directory, is_last=is_ending)
        except (TryAgain, WorkError) as error:
            if goes_on_waiting(attempt, error) or not is_ending:
                raise TryAgain(str(error)) from error
            logger.error("What %s made was not stored: %s", attempt, error)
        else:
            PATIENCE.forget(run.pk)

    def conclude(self, run: Run, directory: RunDirectory, outcome: str) -> None:
        """Publish the result, or queue the next attempt, or end the job."""
        concluding.conclude(attempts.attempt_of(run), directory, outcome)
        self._logs.forget(run.pk)
