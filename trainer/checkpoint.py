"""Checkpoints: what is learned and AdamW's two moments, in fp32, by parameter name, in safetensors.

By name and whole, a checkpoint fits any number of ranks and any ZeRO stage. Learning rate, random numbers and data
order are functions of the step and the seed, so the step is all there is to keep of them. Nothing is ever unpickled.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from rundir import RunDirectory, newest_valid_checkpoint, write_json, write_manifest
from trainer.failures import Failure
from trainer.model import Trainee

MOMENTS = ("exp_avg", "exp_avg_sq")
SHARD_BYTES = 2 * 2**30
"""Host memory that a checkpoint may take while it is written."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Everything of a run's position that is not a tensor."""

    step: int = 0
    """Optimizer steps done."""
    trained_tokens: int = 0
    """Tokens of conversations seen in them, without padding."""
    applied_steps: int = 0
    """Steps in which weights changed: with fp16 a step that overflows is left out."""
    loss_scale: float | None = None
    """fp16 only."""
    train_loss: float | None = None
    valid_loss: float | None = None

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Progress":
        return cls(**{name: value[name] for name in cls.__dataclass_fields__ if name in value})


def find(directory: RunDirectory) -> tuple[Path | None, list[str]]:
    """Return the checkpoint to go on from, and a sentence for each newer one that is damaged."""
    for leftover in directory.checkpoints.glob(".step-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    return newest_valid_checkpoint(directory.checkpoints)


def read_progress(folder: Path) -> Progress:
    """Return the position at which `folder` was written."""
    return Progress.from_json(json.loads((folder / "progress.json").read_bytes()))


def write(
    directory: RunDirectory, progress: Progress, *, fill: Callable[[Path], None], keep: int, is_first: bool
) -> Path:
    """Write checkpoint `progress.step`, whole or not at all, and drop all but the newest `keep`.

    `fill(folder)` writes the files; every rank calls it, since it may gather tensors, but only the first one's
    folder becomes the checkpoint. Raises OSError when there is no room; older checkpoints are then untouched.
    """
    final = directory.checkpoint(progress.step)
    if not is_first:
        fill(directory.checkpoints)
        return final
    draft = directory.checkpoints / f".step-{progress.step}"
    shutil.rmtree(draft, ignore_errors=True)
    try:
        draft.mkdir(parents=True)
        fill(draft)
        write_json(draft / "progress.json", {name: getattr(progress, name) for name in Progress.__dataclass_fields__})
        write_manifest(draft)
        if final.exists():
            shutil.rmtree(final)  # it did not verify, or the run would have gone on from it
        os.rename(draft, final)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    _drop_old(directory, keep)
    return final


def save_state(folder: Path, engine: Any, trainee: Trainee, *, is_first: bool) -> None:
    """Write `state-NNNNN.safetensors`. Gathers from all ranks, so that each of them must call it."""
    shard: dict[str, torch.Tensor] = {}
    number = size = 0
    for name, tensor in _gather(engine, trainee):
        if not is_first:
            continue
        shard[name] = tensor
        size += tensor.numel() * tensor.element_size()
        if size >= SHARD_BYTES:
            save_file(shard, folder / f"state-{number:05}.safetensors")
            shard, number, size = {}, number + 1, 0
    if shard:
        save_file(shard, folder / f"state-{number:05}.safetensors")


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
    _make_moments(engine, progress.applied_steps)
    weights = trainee.trainable()
    for kind in ("weight", *MOMENTS):
        for name, tensor in _read(folder, prefix=f"{kind}."):
            _set(engine, weights[name], None if kind == "weight" else kind, tensor)
    if progress.loss_scale is not None and hasattr(engine.optimizer, "loss_scaler"):
        engine.optimizer.loss_scaler.cur_scale = progress.loss_scale


def _gather(engine: Any, trainee: Trainee) -> Iterator[tuple[str, torch.Tensor]]:
    has_moments = bool(engine.basic_optimizer.state)
    if has_moments:
        _link_moments(engine)
    for name, weight in trainee.trainable().items():
        for kind in ("weight", *MOMENTS) if has_moments else ("weight",):
            tensor = _get(engine, weight, None if kind == "weight" else kind)
            yield f"{kind}.{name}", tensor.detach().to("cpu", copy=True).contiguous()


def _get(engine: Any, weight: torch.nn.Parameter, moment: str | None) -> torch.Tensor:
    from deepspeed.utils import safe_get_full_fp32_param, safe_get_full_optimizer_state

    if not _is_partitioned(weight):
        return weight.data.float() if moment is None else engine.basic_optimizer.state[weight][moment]
    value = safe_get_full_fp32_param(weight) if moment is None else safe_get_full_optimizer_state(weight, moment)
    return value.reshape(_shape(weight))


def _set(engine: Any, weight: torch.nn.Parameter, moment: str | None, value: torch.Tensor) -> None:
    from deepspeed.utils import safe_set_full_fp32_param, safe_set_full_optimizer_state

    if not _is_partitioned(weight):
        if moment is not None:
            engine.basic_optimizer.state[weight][moment].copy_(value)
        return
    value = value.to(engine.device)
    if moment is None:
        safe_set_full_fp32_param(weight, value)
    else:
        safe_set_full_optimizer_state(weight, value, moment)


def _make_moments(engine: Any, applied_steps: int) -> None:
    """Create AdamW's state, which exists only after a first step, for the tensors that the optimizer really holds."""
    optimizer = engine.basic_optimizer
    for held in _held_tensors(engine):
        # DeepSpeed's CPUAdam counts with a plain number, torch with a tensor.
        is_torch = isinstance(optimizer, torch.optim.AdamW)
        step: Any = torch.tensor(float(applied_steps), device=held.device) if is_torch else applied_steps
        optimizer.state[held] = {"step": step, **{moment: torch.zeros_like(held.data) for moment in MOMENTS}}
    _link_moments(engine)


def _link_moments(engine: Any) -> None:
    """Let DeepSpeed find the moments by parameter. It does that itself after the first parameter group's first step
    and so misses the moments of every further group (0.19)."""
    if hasattr(engine.optimizer, "_lazy_init_hp_params_optimizer_state"):
        engine.optimizer._hp_optimizer_states_linked = False
        engine.optimizer._lazy_init_hp_params_optimizer_state()


def _held_tensors(engine: Any) -> list[torch.Tensor]:
    """Return what AdamW's state is keyed by: flat fp32 partitions under ZeRO, else the parameters themselves."""
    for name in ("fp32_partitioned_groups_flat", "single_partition_of_fp32_groups", "fp32_groups_flat_partition"):
        if hasattr(engine.optimizer, name):
            return list(getattr(engine.optimizer, name))
    return [weight for group in engine.basic_optimizer.param_groups for weight in group["params"]]


def _is_partitioned(weight: torch.nn.Parameter) -> bool:
    return hasattr(weight, "ds_id") or hasattr(weight, "_hp_mapping")


def _shape(weight: Any) -> torch.Size:
    return getattr(weight, "ds_shape", weight.shape)


def _read(folder: Path, *, prefix: str) -> Iterator[tuple[str, torch.Tensor]]:
    for path in sorted(folder.glob("state-*.safetensors")):
        with safe_open(path, framework="pt") as stream:
            for name in stream.keys():  # noqa: SIM118  # no mapping: it only has keys()
                if name.startswith(prefix):
                    yield name.removeprefix(prefix), stream.get_tensor(name)


def _foreign(folder: Path, name: str) -> Failure:
    return Failure(
        "bad_checkpoint",
        f"{folder.name} was written with other LoRA settings or another model: {name} does not fit. "
        "Start a new job, or remove the checkpoint.",
    )


def _drop_old(directory: RunDirectory, keep: int) -> None:
    folders = [path for path in directory.checkpoints.glob("step-*") if path.name.removeprefix("step-").isdigit()]
    folders.sort(key=lambda path: int(path.name.removeprefix("step-")))
    for folder in folders[: -max(1, keep)]:
        # The manifest goes first: without it the folder does not exist, whatever happens in the middle.
        (folder / "manifest.json").unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
