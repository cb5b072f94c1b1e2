"""Decides: goes through everything that can be found, and takes the worst light."""

from collections.abc import Callable

from scoring.verdict import of_answers, of_training
from scoring.verdict.curves import best_step
from scoring.verdict.evidence import Evidence
from scoring.verdict.finding import Finding, Light, Verdict

_CHECKS: tuple[Callable[[Evidence], Finding | None], ...] = (
    of_training.diverged,
    of_training.leaked_validation,
    of_training.too_little_data,
    of_answers.empty_answers,
    of_answers.endless,
    of_answers.refuses,
    of_answers.leaks,
    of_training.not_learned,
    of_answers.forgot,
    of_training.overfitted,
    of_answers.memorised,
    of_training.learned,
)
_WORSE: tuple[Light, ...] = ("red", "amber", "green")


def verdict(evidence: Evidence) -> Verdict:
    """Return what `evidence` shows about a training, causes before their effects."""
    findings = tuple(found for check in _CHECKS if (found := check(evidence)) is not None)
    lights = [finding.light for finding in findings]
    return Verdict(
        light=next((light for light in _WORSE if light in lights), None),
        findings=findings,
        best_step=best_step(evidence, is_held_out=not of_training.is_validation_leaked(evidence)),
    )
