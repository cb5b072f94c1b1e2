"""A grader tried on one answer, as OpenAI's `graders.run` shows it. Judges are asked through the gateway."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict

from django.http import HttpResponse

from common.errors import UserError
from deployments.gateway.admission import Caller, Question
from deployments.gateway.gateway import gateway
from deployments.names import Target
from evaluations.messages import message
from scoring import graders as scoring
from scoring.errors import ScoringError

LONGEST_SECONDS = 120
MOST_TOKENS = 512
"""Of a judge's reply, where its grader does not say."""


class TokenCounts(TypedDict):
    """What a judge has read and written."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cached_tokens: int


class GraderErrors(TypedDict):
    """What went wrong, by OpenAI's names; with any of them the reward is 0."""

    formula_parse_error: bool
    invalid_variable_error: bool
    model_grader_parse_error: bool
    model_grader_refusal_error: bool
    model_grader_server_error: bool
    model_grader_server_error_details: str | None
    other_error: bool
    python_grader_runtime_error: bool
    python_grader_runtime_error_details: str | None
    python_grader_server_error: bool
    python_grader_server_error_type: str | None
    sample_parse_error: bool
    truncated_observation_error: bool
    unresponsive_reward_error: bool


class GraderMetadata(TypedDict):
    """How a run went; `sampled_model_name` and `token_usage` (in all) where a model was asked."""

    name: str
    type: str
    errors: GraderErrors
    execution_time: float
    """Seconds."""
    scores: dict[str, float]
    token_usage: int | None
    sampled_model_name: str | None


class GraderRun(TypedDict):
    """What a grader says about an answer; `sub_rewards` are those of a multi grader's parts."""

    reward: float
    sub_rewards: dict[str, float]
    metadata: GraderMetadata
    model_grader_token_usage_per_model: dict[str, TokenCounts]


class JudgeRefused(Exception):
    """A judge's model was not asked, or refused the question; `reply` says why in OpenAI's words."""

    def __init__(self, reply: HttpResponse) -> None:
        super().__init__("The judge was not asked.")
        self.reply = reply


@dataclass(frozen=True, kw_only=True)
class AskedRun:
    """A grader, an answer, and whose questions the judges are asked."""

    caller: Caller
    grader: scoring.Grader
    kind: str
    judges: Mapping[str, Target]
    """By the names that the grader calls them by."""
    item: Mapping[str, Any]
    answer: str
    request_id: str


async def run(asked: AskedRun) -> GraderRun:
    """Grade the answer; UserError where it takes too long, JudgeRefused where a judge does."""
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            return await _Run(asked).run()
    except TimeoutError:
        said = message("grader_run_too_long", seconds=LONGEST_SECONDS)
        raise UserError(said, status=504, code="grader_run_too_long") from None


@dataclass
class _Run:
    asked: AskedRun
    began: float = field(default_factory=time.monotonic)
    usage: dict[str, TokenCounts] = field(default_factory=dict)
    is_cut: bool = False
    """A judge's reply was."""

    async def run(self) -> GraderRun:
        row: dict[str, Any] = {"item": self.asked.item, "sample": scoring.sample_of(self.asked.answer)}
        try:
            requests = scoring.judge_requests(self.asked.grader, **row)
            replies = [await self._reply(request) for request in requests]
            # In a thread: long texts take a second to compare.
            found = await asyncio.to_thread(scoring.grade, self.asked.grader, **row, replies=replies)
        except ScoringError as error:
            return self._told(scoring.Grade(score=0.0), self._flag(error))
        return self._told(found)

    async def _reply(self, request: scoring.JudgeRequest) -> str:
        target = self.asked.judges[request.model]
        limit = {} if "max_completion_tokens" in request.sampling_params else {"max_completion_tokens": MOST_TOKENS}
        body = {
            "model": request.model, "messages": request.messages_in_words, "temperature": 0, **limit,
            **request.sampling_params,
        }  # fmt: skip
        question = Question(caller=self.asked.caller, target=target, body=body)
        reply = await gateway().answer(question, is_chat=True, request_id=self.asked.request_id)
        assert isinstance(reply, HttpResponse)  # nothing was to be streamed
        if reply.status_code != 200:
            raise JudgeRefused(reply)
        said = json.loads(reply.content)
        self._count(target.name, said["usage"])
        choice = said["choices"][0]
        self.is_cut = self.is_cut or choice["finish_reason"] == "length"
        return choice["message"]["content"] or ""

    def _count(self, model: str, usage: Mapping[str, int]) -> None:
        found = self.usage.setdefault(
            model, {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, "cached_tokens": 0}
        )
        found["prompt_tokens"] += usage["prompt_tokens"]
        found["completion_tokens"] += usage["completion_tokens"]
        found["total_tokens"] += usage["total_tokens"]

    def _flag(self, error: ScoringError) -> str:
        """Return OpenAI's name of what went wrong; UserError where it has none."""
        if error.code == "grader_value_missing":
            is_sample = (error.field or "").startswith("sample.")
            return "sample_parse_error" if is_sample else "invalid_variable_error"
        if error.code in ("judge_without_score", "judge_without_label"):
            return "truncated_observation_error" if self.is_cut else "model_grader_parse_error"
        if error.code == "formula_failed":
            return "formula_parse_error"
        raise UserError(error.message, param="model_sample") from None

    def _told(self, found: scoring.Grade, flag: str = "") -> GraderRun:
        errors: Any = {**_NO_ERRORS, flag: True} if flag else _NO_ERRORS
        return {
            "reward": found.score,
            "sub_rewards": found.parts,
            "metadata": {
                "name": self.asked.grader.name,
                "type": self.asked.kind,
                "errors": errors,
                "execution_time": round(time.monotonic() - self.began, 6),
                "scores": found.parts or {self.asked.grader.name: found.score},
                "token_usage": sum(one["total_tokens"] for one in self.usage.values()) if self.usage else None,
                "sampled_model_name": next(iter(self.usage), None),
            },
            "model_grader_token_usage_per_model": self.usage,
        }


_NO_ERRORS: GraderErrors = {
    "formula_parse_error": False,
    "invalid_variable_error": False,
    "model_grader_parse_error": False,
    "model_grader_refusal_error": False,
    "model_grader_server_error": False,
    "model_grader_server_error_details": None,
    "other_error": False,
    "python_grader_runtime_error": False,
    "python_grader_runtime_error_details": None,
    "python_grader_server_error": False,
    "python_grader_server_error_type": None,
    "sample_parse_error": False,
    "truncated_observation_error": False,
    "unresponsive_reward_error": False,
}
