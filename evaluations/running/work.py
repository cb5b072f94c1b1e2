"""Evaluation as a kind of Run: what compute calls, each part in its own module."""

from django.conf import settings

from common import log_lines
from compute.models import Run
from compute.work import Command, WorkError
from evaluations.messages import message
from evaluations.models import Evaluation
from evaluations.running import concluding, preparing, recording
from evaluations.running.queueing import KIND
from rundir import Event, RunDirectory


class EvaluationWork:
    """compute.work.Work for the Runs that are attempts at an evaluation."""

    kind = KIND
    preload = "serving.preload"

    def prepare(self, run: Run, directory: RunDirectory) -> None:
        """Fill the run directory: weights, chat files, questions that have no answer yet, and spec.json last."""
        evaluation = _of(run)
        if evaluation is None:
            raise WorkError(message("evaluation_not_found", id=run.pk))
        preparing.prepare(evaluation, run, directory)

    def command(self, run: Run, directory: RunDirectory) -> Command:
        """Return the process's command."""
        return Command(argv=(settings.TRAINER_PYTHON, "-m", "evaluating", str(directory.root)))

    def record(self, run: Run, events: list[Event]) -> None:
        """Store answers and losses."""
        if (evaluation := _of(run)) is not None:
            recording.record(evaluation, run, events)

    def attend(self, run: Run, directory: RunDirectory) -> None:
        """Do nothing: what an evaluation finds is all in its events."""

    def conclude(self, run: Run, directory: RunDirectory, outcome: str) -> None:
        """Score the answers, or queue what is left, or end the evaluation."""
        if (evaluation := _of(run)) is not None:
            concluding.conclude(evaluation, run, outcome)
        concluding.tidy(directory)


def _of(run: Run) -> Evaluation | None:
    """Return the evaluation whose newest Run this is; None once it has another, or was deleted."""
    evaluation = Evaluation.objects.select_related("team", "job").filter(run=run).first()
    if evaluation is not None:
        log_lines.add(evaluation=evaluation.pk)
    return evaluation
