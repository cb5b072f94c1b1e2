"""The model: loaded from safetensors without its own code, then given the parameters to train."""

import fnmatch
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import nn
from transformers import AutoModelForCausalLM

from trainer.failures import Failure, is_broken_header
from trainer.families import internlm2, qwen1
from trainer.fused_lora import fuse
from trainer.hardware import Hardware
from trainer.internals import full_shape
from trainer.messages import message
from trainer.spec import Hyperparameters

ALL_LINEAR = "all-linear"
CONVERTED: dict[str, Callable[..., Any]] = {
    qwen1.MODEL_TYPE: qwen1.load,
    internlm2.MODEL_TYPE: internlm2.load,
}
"""Published types whose own code is not run: they are read into an architecture that Transformers knows."""


@dataclass(frozen=True, kw_only=True)
class Trainee:
    """A model together with what is learned of it."""

    model: Any
    """A PeftModel, or the bare causal model when every parameter is trained."""
    target_modules: list[str]
    """Last parts of the names of the modules that have LoRA; empty without LoRA."""
    result: str
    """"adapter" or "model"."""

    @property
    def causal(self) -> Any:
        """The Transformers model, LoRA layers included."""
        return self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model

    def trainable(self) -> dict[str, nn.Parameter]:
        """Return the parameters that are learned, by name, in a stable order."""
        return {name: weight for name, weight in self.model.named_parameters() if weight.requires_grad}

    def count_parameters(self) -> tuple[int, int]:
        """Return the number of trainable and of all parameters."""
        sizes = [(full_shape(weight).numel(), weight.requires_grad) for weight in self.model.parameters()]
        return sum(size for size, learned in sizes if learned), sum(size for size, _ in sizes)


def load_base(model_path: Path, hardware: Hardware) -> Any:
    """Load the causal language model in `model_path`; raise Failure when it cannot be used."""
    config = _read_config(model_path)
    if not any(model_path.glob("*.safetensors")):
        raise Failure("bad_model", message("no_safetensors", model=model_path.name))
    kind = str(config.get("model_type"))
    load: Callable[..., Any] = CONVERTED.get(kind, AutoModelForCausalLM.from_pretrained)
    if "auto_map" in config and kind not in CONVERTED and not _is_known(kind):
        raise Failure("bad_model", message("model_needs_code", model=model_path.name, type=kind))
    try:
        # Transformers chooses the attention: SDPA, but eager where an architecture needs it (Gemma 2's soft cap).
        return load(
            model_path,
            dtype=hardware.dtype,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
        )
    except Exception as error:
        if (damaged := _damaged(model_path)) is not None:
            raise damaged from error
        raise


def _damaged(model_path: Path) -> Failure | None:
    """Say which weights file has a broken header: Transformers names none, or fails elsewhere because of it."""
    for path in sorted(model_path.glob("*.safetensors")):
        try:
            with safe_open(path, framework="pt"):
                pass
        except SafetensorError as error:
            if is_broken_header(error):
                damaged = message("weights_damaged", file=path.name, model=model_path.name)
                return Failure("model_damaged", damaged.followed_by(message("fetch_model_again")))
    return None


def prepare(causal: Any, hyperparameters: Hyperparameters) -> Trainee:
    """Decide what is learned: LoRA matrices, every weight, or both."""
    causal.config.use_cache = False
    if hyperparameters.gradient_checkpointing:
        causal.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    if hyperparameters.lora_dim == 0:
        causal.requires_grad_(True)
        return Trainee(model=causal, target_modules=[], result="model")
    targets = find_targets(causal, hyperparameters.lora_module_name)
    model = _with_lora(causal, targets, hyperparameters)
    if not hyperparameters.only_optimize_lora:
        model.requires_grad_(True)
    elif hyperparameters.zero_stage < 3:  # whose hooks gather weights for the layers that PEFT calls
        fuse(model)
    return Trainee(
        model=model,
        target_modules=sorted({name.rpartition(".")[2] for name in targets}),
        result="adapter" if hyperparameters.only_optimize_lora else "model",
    )


def find_targets(causal: Any, lora_module_name: str) -> list[str]:
    """Return the full names of the linear modules that get LoRA; the output layer never does, nor what sees images.

    `lora_module_name` is "all-linear" or comma-separated parts of names, or patterns of whole names with * and ?, each
    of which must occur in one at least.
    """
    head, text = causal.get_output_embeddings(), set(causal.get_decoder().modules())
    linear = [
        name
        for name, module in causal.named_modules()
        if isinstance(module, nn.Linear) and module in text and module is not head
    ]
    if lora_module_name.strip() == ALL_LINEAR:
        return linear
    parts = [part.strip() for part in lora_module_name.split(",") if part.strip()]
    for part in parts:
        if not any(_is_meant(name, part) for name in linear):
            raise _no_such_module(part, linear)
    if not parts:
        raise _no_such_module(lora_module_name, linear)
    return [name for name in linear if any(_is_meant(name, part) for part in parts)]


def _is_meant(name: str, part: str) -> bool:
    return fnmatch.fnmatchcase(name, part) if "*" in part or "?" in part else part in name


def _with_lora(causal: Any, targets: list[str], hyperparameters: Hyperparameters) -> Any:
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=hyperparameters.lora_dim,
        lora_alpha=hyperparameters.lora_alpha,  # type: ignore[arg-type]  # a scale may be a fraction
        lora_dropout=hyperparameters.lora_dropout,
        use_rslora=hyperparameters.use_rslora,
        use_dora=hyperparameters.use_dora,
        target_modules=_shortest(causal, targets),
    )
    return get_peft_model(causal, config)


def _shortest(causal: Any, targets: list[str]) -> list[str]:
    """Return last parts of names where they mean the same modules, since other programs know only those."""
    suffixes = {name.rpartition(".")[2] for name in targets}
    linear = {name for name, module in causal.named_modules() if isinstance(module, nn.Linear)}
    same = {name for name in linear if name.rpartition(".")[2] in suffixes} == set(targets)
    return sorted(suffixes) if same else targets


def _no_such_module(part: str, linear: list[str]) -> Failure:
    kinds = sorted({name.rpartition(".")[2] for name in linear})
    example = linear[0] if linear else "none"
    return Failure("no_such_module", message("no_such_layer", part=part, kinds=kinds[:8], example=example))


def _read_config(model_path: Path) -> dict[str, Any]:
    try:
        config = json.loads((model_path / "config.json").read_bytes())
    except (OSError, ValueError):
        raise Failure("bad_model", message("no_config", model=model_path.name)) from None
    return config if isinstance(config, dict) else {}


def _is_known(kind: str) -> bool:
    from transformers import CONFIG_MAPPING

    return kind in CONFIG_MAPPING
