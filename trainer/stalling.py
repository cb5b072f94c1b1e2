"""What the validation losses so far mean for the rest of a training: pure functions, so a resumed run decides alike."""

from collections.abc import Sequence

import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau
from transformers.optimization import GreedyLR

PATIENCE = 1
"""Looks without an improvement that "reduce_lr_on_plateau" and "greedy" put up with; the one after it changes the rate.
(PyTorch's and Transformers' default of 10 counts epochs.)"""
PLATEAU_FACTOR = 0.5
GREEDY_FACTOR = 0.8
LEAST_SHARE = 0.01
"""Of the peak, below which neither lets the rate fall."""


def has_stalled(losses: Sequence[float], *, patience: int, threshold: float) -> bool:
    """Whether the last `patience` looks (0: never) have each not been lower than the best one before by more than
    `threshold`."""
    best, since = float("inf"), 0
    for loss in losses:
        if loss < best - threshold:
            best, since = loss, 0
        else:
            since += 1
    return patience > 0 and since >= patience


def rate_share(schedule: str, losses: Sequence[float]) -> float:
    """Return the share of the peak rate after these losses, for a schedule that follows them; 1 for every other one."""
    if schedule not in ("reduce_lr_on_plateau", "greedy") or not losses:
        return 1.0
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    follower = (
        ReduceLROnPlateau(optimizer, factor=PLATEAU_FACTOR, patience=PATIENCE, min_lr=LEAST_SHARE)
        if schedule == "reduce_lr_on_plateau"
        else GreedyLR(optimizer, factor=GREEDY_FACTOR, patience=PATIENCE, min_lr=LEAST_SHARE, max_lr=1.0)
    )
    for loss in losses:
        follower.step(loss)
    return float(optimizer.param_groups[0]["lr"])
