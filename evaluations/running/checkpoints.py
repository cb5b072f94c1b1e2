"""Which checkpoints a job's own evaluation looks at beside its model, and how little: it has to stay short."""

import logging
import math

from common.errors import UserError
from evaluations.models import Evaluation, Question, Subject
from evaluations.results.evidence import GUARD
from evaluations.subjects import checkpoint_subject
from jobs.models import Checkpoint, FineTuningJob
from jobs.training.checkpoints import can_be_asked, local_weights

logger = logging.getLogger(__name__)

MOST = 3
"""That of the lowest validation loss while it trained, where one was seen, then the newest ones. A job that nobody asks
for more keeps no more."""
ASKED = 8
"""Of the recipe's questions about what is to be learned, spread evenly; each checkpoint is shown the held-out rows
besides, as far as there are any."""


def add_checkpoints(evaluation: Evaluation) -> None:
    """Put them behind the other models, where there is something to tell them apart by."""
    job = evaluation.job
    is_measured = evaluation.questions.filter(kind=Question.Kind.HELD_OUT).exists()
    if job is None or not (is_measured or _asked(evaluation)):
        return
    subjects = [checkpoint_subject(checkpoint) for checkpoint in _chosen(job)]
    for position, subject in enumerate(subjects, evaluation.subjects.count()):
        subject.evaluation, subject.position = evaluation, position
    Subject.objects.bulk_create(subjects)


def leave_out_what_is_gone(evaluation: Evaluation) -> bool:
    """Fetch the weights of these checkpoints and forget those that storage has lost: a verdict does not wait for them.

    Return whether there were any. Errors of a storage that is away pass through.
    """
    gone = [subject for subject in _added(evaluation) if not _is_here(subject)]
    for subject in gone:
        logger.warning("%s is not measured by %s: its files are gone", subject.name, evaluation.pk)
        subject.delete()
    return bool(gone)


def spared_questions(evaluation: Evaluation) -> dict[str, list[int]]:
    """Return, by the name of each of these checkpoints, the numbers of the questions that it is not asked."""
    added = _added(evaluation)
    if not added:
        return {}
    asked = set(_asked(evaluation))
    numbers = evaluation.questions.filter(is_asked=True).values_list("number", flat=True)
    others = [number for number in numbers if number not in asked]
    return {subject.name: others for subject in added}


def _added(evaluation: Evaluation) -> list[Subject]:
    if evaluation.job_id is None:
        return []
    found = evaluation.subjects.filter(kind=Subject.Kind.CHECKPOINT)
    return list(found.select_related("checkpoint__job__team", "checkpoint__job__base_model"))


def _chosen(job: FineTuningJob) -> list[Checkpoint]:
    if not can_be_asked(job):
        return []
    stored = job.checkpoints.exclude(published_at=None).select_related("job__team", "job__base_model")
    kept = [one for one in stored.order_by("-step") if one.step != job.result_step]
    best = job.best_checkpoint
    kept.sort(key=lambda one: one != best)
    return sorted(kept[:MOST], key=lambda one: one.step)


def _asked(evaluation: Evaluation) -> list[int]:
    to_learn = evaluation.questions.filter(kind=Question.Kind.RECIPE, is_asked=True).exclude(topic=GUARD)
    numbers = list(to_learn.values_list("number", flat=True))
    return numbers[:: max(1, math.ceil(len(numbers) / ASKED))]


def _is_here(subject: Subject) -> bool:
    if subject.checkpoint is None:
        return False
    try:
        local_weights(subject.checkpoint)
    except UserError:
        return False
    return True
