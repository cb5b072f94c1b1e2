"""Evals, their runs and output items as OpenAI's API writes them; times are unix seconds."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

from django.conf import settings

from chat import WrittenMessage
from common.wording import in_words
from evaluations.models import Eval, EvalRun, Evaluation, Question, Sample

STATUSES = {
    "queued": "queued",
    "running": "in_progress",
    "succeeded": "completed",
    "failed": "failed",
    "cancelled": "canceled",
}
"""OpenAI's words for the states of an evaluation."""
SAMPLE_SCHEMA = {"type": "object", "properties": {"output_text": {"type": "string"}}, "required": ["output_text"]}


class DataSourceConfig(TypedDict):
    """The form of what a run's items are; `schema` has the answer (`sample`) beside the item where that was asked."""

    type: Literal["custom"]
    schema: dict[str, object]


class EvalObject(TypedDict):
    """OpenAI's eval object."""

    id: str
    object: Literal["eval"]
    name: str
    created_at: int
    data_source_config: DataSourceConfig
    testing_criteria: list[dict[str, object]]
    metadata: dict[str, str]


class DeletedEval(TypedDict):
    """What is left to say of a deleted eval."""

    object: Literal["eval.deleted"]
    deleted: Literal[True]
    eval_id: str


class DeletedRun(TypedDict):
    """What is left to say of a deleted run."""

    object: Literal["eval.run.deleted"]
    deleted: Literal[True]
    run_id: str


class ApiError(TypedDict):
    """What went wrong; both are empty where nothing did."""

    code: str
    message: str


class ResultCounts(TypedDict):
    """Output items by what came of them."""

    total: int
    errored: int
    failed: int
    passed: int


class ModelUsage(TypedDict):
    """What a model has read and written."""

    model_name: str
    invocation_count: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    total_tokens: int


class CriterionResult(TypedDict):
    """How often a testing criterion was met."""

    testing_criteria: str
    passed: int
    failed: int


class EvalRunObject(TypedDict):
    """OpenAI's eval run object."""

    id: str
    object: Literal["eval.run"]
    eval_id: str
    name: str
    model: str
    status: Literal["queued", "in_progress", "completed", "failed", "canceled"]
    created_at: int
    data_source: dict[str, object]
    metadata: dict[str, str]
    error: ApiError
    report_url: str
    result_counts: ResultCounts
    per_model_usage: list[ModelUsage]
    per_testing_criteria_results: list[CriterionResult]


class CriterionScore(TypedDict):
    """What a testing criterion says of an answer."""

    name: str
    type: str
    score: float
    passed: bool


class ItemUsage(TypedDict):
    """Tokens of one answer."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    total_tokens: int


class SampleOfItem(TypedDict):
    """A question with its answer, and by what settings it was had."""

    input: list[WrittenMessage]
    output: list[dict[str, str]]
    model: str
    finish_reason: str
    usage: ItemUsage
    error: ApiError
    max_completion_tokens: int
    temperature: float
    top_p: float
    seed: int


class OutputItem(TypedDict):
    """OpenAI's output item: an item of a run with its answer and what the criteria say of it."""

    id: str
    object: Literal["eval.run.output_item"]
    created_at: int
    eval_id: str
    run_id: str
    status: Literal["pass", "fail"]
    datasource_item_id: int
    datasource_item: dict[str, object]
    sample: SampleOfItem
    results: list[CriterionScore]


@dataclass
class Tally:
    """What a run's answers come to."""

    counts: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)


def eval_json(found: Eval) -> EvalObject:
    """Return OpenAI's eval object."""
    properties: dict[str, Any] = {"item": found.item_schema}
    if found.shows_sample:
        properties["sample"] = SAMPLE_SCHEMA
    schema: dict[str, object] = {"type": "object", "properties": properties, "required": list(properties)}
    return {
        "id": found.pk,
        "object": "eval",
        "name": found.name,
        "created_at": int(found.created_at.timestamp()),
        "data_source_config": {"type": "custom", "schema": schema},
        "testing_criteria": found.criteria,
        "metadata": found.metadata,
    }


def tallies_of(runs: Iterable[EvalRun]) -> Mapping[str, Tally]:
    """Return what came of each run, by its evaluation: one question to the database for all of them."""
    criteria = {run.evaluation_id: run.eval.criteria for run in runs}
    found: defaultdict[str, Tally] = defaultdict(Tally)
    columns = ("question__evaluation_id", "scores", "stop_reason", "prompt_tokens", "completion_tokens")
    rows = Sample.objects.filter(question__evaluation__in=criteria).values_list(*columns)
    for evaluation_id, scores, stop_reason, prompt, completion in rows:
        tally = found[evaluation_id]
        results = results_of(criteria[evaluation_id], scores)
        tally.counts[_outcome(results, criteria[evaluation_id], stop_reason)] += 1
        tally.passed.update(one["name"] for one in results if one["passed"])
        tally.failed.update(one["name"] for one in results if not one["passed"])
        tally.tokens.update(prompt=prompt, completion=completion)
    return found


def run_json(run: EvalRun, tally: Tally) -> EvalRunObject:
    """Return OpenAI's eval run object."""
    evaluation = run.evaluation
    model = str(run.data_source.get("model"))
    counts, tokens = tally.counts, tally.tokens
    usage: list[ModelUsage] = [
        {
            "model_name": model,
            "invocation_count": counts.total(),
            "prompt_tokens": tokens["prompt"],
            "completion_tokens": tokens["completion"],
            "cached_tokens": 0,
            "total_tokens": tokens.total(),
        }
    ]
    return {
        "id": run.pk,
        "object": "eval.run",
        "eval_id": run.eval_id,
        "name": evaluation.name,
        "model": model,
        "status": STATUSES[evaluation.state],  # type: ignore[typeddict-item]
        "created_at": int(run.created_at.timestamp()),
        "data_source": run.data_source,
        "metadata": run.metadata,
        "error": _error_of(evaluation),
        "report_url": f"{settings.PUBLIC_URL}/evaluations/{evaluation.pk}",
        "result_counts": {
            "total": counts.total(), "errored": counts["error"], "failed": counts["fail"], "passed": counts["pass"],
        },
        "per_model_usage": usage if counts else [],
        "per_testing_criteria_results": [
            {"testing_criteria": one["name"], "passed": tally.passed[one["name"]], "failed": tally.failed[one["name"]]}
            for one in run.eval.criteria
        ],
    }  # fmt: skip


def results_of(criteria: Iterable[Mapping[str, Any]], scores: Mapping[str, Any]) -> list[CriterionScore]:
    """Return what each criterion says of an answer; none of one that could not be applied to it."""
    graded = scores.get("graders", {})
    return [
        {
            "name": one["name"],
            "type": one["type"],
            "score": graded[one["name"]],
            "passed": graded[one["name"]] >= one.get("pass_threshold", 1.0),
        }
        for one in criteria
        if one["name"] in graded
    ]


def item_json(run: EvalRun, question: Question, sample: Sample) -> OutputItem:
    """Return OpenAI's output item."""
    results = results_of(run.eval.criteria, sample.scores)
    outcome = _outcome(results, run.eval.criteria, sample.stop_reason)
    code = sample.stop_reason if outcome == "error" else ""
    return {
        "id": f"{run.pk}-{question.number}",
        "object": "eval.run.output_item",
        "created_at": int(run.created_at.timestamp()),
        "eval_id": run.eval_id,
        "run_id": run.pk,
        "status": "pass" if outcome == "pass" else "fail",
        "datasource_item_id": question.number - 1,
        "datasource_item": question.item or {},
        "sample": {
            "input": question.messages,
            "output": [{"role": "assistant", "content": sample.answer}],
            "model": str(run.data_source.get("model")),
            "finish_reason": sample.stop_reason,
            "usage": {
                "prompt_tokens": sample.prompt_tokens,
                "completion_tokens": sample.completion_tokens,
                "cached_tokens": 0,
                "total_tokens": sample.prompt_tokens + sample.completion_tokens,
            },
            "error": {"code": code, "message": code},
            "max_completion_tokens": run.max_tokens,
            "temperature": 0.0,
            "top_p": 1.0,
            "seed": 0,
        },
        "results": results,
    }


def _outcome(results: list[CriterionScore], criteria: list[Any], stop_reason: str) -> str:
    if stop_reason == "unaskable" or len(results) < len(criteria):
        return "error"
    return "pass" if all(one["passed"] for one in results) else "fail"


def _error_of(evaluation: Evaluation) -> ApiError:
    return {"code": evaluation.error_code, "message": in_words(evaluation.error_message)}
