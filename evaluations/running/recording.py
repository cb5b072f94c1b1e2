"""Stores what an evaluation's process says: answers and losses. A batch that comes twice changes nothing."""

from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.utils import timezone

from common.texts import storable
from compute.models import Run
from compute.services import set_idle
from evaluations.models import Evaluation, Question, Sample, Subject
from rundir import Event


@transaction.atomic
def record(evaluation: Evaluation, run: Run, events: list[Event]) -> None:
    """Store `events` of the evaluation's newest Run; the caller's transaction moves the byte offset behind them."""
    Evaluation.objects.select_for_update(of=("self",)).get(pk=evaluation.pk)
    for event in events:
        if event.type == "started":
            _note_start(evaluation, run)
    measured = _store_losses(evaluation, [event for event in events if event.type == "held_out"])
    answered = _store_answers(evaluation, [event for event in events if event.type == "answer"])
    if measured + answered:
        evaluation.count_done(measured + answered)
        _foretell(evaluation, run, events[-1])


def _note_start(evaluation: Evaluation, run: Run) -> None:
    now = timezone.now()
    evaluation.move(Evaluation.State.RUNNING, started_at=evaluation.started_at or now)
    if run.yields:
        set_idle(run=run, since=now)  # nobody waits for it: whatever else waits comes first


def _store_losses(evaluation: Evaluation, events: list[Event]) -> int:
    stored = 0
    for event in events:
        open_ones = Subject.objects.filter(evaluation=evaluation, name=event.data["model"], held_out__isnull=True)
        stored += open_ones.update(held_out=event.data["rows"])
    return stored


def _store_answers(evaluation: Evaluation, events: list[Event]) -> int:
    if not events:
        return 0
    subjects = dict(evaluation.subjects.values_list("name", "pk"))
    numbers = {int(event.data["question"]) for event in events}
    questions = dict(Question.objects.filter(evaluation=evaluation, number__in=numbers).values_list("number", "pk"))
    rows = [
        Sample(
            question_id=questions[int(event.data["question"])],
            subject_id=subjects[event.data["model"]],
            answer=storable(event.data["text"]),
            prompt_tokens=event.data["prompt_tokens"],
            completion_tokens=event.data["completion_tokens"],
            stop_reason=event.data["stop_reason"][:20],
        )
        for event in events
    ]
    before = Sample.objects.of(evaluation).count()
    Sample.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)
    return Sample.objects.of(evaluation).count() - before


def _foretell(evaluation: Evaluation, run: Run, last: Event) -> None:
    """Foretell the Run's end by its pace so far."""
    evaluation.refresh_from_db(fields=["num_done", "num_total"])
    if run.started_at is None or not evaluation.num_total or not evaluation.num_done:
        return
    now = datetime.fromtimestamp(last.at, UTC)
    pace = max(0.0, (now - run.started_at).total_seconds()) / evaluation.num_done
    left = timedelta(seconds=pace * max(0, evaluation.num_total - evaluation.num_done))
    Run.objects.filter(pk=run.pk).update(predicted_end_at=now + left)
