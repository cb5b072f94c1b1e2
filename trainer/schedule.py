"""The learning rate of every optimizer step, as a pure function: nothing of it needs to be in a checkpoint."""

import math

from trainer.spec import Hyperparameters

RESTARTS = 2
"""How often "cosine_with_restarts" runs through its half wave."""
POWER = 2.0
"""The exponent of "polynomial"."""
LEAST_SHARE = 0.1
"""Of the peak, where "cosine_with_min_lr" ends."""
DECAY_SHARE = 0.2
"""Of the steps after the warm-up, in which "warmup_stable_decay" falls to nothing."""
DEFAULT_TIMESCALE = 10_000
"""Steps after which "inverse_sqrt" without a warm-up begins to fall noticeably."""


def learning_rate(step: int, *, total_steps: int, hyperparameters: Hyperparameters) -> float:
    """Return the learning rate of optimizer step `step`, counted from 0; `trainer.stalling` lowers it further for the
    schedules that follow the validation loss.

    The shapes are those of `transformers.get_scheduler`; the warm-up is shifted by one step, since Transformers'
    first step has the learning rate 0 and so learns nothing.
    """
    name = hyperparameters.lr_scheduler_type
    warmup = 0 if name == "constant" else math.ceil(total_steps * hyperparameters.warmup_ratio)
    if step < warmup and name != "cosine_warmup_with_min_lr":
        return hyperparameters.learning_rate * (step + 1) / (warmup + 1)
    if name == "cosine_warmup_with_min_lr":
        # Transformers' own way of not wasting the first step: everything comes one step sooner.
        step, warmup = step + 1, max(1, warmup)
        if step <= warmup:
            return hyperparameters.learning_rate * step / warmup
    progress = (step - warmup) / max(1, total_steps - warmup)
    return hyperparameters.learning_rate * _share(name, progress, step, warmup)


def _share(name: str, progress: float, step: int, warmup: int) -> float:
    """Return the share of the peak, from 1 at `progress` 0 (warm-up over) towards the end at 1."""
    if name in ("constant", "constant_with_warmup", "reduce_lr_on_plateau", "greedy"):
        return 1.0
    if name == "linear":
        return 1.0 - progress
    if name == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * progress))
    if name == "cosine_with_restarts":
        return 0.5 * (1.0 + math.cos(math.pi * ((RESTARTS * progress) % 1.0)))
    if name == "polynomial":
        return float((1.0 - progress) ** POWER)
    if name in ("cosine_with_min_lr", "cosine_warmup_with_min_lr"):
        return LEAST_SHARE + (1.0 - LEAST_SHARE) * 0.5 * (1.0 + math.cos(math.pi * progress))
    if name == "warmup_stable_decay":
        falling = max(0.0, (progress - 1.0 + DECAY_SHARE) / DECAY_SHARE)
        return 0.5 * (1.0 + math.cos(math.pi * falling))
    timescale = warmup or DEFAULT_TIMESCALE
    return 1.0 / math.sqrt((step - warmup + timescale) / timescale)
