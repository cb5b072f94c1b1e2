"""Use cases of evaluations."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import AuditEvent, Team, User
from accounts.roles import require_own
from common.errors import NotFound, UserError
from common.texts import is_storable
from compute.models import Priority
from compute.services import request_stop
from datasets_app.models import TrainingFile
from datasets_app.rows.reading import require_processed
from datasets_app.services import get_file, require_answered
from evaluations.messages import message
from evaluations.models import Evaluation, Subject, Vote
from evaluations.results.graders import check_graders
from evaluations.results.votes import Side, ballots_of, choice_of
from evaluations.running.gathering import MOST_ROWS
from evaluations.running.queueing import max_tokens_of, queue_run
from evaluations.subjects import find_subjects, tuned_subject, with_bases
from jobs.models import FineTuningJob, TunedModel
from jobs.training.attempts import label_of, lock_job
from wording import Message

logger = logging.getLogger(__name__)

QUESTIONS_OF_JOB = 60
"""About how many a job's own evaluation asks."""


@transaction.atomic
def create_evaluation(
    *,
    team: Team,
    by: User | None,
    models: Sequence[str],
    file: str | None = None,
    prompts: Sequence[Mapping[str, str]] = (),
    graders: Sequence[Mapping[str, Any]] = (),
    baseline: bool = True,
    name: str = "",
    priority: int = Priority.NORMAL,
) -> Evaluation:
    """Queue an evaluation of `models` on the rows of `file`, or on `prompts`; UserError or NotFound says what prevents
    it.

    `baseline` puts the base of each tuned model beside it.
    """
    subjects = find_subjects(team=team, names=models, baseline=baseline)
    if (file is None) == (not prompts):
        raise UserError(message("evaluation_needs_questions"), param="file" if prompts else "prompts")
    source = _questions_file(team, file) if file is not None else None
    if any(not asked["prompt"].strip() for asked in prompts):
        raise UserError(message("evaluation_prompt_empty"), param="prompts")
    evaluation = Evaluation.objects.create(
        team=team,
        created_by=by,
        name=name.strip() or _name_of(subjects, source),
        file=source,
        file_name=source.filename if source is not None else "",
        prompts=[dict(asked) for asked in prompts],
        graders=check_graders(graders),
        priority=priority,
    )
    _save(evaluation, subjects)
    questions = min(source.num_rows or 0, MOST_ROWS) if source is not None else len(prompts)
    _queue(evaluation, len(subjects) * questions)
    AuditEvent.record(
        actor=by, team=team, action="evaluation.created", target=evaluation.pk, models=[one.name for one in subjects]
    )
    return evaluation


@transaction.atomic
def evaluate_items(
    *, team: Team, by: User | None, model: str, prompts: Sequence[Mapping[str, Any]], graders: Sequence[Any], name: str
) -> Evaluation:
    """Make an evaluation of one model on items, each with the messages that were made of it; `ask_items` queues it."""
    [subject] = find_subjects(team=team, names=[model], baseline=False)
    made = {"team": team, "created_by": by, "name": name, "prompts": [*prompts], "graders": [*graders]}
    evaluation = Evaluation.objects.create(**made)
    _save(evaluation, [subject])
    AuditEvent.record(actor=by, team=team, action="evaluation.created", target=evaluation.pk, models=[subject.name])
    return evaluation


def ask_items(evaluation: Evaluation) -> None:
    """Queue what `evaluate_items` has made, in the caller's transaction."""
    _queue(evaluation, len(evaluation.prompts))


@transaction.atomic
def evaluate_job(*, job: FineTuningJob, by: User | None) -> Evaluation:
    """Queue the evaluation by which the job gets its verdict; the one that it has, where that has not failed."""
    job = lock_job(job.pk)
    adapter = TunedModel.objects.live().filter(job=job).select_related("base_model").first()
    if job.status != FineTuningJob.Status.SUCCEEDED or adapter is None:
        raise UserError(message("evaluation_of_unfinished_job"), code="job_not_succeeded", status=409)
    evaluation = Evaluation.objects.filter(job=job).first()
    if evaluation is not None:
        if evaluation.move(Evaluation.State.QUEUED, **_ANEW):
            _queue(evaluation, QUESTIONS_OF_JOB)
        return evaluation
    evaluation = Evaluation.objects.create(team=job.team, created_by=job.created_by, name=label_of(job)[:200], job=job)
    subjects = with_bases([tuned_subject(adapter)])
    for position, subject in enumerate(subjects):
        subject.position = position
    _save(evaluation, subjects)
    _queue(evaluation, len(subjects) * QUESTIONS_OF_JOB)
    return evaluation


def evaluate_by_itself(job: FineTuningJob) -> None:
    """Queue the evaluation of a job that has succeeded, unless the platform leaves that to people."""
    if not settings.EVALUATE_JOBS:
        return
    try:
        with transaction.atomic():
            evaluate_job(job=job, by=None)
    except Exception:  # the job has succeeded whether or not it can be evaluated
        logger.exception("%s is not evaluated", job.pk)


_ANEW: dict[str, Any] = {
    "error_code": "", "error_message": None, "cancel_requested_at": None, "finished_at": None, "num_idle_runs": 0,
}  # fmt: skip


def get_evaluation(*, team: Team, evaluation_id: str) -> Evaluation:
    """Return an evaluation of `team`; NotFound for everybody else's."""
    found = Evaluation.objects.visible_to(team).select_related("team", "run", "job", "file")
    evaluation = found.filter(pk=evaluation_id).first() if is_storable(evaluation_id) else None
    if evaluation is None:
        raise NotFound(message("evaluation_not_found", id=evaluation_id[:60]), param="evaluation_id")
    return evaluation


def cancel_evaluation(*, evaluation: Evaluation, by: User | None) -> Evaluation:
    """Have it stop; the answers that it has stay."""
    require_own(by=by, team=evaluation.team, author_id=evaluation.created_by_id)
    with transaction.atomic():
        locked = Evaluation.objects.select_for_update(of=("self",)).get(pk=evaluation.pk)
        if locked.is_finished:
            raise UserError(message("evaluation_finished"), status=409)
        asked_at = locked.cancel_requested_at or timezone.now()
        Evaluation.objects.filter(pk=evaluation.pk).update(cancel_requested_at=asked_at)
        AuditEvent.record(actor=by, team=evaluation.team, action="evaluation.cancelled", target=evaluation.pk)
    # In a transaction of its own: a supervisor locks the Run before the evaluation, and two orders would be a deadlock.
    if evaluation.run is not None:
        request_stop(run=evaluation.run, reason="cancel")
    evaluation.refresh_from_db()
    return evaluation


@transaction.atomic
def delete_evaluation(*, evaluation: Evaluation, by: User | None) -> None:
    """Delete an ended evaluation with its questions and answers."""
    require_own(by=by, team=evaluation.team, author_id=evaluation.created_by_id)
    locked = Evaluation.objects.select_for_update(of=("self",)).get(pk=evaluation.pk)
    if not locked.is_finished:
        raise UserError(message("evaluation_unfinished"), status=409)
    before = {"name": locked.name}
    AuditEvent.record(actor=by, team=evaluation.team, action="evaluation.deleted", target=evaluation.pk, before=before)
    locked.delete()


def cast_vote(*, evaluation: Evaluation, by: User, question: int, choice: Side) -> Vote:
    """Take a person's vote on the answers to a question; an earlier one is replaced. NotFound where there is nothing
    to choose between."""
    ballot = next((one for one in ballots_of(evaluation, by) if one.question.number == question), None)
    if ballot is None:
        raise NotFound(message("ballot_not_found", number=question), param="question")
    made, _ = Vote.objects.update_or_create(
        question=ballot.question,
        voter=by,
        defaults={"choice": choice_of(ballot.question, by, choice), "voted_at": timezone.now()},
    )
    return made


def reason_to_keep(file: TrainingFile) -> Message | None:
    """Return a message that names the evaluation which has not read `file` yet, for refusing to delete it."""
    waiting = Evaluation.objects.unfinished().filter(file=file, num_total=None).first()
    if waiting is None:
        return None
    return message("file_needed_by_evaluation", name=waiting.name, filename=file.filename)


def _save(evaluation: Evaluation, subjects: list[Subject]) -> None:
    for subject in subjects:
        subject.evaluation = evaluation
    Subject.objects.bulk_create(subjects)


def _queue(evaluation: Evaluation, answers: int) -> None:
    queue_run(evaluation, answers=answers, max_tokens=max_tokens_of(evaluation))


def _questions_file(team: Team, file_id: str) -> TrainingFile:
    try:
        file = get_file(team=team, file_id=file_id)
        require_processed(file)
        require_answered(file, param="file")
    except UserError as error:
        error.param = "file"
        raise
    if not file.num_rows:
        raise UserError(message("evaluation_file_empty", filename=file.filename), param="file")
    return file


def _name_of(subjects: list[Subject], file: TrainingFile | None) -> str:
    names = ", ".join(one.name for one in subjects if not one.is_untuned) or subjects[0].name
    return f"{names} · {file.filename}"[:200] if file is not None else names[:200]
