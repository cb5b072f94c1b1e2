"""What the end of an evaluation's Run means: results, another Run for what is left, or the evaluation's own end."""

import logging
import shutil
from dataclasses import asdict

from django.db import transaction
from django.db.models import F

from common.errors import UserError
from common.storage_errors import STORAGE_AWAY
from compute.models import Run
from compute.work import trouble
from evaluations.messages import message
from evaluations.models import Evaluation
from evaluations.results.answers import Answers
from evaluations.results.evidence import losses_by_step
from evaluations.results.scoring_answers import score_answers
from evaluations.results.verdicts import tell_verdict, verdict_on
from evaluations.running.queueing import max_tokens_of, queue_run
from jobs.training.checkpoints import note_held_out
from rundir import RunDirectory
from scoring.errors import ScoringError
from wording import Message

logger = logging.getLogger(__name__)

MOST_IDLE = 3
"""Runs lost in a row without anything new, after which an evaluation has failed."""
KEPT = ("log.txt", "spec.json", "lease", "supervisor.lock")
"""What stays of a run directory: nothing that a team's data, questions or answers stand in."""


def conclude(evaluation: Evaluation, run: Run, outcome: str) -> None:
    """Do what follows from how the evaluation's newest Run ended."""
    if evaluation.is_finished:
        return
    if outcome == Run.Outcome.SUCCEEDED:
        _succeed(evaluation)
    elif outcome == Run.Outcome.FAILED:
        fail(evaluation, run.outcome_code, run.outcome_message)
    else:
        go_on(evaluation, run, is_lost=outcome == Run.Outcome.LOST)


def _succeed(evaluation: Evaluation) -> None:
    try:
        answers = Answers.of(evaluation)
        found = score_answers(evaluation, answers)
        decided = dict(verdict_on(evaluation.job, answers, found)) if evaluation.job is not None else {}
    except (ScoringError, UserError) as error:
        fail(evaluation, error.code, message("evaluation_not_scored", reason=error.message))
        return
    except STORAGE_AWAY as error:
        raise trouble(f"Object storage did not give the rows that {evaluation.pk} is about", error) from error
    with transaction.atomic():
        has_ended = evaluation.mark_finished(Evaluation.State.SUCCEEDED, **asdict(found), verdict=decided)
        if has_ended and evaluation.job is not None:
            tell_verdict(evaluation.job, decided)
    if evaluation.job is not None:
        note_held_out(job=evaluation.job, losses=losses_by_step(answers, found))


def fail(evaluation: Evaluation, code: str, reason: Message | None) -> None:
    evaluation.mark_finished(Evaluation.State.FAILED, error_code=code[:60] or "failed", error_message=reason)


@transaction.atomic
def go_on(evaluation: Evaluation, run: Run, *, is_lost: bool = False) -> None:
    """End an evaluation that was cancelled; else ask for a Run for what is left of it."""
    evaluation = Evaluation.objects.select_for_update(of=("self",)).select_related("team").get(pk=evaluation.pk)
    if evaluation.is_finished or evaluation.run_id != run.pk:
        return
    if evaluation.cancel_requested_at is not None:
        evaluation.mark_finished(Evaluation.State.CANCELLED)
        return
    if is_lost:
        Evaluation.objects.filter(pk=evaluation.pk).update(num_idle_runs=F("num_idle_runs") + 1)
        if evaluation.num_idle_runs + 1 >= MOST_IDLE:
            lost = message("evaluation_lost", times=MOST_IDLE).followed_by(run.outcome_message)
            fail(evaluation, run.outcome_code or "evaluation_lost", lost)
            return
    evaluation.move(Evaluation.State.QUEUED)
    left = max(0, (evaluation.num_total or 0) - evaluation.num_done)
    queue_run(evaluation, answers=left, max_tokens=max_tokens_of(evaluation))


def tidy(directory: RunDirectory) -> None:
    """Free the node's disk of what an ended Run had; its log stays."""
    for path in directory.root.iterdir() if directory.root.is_dir() else ():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name not in KEPT:
            path.unlink(missing_ok=True)
