"""Evaluations and their answers as the API writes them."""

from datetime import datetime
from typing import Annotated, Literal, TypedDict

from chat import WrittenMessage
from common.wording import in_words, on_the_wire
from compute.services import explain
from evaluations.models import Evaluation, Question, Sample, Subject
from evaluations.results.scoring_answers import Figure, Pair


class SubjectObject(TypedDict):
    """A model that is asked; `base` is the one that it is compared with."""

    name: str
    kind: Annotated[str, Subject.Kind]
    base_model: str


class EvaluationError(TypedDict):
    """Why an evaluation has failed."""

    code: str
    message: str


class EvaluationObject(TypedDict):
    """An `evaluation`: its models, how far it is, and once it has succeeded what it came to."""

    id: str
    object: Literal["evaluation"]
    name: str
    status: Annotated[str, Evaluation.State]
    progress: float
    done: int
    total: int | None
    waits: str | None
    models: list[SubjectObject]
    file: str | None
    job: str | None
    graders: list[dict[str, object]]
    results: dict[str, dict[str, Figure]]
    pairs: list[Pair]
    reports: dict[str, dict[str, object]]
    error: EvaluationError | None
    created_at: int
    started_at: int | None
    finished_at: int | None


class AnswerObject(TypedDict):
    """What one model answered; `change` is beside its base."""

    model: str
    answer: str
    prompt_tokens: int
    completion_tokens: int
    stop_reason: str
    scores: dict[str, object]
    change: str | None


class SampleObject(TypedDict):
    """A question of an evaluation with every model's answer, in the order of the models."""

    id: str
    object: Literal["evaluation.sample"]
    number: int
    kind: Annotated[str, Question.Kind]
    topic: str | None
    messages: list[WrittenMessage]
    reference: str | None
    checks: dict[str, list[str]]
    answers: list[AnswerObject]


def evaluation_as_json(evaluation: Evaluation) -> EvaluationObject:
    """Return an `evaluation`. Times are unix seconds."""
    return {
        "id": evaluation.pk,
        "object": "evaluation",
        "name": evaluation.name,
        "status": evaluation.state,
        "progress": evaluation.progress,
        "done": evaluation.num_done,
        "total": evaluation.num_total,
        "waits": in_words(explain(evaluation.run)) or None if evaluation.run is not None else None,
        "models": [_subject(one) for one in evaluation.subjects.all()],
        "file": evaluation.file_id,
        "job": evaluation.job_id,
        "graders": evaluation.graders,
        "results": evaluation.results,
        "pairs": evaluation.pairs,
        "reports": evaluation.reports,
        "error": _error(evaluation),
        "created_at": int(evaluation.created_at.timestamp()),
        "started_at": _seconds(evaluation.started_at),
        "finished_at": _seconds(evaluation.finished_at),
    }


def sample_as_json(question: Question) -> SampleObject:
    """Return a question with its answers, which were brought along."""
    return {
        "id": str(question.number),
        "object": "evaluation.sample",
        "number": question.number,
        "kind": question.kind,
        "topic": question.topic or None,
        "messages": question.messages,
        "reference": question.reference,
        "checks": question.checks,
        "answers": [_answer(sample) for sample in question.samples.all()],
    }


def _subject(subject: Subject) -> SubjectObject:
    return {"name": subject.name, "kind": subject.kind, "base_model": subject.base_model_id}


def _answer(sample: Sample) -> AnswerObject:
    return {
        "model": sample.subject.name,
        "answer": sample.answer,
        "prompt_tokens": sample.prompt_tokens,
        "completion_tokens": sample.completion_tokens,
        "stop_reason": sample.stop_reason,
        "scores": sample.scores,
        "change": sample.change or None,
    }


def _error(evaluation: Evaluation) -> EvaluationError | None:
    if evaluation.state != Evaluation.State.FAILED:
        return None
    said = on_the_wire(evaluation.error_message)
    return {"code": evaluation.error_code, "message": said["message"] or evaluation.error_code}


def _seconds(moment: datetime | None) -> int | None:
    return int(moment.timestamp()) if moment is not None else None
