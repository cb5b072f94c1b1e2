"""What loss curves say."""

import math
from collections.abc import Sequence

import numpy as np

from scoring.verdict.evidence import Evidence, Point
from scoring.verdict.thresholds import LOSS_FALL, OVERFITTED_RISE, ROSE_BY, STILL_FALLING, STRETCH


def smoothed(curve: Sequence[Point]) -> list[float]:
    """Return the mean of each stretch of the curve: a tenth of its points, at least one, one point further each."""
    losses = [point.loss for point in curve]
    width = max(1, round(len(losses) * STRETCH))
    return np.convolve(losses, np.ones(width) / width, mode="valid").tolist() if losses else []


def has_diverged(curve: Sequence[Point]) -> bool:
    """Return whether the loss left the numbers, or climbed well above where it began."""
    if any(not math.isfinite(point.loss) for point in curve):
        return True
    means = smoothed(curve)
    return len(curve) >= 4 and max(means[1:], default=0.0) > means[0] * (1 + ROSE_BY)


def is_still_falling(curve: Sequence[Point]) -> bool:
    """Return whether the last quarter of the curve brought a share of what it fell that promises more."""
    means = smoothed(curve)
    if len(means) < 4 or means[0] <= means[-1]:
        return False
    return means[-len(means) // 4 - 1] - means[-1] > (means[0] - means[-1]) * STILL_FALLING


def lowest(curve: Sequence[Point]) -> Point | None:
    """Return the first point of the lowest loss; None without one."""
    return min((point for point in curve if math.isfinite(point.loss)), key=lambda point: point.loss, default=None)


def overfitted_since(evidence: Evidence) -> Point | None:
    """Return the point after which the validation loss only got worse; None where it did not, or not by enough.

    A tuned model with the weights of that point has none of it: its training was merely longer than needed.
    """
    curve = evidence.validation_curve
    best = lowest(curve)
    if best is None or curve[-1].loss < best.loss * (1 + OVERFITTED_RISE):
        return None
    used = evidence.result_step if evidence.result_step is not None else curve[-1].step
    at_result = min(curve, key=lambda point: abs(point.step - used))
    return best if at_result.step > best.step and at_result.loss >= best.loss * (1 + OVERFITTED_RISE) else None


def best_step(evidence: Evidence, *, is_held_out: bool) -> int | None:
    """Return the checkpoint that did best; None where nothing tells them apart.

    The recipe's test decides where checkpoints were asked, then the validation loss where its rows were held out
    (`is_held_out`), then the earlier step.
    """
    losses = {point.step: point.loss for point in evidence.validation_curve} if is_held_out else {}
    passed = evidence.passed_by_step
    known = [step for step in evidence.checkpoints if step in losses or step in passed]
    if not known:
        return None
    return min(known, key=lambda step: (-passed.get(step, -1.0), losses.get(step, math.inf), step))


def has_fallen(before: float, after: float) -> bool:
    """Return whether a loss has fallen by enough to mean something."""
    return after < before * (1 - LOSS_FALL)
