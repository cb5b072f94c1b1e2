"""Applies graders to answers. Whoever calls asks the judges: what to ask comes from here, what they say goes in."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scoring.errors import ScoringError
from scoring.graders.replies import label_closing, label_format, read_label, read_score, score_closing, score_format
from scoring.graders.shapes import (
    Grader,
    JudgeMessage,
    JudgeRequest,
    LabelModel,
    Multi,
    ScoreModel,
    StringCheck,
    TextSimilarity,
)
from scoring.graders.similarity import similarity
from scoring.messages import message


@dataclass(frozen=True, kw_only=True)
class Grade:
    """What a grader says about an answer."""

    score: float
    passed: bool | None = None
    """None where the grader has no threshold."""
    label: str | None = None
    """A label_model's."""
    parts: dict[str, float] = field(default_factory=dict)
    """Of a multi grader the scores that its formula is over."""


def judge_requests(grader: Grader, *, item: Mapping[str, Any], sample: Mapping[str, Any]) -> list[JudgeRequest]:
    """Return what judges have to be asked about this row; [] where the grader needs none.

    `item` is the row and `sample` the answer ({"output_text": …}). ScoringError where a placeholder leads nowhere.
    """
    if isinstance(grader, Multi):
        return [request for one in grader.graders.values() for request in judge_requests(one, item=item, sample=sample)]
    if isinstance(grader, ScoreModel):
        return [_request(grader, score_format(grader.range), score_closing(grader.range), item, sample)]
    if isinstance(grader, LabelModel):
        return [_request(grader, label_format(grader.labels), label_closing(grader.labels), item, sample)]
    return []


def grade(grader: Grader, *, item: Mapping[str, Any], sample: Mapping[str, Any], replies: Sequence[str] = ()) -> Grade:
    """Return what `grader` says; `replies` are the judges' texts, in the order of `judge_requests`.

    ScoringError where a judge's reply holds neither a score nor a label, or a formula has no value.
    """
    left = list(replies)
    found = _grade(grader, item, sample, left)
    if left:
        raise ScoringError(message("judge_replies_left", name=grader.name))
    return found


def _grade(grader: Grader, item: Mapping[str, Any], sample: Mapping[str, Any], replies: list[str]) -> Grade:
    match grader:
        case StringCheck():
            text, reference = (part.render(item=item, sample=sample) for part in (grader.input, grader.reference))
            holds = _stands(grader.operation, text, reference)
            return Grade(score=float(holds), passed=holds)
        case TextSimilarity():
            text, reference = (part.render(item=item, sample=sample) for part in (grader.input, grader.reference))
            return _scored(similarity(grader.evaluation_metric, text, reference), grader.pass_threshold)
        case ScoreModel():
            return _scored(read_score(_next(grader, replies), grader.range), grader.pass_threshold)
        case LabelModel():
            label = read_label(_next(grader, replies), grader.labels)
            passed = label in grader.passing_labels
            return Grade(score=float(passed), passed=passed, label=label)
        case Multi():
            scores = {name: _grade(one, item, sample, replies).score for name, one in grader.graders.items()}
            return Grade(score=grader.calculate_output.value(scores), parts=scores)


def _stands(operation: str, text: str, reference: str) -> bool:
    if operation == "ilike":
        text, reference = (unicodedata.normalize("NFKC", one).casefold() for one in (text, reference))
    if operation in ("like", "ilike"):
        return reference in text
    return (text == reference) is (operation == "eq")


def _scored(score: float, threshold: float | None) -> Grade:
    return Grade(score=score, passed=None if threshold is None else score >= threshold)


def _next(grader: ScoreModel | LabelModel, replies: list[str]) -> str:
    if not replies:
        raise ScoringError(message("judge_reply_missing", name=grader.name))
    return replies.pop(0)


def _request(
    grader: ScoreModel | LabelModel,
    response_format: dict[str, Any],
    closing: str,
    item: Mapping[str, Any],
    sample: Mapping[str, Any],
) -> JudgeRequest:
    return JudgeRequest(
        model=grader.model,
        messages=tuple(_rendered(one, item, sample) for one in grader.input),
        response_format=response_format,
        closing=closing,
        sampling_params=grader.sampling_params,
    )


def _rendered(one: JudgeMessage, item: Mapping[str, Any], sample: Mapping[str, Any]) -> dict[str, str]:
    return {"role": one.role, "content": one.content.render(item=item, sample=sample)}
