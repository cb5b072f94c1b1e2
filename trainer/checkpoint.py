"""Checkpoints: what is learned and AdamW's two moments, in fp32, by parameter name, in safetensors.

By name and whole, a checkpoint fits any number of ranks and any ZeRO stage. Learning rate, random numbers and data
order are functions of the step and the seed, so the step is all there is to keep of them. Nothing is ever unpickled.
"""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from trainer import internals
from trainer.failures import Failure, is_broken_header
from trainer.internals import MOMENTS
from trainer.messages import message
from trainer.model import Trainee

SHARD_BYTES = 2 * 2**30
"""Host memory that a checkpoint may take while it is written."""
STATE_BYTES = 12
"""Of a trained parameter in a checkpoint: the weight and AdamW's two moments, in fp32."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Everything of a run's position that is not a tensor."""

    step: int = 0
    """Optimizer steps done."""
    tokens: int = 0
    """Tokens of conversations read in them, without padding."""
    trained_tokens: int = 0
    """Of those the learned ones."""
    applied_steps: int = 0
    """Steps in which weights changed: with fp16 a step that overflows is left out."""
    loss_scale: float | None = None
    """fp16 only."""
    train_loss: float | None = None
    validations: tuple[tuple[int, float], ...] = ()
    """(step, loss) of every look at the validation data so far: early stopping and the schedules that follow it are
    functions of these."""

    @property
    def valid_losses(self) -> list[float]:
        return [loss for _, loss in self.validations]

    @property
    def valid_loss(self) -> float | None:
        """The newest one."""
        return self.validations[-1][1] if self.validations else None

    @property
    def valid_loss_here(self) -> float | None:
        """The one after exactly this step."""
        return self.validations[-1][1] if self.validations and self.validations[-1][0] == self.step else None

    @property
    def is_best(self) -> bool:
        """Whether these weights have the lowest validation loss so far."""
        return self.valid_loss_here is not None and self.valid_loss_here <= min(self.valid_losses)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Progress":
        known = {name: value[name] for name in cls.__dataclass_fields__ if name in value}
        known["validations"] = tuple((int(step), float(loss)) for step, loss in known.get("validations", ()))
        return cls(**known)

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What a checkpoint's folder gets."""

    write: Callable[[Path], None]
    """Writes the files into a folder. Where they are not held, this gathers them from all ranks: each must call it."""
    is_held: bool
    """Everything is in this process's memory already, so that it can be written while training continues."""


def take_state(engine: Any, trainee: Trainee, *, is_first: bool) -> Snapshot:
    """Return the writer of `state-NNNNN.safetensors`; every rank must call this, and `write` where it is not held.

    Up to SHARD_BYTES are copied now. More would fill the host's memory: they are gathered while they are written.
    """
    size = STATE_BYTES * trainee.count_parameters()[0]
    if size > SHARD_BYTES:
        return Snapshot(write=lambda folder: _write_shards(folder, _gather(engine, trainee), is_first), is_held=False)
    held = [(name, tensor) for name, tensor in _gather(engine, trainee) if is_first]
    return Snapshot(write=lambda folder: _write_shards(folder, iter(held), is_first), is_held=True)


def load_weights(folder: Path, trainee: Trainee) -> None:
    """Put the learned weights into the model, before DeepSpeed takes it over."""
    weights = trainee.trainable()
    found = set()
    with torch.no_grad():
        for name, tensor in _read(folder, prefix="weight."):
            if name not in weights or weights[name].shape != tensor.shape:
                raise _foreign(folder, name)
            weights[name].copy_(tensor)
            found.add(name)
    if found != set(weights):
        raise _foreign(folder, min(set(weights) - found))


def load_state(folder: Path, engine: Any, trainee: Trainee, progress: Progress) -> None:
    """Put fp32 weights and moments into DeepSpeed's optimizer."""
    if progress.applied_steps == 0:
        return
    internals.make_moments(engine, progress.applied_steps)
    weights = trainee.trainable()
    for kind in ("weight", *MOMENTS):
        for name, tensor in _read(folder, prefix=f"{kind}."):
            internals.write_state(engine, weights[name], None if kind == "weight" else kind, tensor)
    if progress.loss_scale is not None:
        internals.set_loss_scale(engine, progress.loss_scale)


def _write_shards(folder: Path, tensors: Iterator[tuple[str, torch.Tensor]], is_first: bool) -> None:
    shard: dict[str, torch.Tensor] = {}
    number = size = 0
    for name, tensor in tensors:
        if not is_first:
            continue
        shard[name] = tensor
        size += tensor.numel() * tensor.element_size()
        if size >= SHARD_BYTES:
            save_file(shard, folder / f"state-{number:05}.safetensors")
            shard, number, size = {}, number + 1, 0
    if shard:
        save_file(shard, folder / f"state-{number:05}.safetensors")


def _gather(engine: Any, trainee: Trainee) -> Iterator[tuple[str, torch.Tensor]]:
    kinds = ("weight", *MOMENTS) if internals.has_moments(engine) else ("weight",)
    for name, weight in trainee.trainable().items():
        for kind in kinds:
            tensor = internals.read_state(engine, weight, None if kind == "weight" else kind)
            yield f"{kind}.{name}", tensor.detach().to("cpu", copy=True).contiguous()


def _read(folder: Path, *, prefix: str) -> Iterator[tuple[str, torch.Tensor]]:
    for path in sorted(folder.glob("state-*.safetensors")):
        with _open(path) as stream:
            for name in stream.keys():  # noqa: SIM118  # no mapping: it only has keys()
                if name.startswith(prefix):
                    yield name.removeprefix(prefix), stream.get_tensor(name)


def _open(path: Path) -> Any:
    try:
        return safe_open(path, framework="pt")
    except SafetensorError as error:
        if not is_broken_header(error):
            raise
        raise Failure(
            "bad_checkpoint",
            message("checkpoint_damaged", file=path.name, folder=path.parent.name),
        ) from error


def _foreign(folder: Path, name: str) -> Failure:
    return Failure(
        "bad_checkpoint",
        message("checkpoint_of_other_settings", folder=folder.name, name=name),
    )
