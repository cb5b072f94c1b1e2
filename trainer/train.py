"""Supervised fine-tuning: batches, loss, AdamW, learning rate, checkpoints."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from trainer import internals, shared_prefix
from trainer.checkpoint import Progress
from trainer.data import BatchOrder, Conversations, Inputs, MicroBatch, count_labels, count_tokens, send
from trainer.engine import Ranks, sum_over_ranks
from trainer.failures import Failure
from trainer.fast_path import FastPath
from trainer.hardware import Hardware
from trainer.messages import message
from trainer.schedule import learning_rate
from trainer.shared_prefix import Prefix, common_length
from trainer.spec import Hyperparameters, TrainingSpec
from trainer.stalling import has_stalled, rate_share


@dataclass(frozen=True, kw_only=True)
class Training:
    """What `train` works with."""

    spec: TrainingSpec
    engine: Any
    fast_path: FastPath
    data: Conversations
    validation: Conversations | None
    hardware: Hardware
    ranks: Ranks
    total_steps: int

    @property
    def hyperparameters(self) -> Hyperparameters:
        return self.spec.hyperparameters

    @property
    def order(self) -> BatchOrder:
        chosen = self.hyperparameters
        batch_size = chosen.per_device_train_batch_size * chosen.gradient_accumulation_steps * self.ranks.world_size
        return BatchOrder(len(self.data), batch_size, chosen.seed)


@dataclass(frozen=True, kw_only=True)
class StepReport:
    """What one optimizer step was, to be recorded."""

    train_loss: float
    learning_rate: float
    tokens: int
    """Of this step's conversations, without padding."""
    seconds: float


class Instruction(IntEnum):
    """What was requested of the run from outside; a larger one takes precedence."""

    NOTHING = 0
    STOP = 1
    """Write a checkpoint and end, to be resumed later."""
    FINISH_EARLY = 2
    """End for good with the best weights so far as the result."""


class Ending(StrEnum):
    """Why the steps ended."""

    COMPLETE = "complete"
    STALLED = "early_stopping"
    FINISHED_EARLY = "finish"
    STOPPED = "stopped"


@dataclass(frozen=True, kw_only=True)
class Callbacks:
    """What happens around the steps."""

    on_step: Callable[[Progress, StepReport], None]
    on_validation: Callable[[Progress, float, float], None]
    save: Callable[[Progress], None]
    instruction: Callable[[], Instruction]
    """The same on every rank."""


def train(training: Training, progress: Progress, callbacks: Callbacks) -> tuple[Progress, Ending]:
    """Run optimizer steps from `progress` to the end; return the position reached and why it ends there."""
    order, chosen = training.order, training.hyperparameters
    for step in range(progress.step, training.total_steps):
        started_at = time.perf_counter()
        batch = order.batch(step)
        rate = learning_rate(step, total_steps=training.total_steps, hyperparameters=chosen)
        rate *= rate_share(chosen.lr_scheduler_type, progress.valid_losses)
        loss = optimize(training, batch, step, rate)
        tokens = count_tokens(training.data, batch)
        progress = advance(progress, training.engine, loss, tokens, count_labels(training.data, batch))
        seconds = time.perf_counter() - started_at
        callbacks.on_step(progress, StepReport(train_loss=loss, learning_rate=rate, tokens=tokens, seconds=seconds))

        instruction = callbacks.instruction()
        progress = _look(training, progress, callbacks, is_last=instruction is Instruction.FINISH_EARLY)
        ending = _ending(training, progress, instruction)
        if _is_saved(training, progress, ending):
            callbacks.save(progress)
        if ending is not None:
            return progress, ending
    return progress, Ending.COMPLETE


def _look(training: Training, progress: Progress, callbacks: Callbacks, *, is_last: bool) -> Progress:
    """Look at the validation data where that is due; return the position with what was seen."""
    is_last = is_last or progress.step == training.total_steps
    if training.validation is None or not (is_last or is_due(progress.step, training.spec.eval_steps)):
        return progress
    valid_loss, accuracy = evaluate(training, training.validation)
    progress = replace(progress, validations=(*progress.validations, (progress.step, valid_loss)))
    callbacks.on_validation(progress, valid_loss, accuracy)
    return progress


def _ending(training: Training, progress: Progress, instruction: Instruction) -> Ending | None:
    chosen = training.hyperparameters
    if progress.step == training.total_steps:
        return Ending.COMPLETE
    if instruction is Instruction.FINISH_EARLY:
        return Ending.FINISHED_EARLY
    stalled = has_stalled(
        progress.valid_losses, patience=chosen.early_stopping_patience, threshold=chosen.early_stopping_threshold
    )
    if stalled:
        return Ending.STALLED
    return Ending.STOPPED if instruction is Instruction.STOP else None


def _is_saved(training: Training, progress: Progress, ending: Ending | None) -> bool:
    if is_due(progress.step, training.spec.save_steps) or ending is Ending.STOPPED:
        return True
    return ending is None and training.hyperparameters.keeps_best and progress.is_best


def optimize(training: Training, batch: list[int], step: int, rate: float) -> float:
    """Do one AdamW step on the mean loss per learned token of the whole batch, and return that loss.

    The batch is the same however it is split over ranks and micro-batches: each adds its sum over the learned tokens,
    divided by their number in all of them. DeepSpeed averages gradients over ranks, hence the factor.
    """
    engine, ranks = training.engine, training.ranks
    num_labels = max(1, count_labels(training.data, batch))
    engine.train()
    # Random numbers (dropout) depend on the step alone, so that a resumed run draws the same ones.
    torch.manual_seed(_step_seed(training.hyperparameters.seed, step, ranks.rank))
    loss_sum = _accumulate(training, batch, ranks.world_size / num_labels)
    (loss_sum,) = sum_over_ranks([loss_sum], ranks, training.hardware.device)
    _require_finite(loss_sum, step)
    for group in engine.optimizer.param_groups:
        group["lr"] = rate
    engine.step()
    return loss_sum / num_labels


def _accumulate(training: Training, batch: list[int], scale: float) -> float:
    """Add up the gradients of this rank's share of `batch`, each loss times `scale`; return the sum of the losses."""
    engine, label_loss = training.engine, training.fast_path.label_loss
    prefix = _beginning(training, training.data, batch)
    mine = _split(training, training.data, batch, training.hyperparameters.per_device_train_batch_size, prefix)
    goes_back = prefix is not None and prefix.is_learned
    losses = []
    for number, rows in enumerate(mine):
        micro_batch, before = _micro_batch(training, training.data, rows, prefix)
        engine.set_gradient_accumulation_boundary(not goes_back and number == len(mine) - 1)
        loss = label_loss.loss_sum(engine, micro_batch, **before)
        engine.backward(loss * scale)
        losses.append(loss.detach())
    if prefix is not None and goes_back:
        engine.set_gradient_accumulation_boundary(True)
        engine.backward(prefix.rest())
    return float(torch.stack(losses).double().sum())


@torch.no_grad()
def evaluate(training: Training, data: Conversations) -> tuple[float, float]:
    """Return the mean loss and the share of right guesses (both per learned token) over all of `data`."""
    training.engine.eval()
    loss_sum = right = labels = 0.0
    every = list(range(len(data)))
    prefix = _beginning(training, data, every)
    for rows in _split(training, data, every, training.hyperparameters.per_device_eval_batch_size, prefix):
        batch, before = _micro_batch(training, data, rows, prefix)
        logits = training.fast_path.label_loss.logits(training.engine, batch, **before)
        loss_sum += float(functional.cross_entropy(logits, batch.labels, reduction="sum"))
        right += float((logits.argmax(-1) == batch.labels).sum())
        labels += len(batch.labels)
    loss_sum, right, labels = sum_over_ranks([loss_sum, right, labels], training.ranks, training.hardware.device)
    return loss_sum / max(1.0, labels), right / max(1.0, labels)


def _beginning(training: Training, data: Conversations, rows: list[int]) -> Prefix | None:
    """Compute what all `rows` begin with, where that is worth while."""
    shared = common_length(data, rows, num_ranks=training.ranks.world_size)
    if not shared or not training.fast_path.shares_prefixes():
        return None
    ids = send(data.row(rows[0])[0][None, :shared].astype(np.int64), training.hardware.device)
    return shared_prefix.compute(training.engine, training.fast_path.label_loss, ids)


def _micro_batch(
    training: Training, data: Conversations, rows: list[int], prefix: Prefix | None
) -> tuple[MicroBatch, Inputs]:
    """Return `rows`, and what the model must be given with them."""
    start = prefix.num_tokens if prefix else 0
    found = training.fast_path.micro_batch(data, rows, training.hardware.device, start=start)
    return found, Inputs(cache=prefix.before(len(found.ids)), use_cache=True) if prefix else Inputs()


def advance(progress: Progress, engine: Any, loss: float, tokens: int, trained_tokens: int) -> Progress:
    """Return the position after one more step."""
    return replace(
        progress,
        step=progress.step + 1,
        tokens=progress.tokens + tokens,
        trained_tokens=progress.trained_tokens + trained_tokens,
        applied_steps=progress.applied_steps + int(engine.was_step_applied()),
        loss_scale=internals.loss_scale(engine),
        train_loss=loss,
    )


def is_due(step: int, every: int) -> bool:
    """Whether something done every `every` steps (0: never) is due after `step`."""
    return every > 0 and step % every == 0


def _split(
    training: Training, data: Conversations, rows: list[int], max_rows: int, prefix: Prefix | None
) -> list[list[int]]:
    """Return this rank's micro-batches."""
    start = prefix.num_tokens if prefix else 0
    ranks = training.ranks
    return training.fast_path.split(rows, data, world_size=ranks.world_size, max_rows=max_rows, start=start)[ranks.rank]


def _step_seed(seed: int, step: int, rank: int) -> int:
    return int(np.random.SeedSequence([seed, step, rank]).generate_state(1)[0])


def _require_finite(loss_sum: float, step: int) -> None:
    if not math.isfinite(loss_sum):
        raise Failure(
            "diverged",
            message("loss_diverged", loss=str(loss_sum), step=step + 1),
        )
