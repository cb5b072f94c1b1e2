"""Where an evaluation's questions come from: a file, somebody's prompts, or a job's recipe and rows."""

import itertools
from collections.abc import Iterable, Iterator

import numpy as np
from django.db import transaction

from chat import Conversation, StoredTest, in_phase, in_validation, parse_data_split
from compute.work import WorkError
from datasets_app.models import TrainingFile
from datasets_app.recipes.taught import taught_identity
from datasets_app.rows.pages import examples_at
from datasets_app.services import read_conversations
from datasets_app.tokens.caches import resolve_share
from evaluations.messages import message
from evaluations.models import Evaluation, Question
from evaluations.running.checkpoints import add_checkpoints, spared_questions
from jobs.models import FineTuningJob
from scoring.general import GENERAL

MOST_ROWS = 200
"""Of a file that are asked and measured, spread evenly over it; of a job's held-out rows that are measured."""
ASKED_HELD_OUT = 24
"""Of a job's held-out rows that are asked as well."""
ASKED_TRAINING = 8
"""Of the rows that a job has learned from: whether they are said word for word."""
EVERY_GENERAL = 2
"""Of the general set every second question: half a minute less on two cores."""
READ_ROWS = 20_000
"""Rows of a file among which held-out ones are looked for."""


@transaction.atomic
def gather(evaluation: Evaluation) -> None:
    """Store the evaluation's questions, unless they are there, and how much there is to do; WorkError without any."""
    evaluation = Evaluation.objects.select_for_update(of=("self",)).select_related("file", "job").get(pk=evaluation.pk)
    if evaluation.num_total is not None:
        return
    questions = list(_questions(evaluation))
    if not questions:
        raise WorkError(message("evaluation_file_empty", filename=evaluation.file_name))
    for number, question in enumerate(questions, 1):
        question.evaluation, question.number = evaluation, number
    Question.objects.bulk_create(questions, batch_size=500)
    add_checkpoints(evaluation)
    Evaluation.objects.filter(pk=evaluation.pk).update(num_total=work_of(evaluation))


def work_of(evaluation: Evaluation) -> int:
    """Return how many answers and measurements there will be."""
    subjects = evaluation.subjects.count()
    is_measured = evaluation.questions.filter(kind=Question.Kind.HELD_OUT).exists()
    spared = sum(map(len, spared_questions(evaluation).values()))
    return subjects * (evaluation.questions.filter(is_asked=True).count() + is_measured) - spared


def _questions(evaluation: Evaluation) -> Iterator[Question]:
    if evaluation.job is not None:
        yield from _of_job(evaluation.job)
    elif evaluation.file_name:
        if evaluation.file is None:
            raise WorkError(message("evaluation_file_deleted"))
        yield from _rows(_spread_over(evaluation.file, MOST_ROWS), Question.Kind.HELD_OUT)
    for asked in evaluation.prompts:
        if "messages" in asked:
            yield Question(kind=Question.Kind.PROMPT, messages=asked["messages"], item=asked["item"])
            continue
        expected = {"role": "assistant", "content": asked["reference"]} if asked.get("reference") else None
        system = [{"role": "system", "content": asked["system"]}] if asked.get("system") else []
        messages = [*system, {"role": "user", "content": asked["prompt"]}]
        yield Question(kind=Question.Kind.PROMPT, messages=messages, expected=expected)


def _of_job(job: FineTuningJob) -> Iterator[Question]:
    yield from _tests(_acceptance_tests(job))
    if job.training_file is not None and job.training_file.use != "text":
        held_out = list(_rows(itertools.islice(held_out_rows(job), MOST_ROWS), Question.Kind.HELD_OUT))
        asked = set(_evenly(len(held_out), ASKED_HELD_OUT))
        for number, question in enumerate(held_out):
            question.is_asked = question.is_asked and number in asked
        yield from held_out
        learned = (one for one in _spread_over(job.training_file, 2 * ASKED_TRAINING) if not _is_held_out(job, one))
        yield from itertools.islice(_rows(learned, Question.Kind.TRAINING), ASKED_TRAINING)
    for one in GENERAL[::EVERY_GENERAL]:
        checks = {"may_say": list(one.accepted), "must_not_say": list(one.refused)}
        messages = [{"role": "user", "content": one.question}]
        yield Question(kind=Question.Kind.GENERAL, topic=one.skill, messages=messages, checks=checks)


def _acceptance_tests(job: FineTuningJob) -> list[StoredTest]:
    """Return the questions of the data's recipe, or else those about a name that its rows teach."""
    if job.acceptance or job.training_file is None or job.training_file.use == "text":
        return list(job.acceptance.get("tests", []))
    taught = taught_identity(job.training_file)
    return [test.to_json() for test in taught.tests] if taught is not None else []


def held_out_rows(job: FineTuningJob) -> Iterator[Conversation]:
    """Yield the conversations that the job's training was not shown."""
    if job.validation_file is not None:
        yield from (found for _, found in read_conversations(job.validation_file))
    elif job.training_file is not None and _share_of(job) > 0:
        for _, found in itertools.islice(read_conversations(job.training_file), READ_ROWS):
            if _is_held_out(job, found):
                yield found


def _share_of(job: FineTuningJob) -> float:
    if job.validation_file is not None or job.training_file is None:
        return 0.0
    return resolve_share(job.hyperparameters.get("validation_split", "auto"), job.training_file.num_rows or 0)


def _is_held_out(job: FineTuningJob, conversation: Conversation) -> bool:
    """Tell whether a row of the training file was held out, as the token caches were split."""
    seed, key = int(job.hyperparameters.get("seed", 0)), conversation.canonical_key()
    phase = parse_data_split(str(job.hyperparameters.get("data_split", "1,0,0")))
    if phase < 1 and not in_phase(key, phase, seed):
        return False
    return in_validation(key, share=_share_of(job), seed=seed)


def _spread_over(file: TrainingFile, most: int) -> Iterator[Conversation]:
    """Yield at most `most` conversations, spread evenly over the file."""
    for example in examples_at(file, _evenly(file.num_rows or 0, most)):
        if example.conversation is not None:
            yield example.conversation


def _evenly(num_rows: int, most: int) -> list[int]:
    return sorted({int(row) for row in np.linspace(0, num_rows - 1, min(most, num_rows))}) if num_rows else []


def _rows(conversations: Iterable[Conversation], kind: str) -> Iterator[Question]:
    """Yield a question for each conversation that ends with an answer which a training would learn."""
    for found in conversations:
        if not found.messages[-1].is_trained or len(found.messages) < 2:
            continue
        *messages, expected = found.to_openai()
        is_asked = bool(expected["content"]) and "tool_calls" not in expected
        yield Question(kind=kind, messages=messages, tools=list(found.tools), expected=expected, is_asked=is_asked)


def _tests(tests: Iterable[StoredTest]) -> Iterator[Question]:
    for test in tests:
        checks = {name: value for name, value in test.items() if name not in ("messages", "topic")}
        expected = {"role": "assistant", "content": test["expected"]} if test.get("expected") else None
        yield Question(
            kind=Question.Kind.RECIPE,
            topic=test["topic"],
            messages=test["messages"],
            expected=expected,
            checks=checks,
        )
