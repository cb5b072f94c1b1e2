"""Graders in OpenAI's shapes: what somebody wants answers to be held to, besides the measures that are always taken."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from common.errors import UserError
from evaluations.messages import message
from evaluations.models import Question
from scoring import graders as scoring
from scoring.errors import ScoringError

JUDGES = (scoring.ScoreModel, scoring.LabelModel)


def check_graders(graders: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return graders as they are stored; UserError names what is wrong with one, and a judge, which nobody asks yet."""
    stored = [dict(grader) for grader in graders]
    try:
        found = scoring.parse_graders(stored)
    except ScoringError as error:
        raise UserError(error.message, param=error.field or "graders") from None
    for number, grader in enumerate(found):
        if needs_judge(grader):
            refused = message("grader_judge_unsupported", name=grader.name, type=str(stored[number]["type"]))
            raise UserError(refused, param=f"graders[{number}].type")
    return stored


def read_grader(body: Mapping[str, Any]) -> scoring.Grader:
    """Return one grader; UserError names what is wrong with it."""
    try:
        return scoring.parse_grader(body)
    except ScoringError as error:
        raise UserError(error.message, param=error.field or "grader") from None


def judges_of(grader: scoring.Grader, *, field: str = "grader") -> dict[str, str]:
    """Return the models that a grader asks, by the place where each is named."""
    if isinstance(grader, scoring.Multi):
        parts = ((one, f"{field}.graders.{name}") for name, one in grader.graders.items())
        return {place: model for one, where in parts for place, model in judges_of(one, field=where).items()}
    return {f"{field}.model": grader.model} if isinstance(grader, JUDGES) else {}


def needs_judge(grader: scoring.Grader) -> bool:
    """Tell whether a grader asks a model."""
    return bool(judges_of(grader))


def _item_of(question: Question) -> dict[str, Any]:
    known = {"prompt": question.text, "messages": question.messages, "kind": question.kind, "topic": question.topic}
    return known if question.reference is None else {**known, "reference": question.reference}


def grade(graders: Sequence[scoring.Grader], question: Question, answer: str) -> dict[str, float]:
    """Return each grader's score of an answer, by the grader's name; none where the question lacks what it asks for."""
    item: Mapping[str, Any] = question.item or _item_of(question)
    found: dict[str, float] = {}
    for grader in graders:
        with suppress(ScoringError):
            found[grader.name] = round(scoring.grade(grader, item=item, sample=scoring.sample_of(answer)).score, 4)
    return found
