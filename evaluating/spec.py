"""What an evaluation is to do. Standard library only: Django builds it, the process reads it."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from rundir.messages import message
from rundir.paths import SpecError
from rundir.spec import from_json

SPEC_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class EvaluatedModel:
    """One model that is asked and measured. Those with the same `weights` are loaded once, together."""

    name: str
    """By which events name it."""
    weights: str
    """Folder of its base, or of a fully trained model."""
    adapter: str | None = None
    """Folder of a PEFT adapter on those weights."""
    chat_path: str
    """Tokenizer and chat template that it is asked in."""
    probe_path: str | None = None
    """Its probes: it must prove itself by them first. None: it has none."""
    held_out: str | None = None
    """Token cache of the rows that its loss is measured on, rendered in its chat format."""


@dataclass(frozen=True, kw_only=True)
class EvaluationSpec:
    """spec.json of an evaluation."""

    version: int = SPEC_VERSION
    kind: Literal["evaluation"] = "evaluation"
    run_id: str = "by-hand"
    models: list[EvaluatedModel]
    questions: str = "questions.jsonl"
    """Relative to the run directory or absolute; a line each: {"number": 1, "messages": […], "tools": […]}."""
    answered: dict[str, list[int]] = field(default_factory=dict)
    """By model the numbers of questions that it is not asked: it has answered them already, or is spared them."""
    measured: list[str] = field(default_factory=list)
    """Models whose loss is known already."""
    max_tokens: int = 256
    """The longest answer; one that has not ended by then is cut off."""
    max_held_out: int = 200
    """Rows that the loss is measured on, spread evenly over the cache."""
    max_model_len: int = 4096
    """Tokens of prompt and answer together."""
    max_concurrent: int = 32
    """Answers in the making at once."""
    threads: int | None = None
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    lease_checkpoint_seconds: float | None = None
    lease_timeout_seconds: float | None = None

    def __post_init__(self) -> None:
        models = [from_json(EvaluatedModel, m, where="models") if isinstance(m, dict) else m for m in self.models]
        object.__setattr__(self, "models", models)
        if self.version != SPEC_VERSION:
            raise SpecError(message("spec_value_refused", name="version", value=self.version, accepted=SPEC_VERSION))
        if self.kind != "evaluation":
            raise SpecError(message("spec_value_refused", name="kind", value=self.kind, accepted='"evaluation"'))

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "EvaluationSpec":
        return from_json(cls, value)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object that `from_json` reads back."""
        return {k: v for k, v in dataclasses.asdict(self).items() if v is not None}
