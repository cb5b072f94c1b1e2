"""What a base has answered before: after each of its jobs it is asked the same, and would say the same again."""

import json
from typing import Any

from django.db import transaction

from compute.models import Run
from evaluations.models import Evaluation, Question, Sample, Subject
from evaluations.running.queueing import MAX_TOKENS_OF_JOB, max_tokens_of

FIXED = (Question.Kind.RECIPE, Question.Kind.GENERAL)
"""Of these the questions are the platform's own; what a team's rows and prompts ask is asked anew."""


@transaction.atomic
def take_known_answers(evaluation: Evaluation, run: Run) -> None:
    """Give the base the answers that it gave to the same questions after the last job; repeatable."""
    evaluation = Evaluation.objects.select_for_update(of=("self",)).get(pk=evaluation.pk)
    base = evaluation.subjects.filter(kind=Subject.Kind.BASE).select_related("base_model").first()
    earlier = _same_base_earlier(evaluation, base, run) if base is not None and evaluation.job_id else None
    if base is None or earlier is None:
        return
    answers = Sample.objects.filter(subject=earlier, question__kind__in=FIXED).select_related("question")
    known = {_key(sample.question): sample for sample in answers}
    open_ones = evaluation.questions.filter(kind__in=FIXED, is_asked=True).exclude(samples__subject=base)
    if max_tokens_of(evaluation) != MAX_TOKENS_OF_JOB:  # what was cut off may go on now
        known = {key: sample for key, sample in known.items() if sample.stop_reason != "length"}
    found = [(question, known[key]) for question in open_ones if (key := _key(question)) in known]
    Sample.objects.bulk_create(_copy(sample, question, base) for question, sample in found)
    if found:
        evaluation.count_done(len(found))


def _same_base_earlier(evaluation: Evaluation, base: Subject, run: Run) -> Subject | None:
    """Return the base in the newest evaluation of a job that asked the same weights in the same way."""
    tuned = evaluation.subjects.filter(adapter__isnull=False).select_related("adapter").first()
    if tuned is None or tuned.adapter is None or base.base_model.present_at is None:
        return None
    same = Subject.objects.filter(
        kind=Subject.Kind.BASE,
        base_model=base.base_model,
        evaluation__job__adapter__chat_hash=tuned.adapter.chat_hash,
        evaluation__state=Evaluation.State.SUCCEEDED,
        evaluation__started_at__gt=base.base_model.present_at,  # weights that were replaced answer otherwise
        evaluation__run__accelerators=run.accelerators,  # cores and GPUs compute in different precision
    )
    return same.order_by("-evaluation__finished_at").first()


def _key(question: Question) -> str:
    return json.dumps([question.messages, question.tools], sort_keys=True)


def _copy(sample: Sample, question: Question, subject: Subject) -> Sample:
    answered: dict[str, Any] = {
        name: getattr(sample, name) for name in ("answer", "prompt_tokens", "completion_tokens", "stop_reason")
    }
    return Sample(question=question, subject=subject, **answered)
