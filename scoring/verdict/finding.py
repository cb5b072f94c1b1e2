"""What a verdict consists of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypedDict

from wording import Message

Light = Literal["green", "amber", "red"]
Code = Literal[
    "diverged",
    "leaked_validation",
    "too_little_data",
    "empty_answers",
    "endless",
    "refuses",
    "leaks",
    "not_learned",
    "forgot",
    "overfitted",
    "memorised",
    "learned",
]
"""What can be found, causes before their effects: in this order a verdict lists it."""
Action = Literal[
    "set_learning_rate",
    "set_epochs",
    "use_step",
    "add_rows",
    "add_guards",
    "add_general",
    "remove_validation_rows",
    "remove_rows",
]


@dataclass(frozen=True, kw_only=True)
class Fix:
    """Something that a button can do."""

    action: Action
    params: dict[str, object]
    """set_learning_rate {factor} or {value}; set_epochs {value}; use_step {step}; add_rows {count}, and {language}
    where one lacks; add_guards, add_general {count}; remove_validation_rows {count}; remove_rows {what}: "empty",
    "refusing" or "personal", with {rows} where they are known."""
    message: Message
    """What the button says."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was found."""

    code: Code
    light: Light
    message: Message
    evidence: dict[str, object] = field(default_factory=dict)
    """The numbers that it follows from, as JSON."""
    fix: Fix | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The verdict on a training."""

    light: Light | None
    """The worst light of all findings; None where nothing is known."""
    findings: tuple[Finding, ...]
    best_step: int | None
    """The checkpoint that did best; None where nothing tells them apart."""

    @property
    def next_fix(self) -> Fix | None:
        """Return what to do first: that of the first finding that has one, a cause rather than an effect."""
        return next((finding.fix for finding in self.findings if finding.fix is not None), None)

    def to_json(self) -> "StoredVerdict":
        """Return it as JSON, for whoever reads it in a language."""
        return {"light": self.light, "findings": list(map(_finding_json, self.findings)), "best_step": self.best_step}


class StoredFix(TypedDict):
    """A fix as JSON; the message as `Message.stored` gives it."""

    action: Action
    params: dict[str, object]
    message: Mapping[str, object]


class StoredFinding(TypedDict):
    """A finding as JSON."""

    code: Code
    light: Light
    params: dict[str, object]
    message: Mapping[str, object]
    evidence: dict[str, object]
    fix: StoredFix | None


class StoredVerdict(TypedDict):
    """A verdict as JSON: what is stored of it."""

    light: Light | None
    findings: list[StoredFinding]
    best_step: int | None


def _finding_json(finding: Finding) -> StoredFinding:
    said, fix = finding.message.stored(), finding.fix
    return {
        "code": finding.code,
        "light": finding.light,
        "params": said["params"],
        "message": said,
        "evidence": finding.evidence,
        "fix": None if fix is None else {"action": fix.action, "params": fix.params, "message": fix.message.stored()},
    }
