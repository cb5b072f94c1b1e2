"""The rehearsal: before the first step, two steps on the heaviest batch, a checkpoint, and one answer.

What would end a training after hours (too little memory for its longest conversations, no room for a checkpoint, an
answer that cannot be made) ends it in its first seconds. Nothing of it stays: a rehearsed training is equal to the bit
to one that was not.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rundir import write_manifest
from trainer import internals
from trainer.checkpoint import STATE_BYTES
from trainer.failures import Failure
from trainer.hardware import peak_memory_bytes
from trainer.messages import message
from trainer.train import Training, optimize

STEPS = 2
LARGEST_TRIAL = 2 * 2**30
"""Bytes: a larger checkpoint is not written for a trial; only its room on the disk is looked at."""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What a rehearsal has measured."""

    seconds_per_step: float
    """Of the second step on the heaviest batch: an upper bound, since the others are shorter."""
    tokens: int
    """In the heaviest batch."""
    peak_memory_bytes: int
    """Of one device; on CPUs of the process."""
    checkpoint_bytes: int
    checkpoint_seconds: float | None
    """None where the checkpoint is too large to be written for a trial."""


def rehearse(
    training: Training,
    *,
    scratch: Path,
    fill: Callable[[Path], None],
    answer: Callable[[], None],
    num_trained: int,
    keep: int,
) -> Findings:
    """Go through everything once and undo it; every rank must call this before the first step.

    `fill(folder)` writes a checkpoint's files, `answer()` makes one short answer, `num_trained` parameters are learned,
    and `keep` checkpoints will be on the disk.
    Raises what the training would raise later, and Failure("disk_full") where its checkpoints have no room.
    """
    batch = _heaviest_batch(training)
    seconds = _two_steps(training, batch)
    num_bytes = STATE_BYTES * num_trained
    took = _trial_checkpoint(training, scratch, fill, num_bytes=num_bytes, keep=keep)
    answer()
    return Findings(
        seconds_per_step=seconds,
        tokens=int(training.data.lengths[batch].sum()),
        peak_memory_bytes=peak_memory_bytes(training.hardware.device),
        checkpoint_bytes=num_bytes,
        checkpoint_seconds=took,
    )


def _heaviest_batch(training: Training) -> list[int]:
    """Return the longest conversations, as many as one step takes."""
    size = len(training.order.batch(0))
    return [int(row) for row in training.data.lengths.argsort()[::-1][:size]]


def _two_steps(training: Training, batch: list[int]) -> float:
    """Do the steps at a learning rate of 0, which moves no weight, and forget them; return the last one's seconds."""
    seconds = 0.0
    with internals.forgetting_steps(training.engine):
        for _ in range(STEPS):
            started_at = time.perf_counter()
            optimize(training, batch, 0, 0.0)
            seconds = time.perf_counter() - started_at
    return seconds


def _trial_checkpoint(
    training: Training, scratch: Path, fill: Callable[[Path], None], *, num_bytes: int, keep: int
) -> float | None:
    is_first = training.ranks.is_first
    if is_first:
        _require_room(scratch.parent, (keep + 1) * num_bytes)
    if num_bytes > LARGEST_TRIAL:
        return None
    started_at = time.perf_counter()
    try:
        if is_first:
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir()
        fill(scratch)
        if is_first:
            write_manifest(scratch)
    finally:
        if is_first:
            shutil.rmtree(scratch, ignore_errors=True)
    return time.perf_counter() - started_at


def _require_room(folder: Path, num_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < num_bytes:
        no_room = message("no_room_for_checkpoints", needed=num_bytes / 1e9, free=free / 1e9)
        raise Failure("disk_full", no_room)
