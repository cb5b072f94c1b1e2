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


def overfitted_since(curve: Sequence[Point], result_step: int | None) -> Point | None:
    """Return the point after which the held-out loss only got worse; None where it did not, or not by enough.

    A tuned model with the weights of that point has none of it: its training was merely longer than needed.
    """
    best = lowest(curve)
    if best is None or curve[-1].loss < best.loss * (1 + OVERFITTED_RISE):
        return None
    used = result_step if result_step is not None else curve[-1].step
    at_result = min(curve, key=lambda point: abs(point.step - used))
    return best if at_result.step > best.step and at_result.loss >= best.loss * (1 + OVERFITTED_RISE) else None


def measured(evidence: Evidence) -> tuple[Point, ...]:
    """Return the held-out losses of the checkpoints and the result as a curve."""
    return tuple(Point(step=step, loss=loss) for step, loss in sorted(evidence.losses_by_step.items()))


def better_kept(evidence: Evidence) -> int | None:
    """Return the step of a checkpoint that is clearly better on held-out rows than the result; None without one."""
    best = lowest([point for point in measured(evidence) if point.step in evidence.checkpoints])
    result = evidence.losses_by_step.get(evidence.result_step) if evidence.result_step is not None else None
    return best.step if best and result is not None and result >= best.loss * (1 + OVERFITTED_RISE) else None


def best_step(evidence: Evidence, *, is_held_out: bool) -> int | None:
    """Return the step that did best, of the checkpoints and the result; None where nothing tells them apart.

    The recipe's questions decide where checkpoints were asked, then the loss of held-out rows (`is_held_out`: their
    loss does not measure memory), as it was measured afterwards or else while it trained. Of equals the result is
    best, which is there already, then the earlier step.
    """
    curve = measured(evidence) or evidence.validation_curve
    losses = {point.step: point.loss for point in curve} if is_held_out else {}
    passed, result = evidence.passed_by_step, evidence.result_step
    is_compared = result is not None and (result in passed or result in evidence.losses_by_step)
    steps = {*evidence.checkpoints, *([result] if is_compared else [])}
    known = [step for step in steps if step in losses or step in passed]
    if not known:
        return None
    return min(known, key=lambda one: (-passed.get(one, -1.0), losses.get(one, math.inf), one != result, one))


def has_fallen(before: float, after: float) -> bool:
    """Return whether a loss has fallen by enough to mean something."""
    return after < before * (1 - LOSS_FALL)
