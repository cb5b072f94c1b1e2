"""The result of a training: a plain PEFT folder, or a whole model, with chat files, its card and probes."""

import contextlib
import copy
import dataclasses
import hashlib
import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

import chat
from rundir import sha256_of_file, write_json
from trainer.hardware import Hardware
from trainer.internals import is_spread
from trainer.model import Trainee, load_base, prepare
from trainer.probes import write_probes
from trainer.spec import TrainingSpec

CARD = "luthier.json"
STORED_AS = {torch.bfloat16: "BF16", torch.float16: "F16", torch.float32: "F32"}


@dataclass(frozen=True)
class Tuned:
    """A trained model, to be asked."""

    causal: Any
    without_adapter: Callable[[], AbstractContextManager[Any]] | None
    """Makes it the base for a while; None where the base's own weights were trained."""


def write_result(
    final: Path,
    *,
    spec: TrainingSpec,
    trainee: Trainee,
    chat_format: "chat.ChatFormat",
    hardware: Hardware,
    base_logits: torch.Tensor | None,
) -> Tuned:
    """Write `final` (adapter/ or model/) whole or not at all; rank 0 only, on a model that no ZeRO-3 has spread.

    Return the model that the probes were asked.
    """
    draft = final.with_name(f".{final.name}")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        draft.mkdir()
        without_adapter: Callable[[], AbstractContextManager[Any]] | None = None
        if trainee.result == "adapter":
            write_adapter(draft, spec=spec, trainee=trainee, chat_format=chat_format, hardware=hardware)
            causal, without_adapter = trainee.causal, trainee.model.disable_adapter
        else:
            causal = _write_model(draft, spec, trainee, chat_format, hardware)
        dtype = _probe_dtype(causal, trainee, hardware, Path(spec.model_path))
        write_probes(
            draft,
            causal=causal,
            chat_format=chat_format,
            messages=spec.probes,
            dtype=dtype,
            base_logits=base_logits,
            without_adapter=without_adapter or contextlib.nullcontext,
        )
        _make_readable(draft)
        shutil.rmtree(final, ignore_errors=True)
        os.rename(draft, final)
        return Tuned(causal, without_adapter)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _probe_dtype(causal: Any, trainee: Trainee, hardware: Hardware, model_folder: Path) -> str:
    """Choose in which format the probes are computed, and return its name.

    On a CPU an adapter's probes are computed in fp32, as CPUs serve it, if the frozen base widens without a change: the
    same-answer check can then be far stricter than between two formats. A base that was rounded for the training stays
    as it was trained.
    """
    was_rounded = hardware.dtype != torch.float32 and _stored_dtypes(model_folder) != {STORED_AS.get(hardware.dtype)}
    if trainee.result != "adapter" or hardware.device.type != "cpu" or was_rounded:
        return hardware.dtype_name
    causal.float()
    return "float32"


def _stored_dtypes(folder: Path) -> set[str]:
    """Return the formats in which the weights of `folder` are stored, in safetensors' names."""
    found: set[str] = set()
    for path in folder.glob("*.safetensors"):
        with safe_open(path, framework="pt") as tensors:
            found |= {tensors.get_slice(name).get_dtype() for name in tensors.keys()}  # noqa: SIM118 - no mapping
    return found


def write_adapter(
    folder: Path, *, spec: TrainingSpec, trainee: Trainee, chat_format: "chat.ChatFormat", hardware: Hardware
) -> None:
    """Write what plain PEFT loads, with the chat files and the card, into `folder`."""
    hold_adapter(spec=spec, trainee=trainee, chat_format=chat_format, hardware=hardware)(folder)


def hold_adapter(
    *, spec: TrainingSpec, trainee: Trainee, chat_format: "chat.ChatFormat", hardware: Hardware
) -> Callable[[Path], None]:
    """Copy the adapter as it is now, and return what writes it into a folder; under ZeRO-3 a collective."""
    from peft import get_peft_model_state_dict

    model = trainee.model
    with full_weights(trainee):
        # save_embedding_layers would ask a hub whether the vocabulary has changed.
        found = get_peft_model_state_dict(model, save_embedding_layers=False)
        tensors = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in found.items()}
    config = copy.copy(model.peft_config["default"])
    config.inference_mode = True
    config.base_model_name_or_path = spec.model_name or Path(spec.model_path).name

    def write(folder: Path) -> None:
        save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
        config.save_pretrained(str(folder))
        chat_format.save(folder)
        write_json(folder / CARD, card(spec, trainee, chat_format, hardware))
        _make_readable(folder)

    return write


def whole(spec: TrainingSpec, trainee: Trainee, hardware: Hardware, *, is_first: bool) -> Trainee:
    """Return a copy of what ZeRO-3 has spread over ranks, on the host of rank 0; every rank must call this.

    Parameters are gathered one at a time, so no GPU ever holds more than one of them whole.
    """
    from deepspeed.runtime.zero import GatheredParameters

    copied = trainee
    weights: dict[str, torch.nn.Parameter] = {}
    if is_first:
        copied = prepare(load_base(Path(spec.model_path), hardware), spec.hyperparameters)
        weights = copied.trainable()
    for name, spread in trainee.trainable().items():
        with GatheredParameters([spread]), torch.no_grad():
            if is_first:
                weights[name].copy_(spread)
    return copied


def full_weights(trainee: Trainee) -> AbstractContextManager[Any]:
    """Return a context in which what is trained is whole in memory, also under ZeRO-3 (then a collective)."""
    weights = list(trainee.trainable().values())
    if not any(map(is_spread, weights)):
        return contextlib.nullcontext()
    from deepspeed.runtime.zero import GatheredParameters

    gathered: AbstractContextManager[Any] = GatheredParameters(weights)
    return gathered


def card(spec: TrainingSpec, trainee: Trainee, chat_format: "chat.ChatFormat", hardware: Hardware) -> dict[str, Any]:
    """Return luthier.json: on which base, by which conversation format and settings this was trained."""
    return {
        "version": 1,
        "result": trainee.result,
        "base": {"name": spec.model_name, "sha256": spec.model_sha256 or weights_sha256(Path(spec.model_path))},
        **({"parent": spec.parent_name} if spec.parent_name else {}),
        "chat_hash": chat_format.hash,
        "dtype": hardware.dtype_name,
        "target_modules": trainee.target_modules,
        "hyperparameters": dataclasses.asdict(spec.hyperparameters),
        "versions": {name: version(name) for name in ("torch", "transformers", "peft", "deepspeed", "safetensors")},
    }


def weights_sha256(model_path: Path) -> str:
    """Return the identity of a model's weights: of one file its SHA-256, of several that of their sorted list
    ("<sha256>  <name>" lines)."""
    sums = [(sha256_of_file(path), path.name) for path in sorted(model_path.glob("*.safetensors"))]
    if len(sums) == 1:
        return sums[0][0]
    return hashlib.sha256("".join(f"{value}  {name}\n" for value, name in sums).encode()).hexdigest()


def _write_model(
    folder: Path, spec: TrainingSpec, trainee: Trainee, chat_format: "chat.ChatFormat", hardware: Hardware
) -> Any:
    """Write a whole model, LoRA merged into it, in the number format it was trained in; return that model."""
    description = card(spec, trainee, chat_format, hardware)
    causal = trainee.model.merge_and_unload() if trainee.target_modules else trainee.model
    causal.config.use_cache = True
    causal.save_pretrained(str(folder), max_shard_size="4GB")
    chat_format.save(folder)
    write_json(folder / CARD, description)
    return causal


def _make_readable(folder: Path) -> None:
    """Give every file the usual mode: some writers leave it readable by its owner alone, which a server is not."""
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
