"""The graders as data, with OpenAI's names: https://platform.openai.com/docs/guides/graders."""

from dataclasses import dataclass, field
from typing import Any, Literal

from scoring.graders.formula import Formula
from scoring.graders.template import Template

Role = Literal["system", "developer", "user", "assistant"]
Operation = Literal["eq", "ne", "like", "ilike"]
OPERATIONS: tuple[Operation, ...] = ("eq", "ne", "like", "ilike")
SIMILARITIES = (
    "fuzzy_match", "bleu", "gleu", "rouge_1", "rouge_2", "rouge_3", "rouge_4", "rouge_5", "rouge_l",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class StringCheck:
    """1 where two texts stand in a relation, else 0."""

    name: str
    input: Template
    reference: Template
    operation: Operation
    """eq and ne: the same text or not; like: `input` contains `reference`; ilike: in any case."""


@dataclass(frozen=True, kw_only=True)
class TextSimilarity:
    """How alike two texts are, 0 to 1."""

    name: str
    input: Template
    reference: Template
    evaluation_metric: str
    """One of SIMILARITIES."""
    pass_threshold: float | None = None


@dataclass(frozen=True, kw_only=True)
class JudgeMessage:
    """A message to a judge."""

    role: Role
    content: Template


@dataclass(frozen=True, kw_only=True)
class ScoreModel:
    """The number that a judge gives."""

    name: str
    model: str
    input: tuple[JudgeMessage, ...]
    range: tuple[float, float] = (0.0, 1.0)
    pass_threshold: float | None = None
    sampling_params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class LabelModel:
    """1 where a judge gives one of the labels that pass, else 0."""

    name: str
    model: str
    input: tuple[JudgeMessage, ...]
    labels: tuple[str, ...]
    passing_labels: tuple[str, ...]
    sampling_params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Multi:
    """A formula over the scores of other graders."""

    name: str
    graders: dict[str, "StringCheck | TextSimilarity | ScoreModel | LabelModel"]
    calculate_output: Formula


Grader = StringCheck | TextSimilarity | ScoreModel | LabelModel | Multi


@dataclass(frozen=True, kw_only=True)
class JudgeRequest:
    """What a judge has to be asked, as a chat completion."""

    model: str
    messages: tuple[dict[str, str], ...]
    response_format: dict[str, Any]
    """OpenAI's json_schema; a judge without it may answer in words, which are read as well."""
    closing: str
    """What such a judge is told at the end, so that its words hold what is looked for."""
    sampling_params: dict[str, Any]

    @property
    def messages_in_words(self) -> list[dict[str, str]]:
        """What is asked of a judge that nothing holds to the format."""
        *before, last = self.messages
        if last["role"] == "user":
            return [*before, {**last, "content": f"{last['content']}\n\n{self.closing}"}]
        return [*self.messages, {"role": "user", "content": self.closing}]
