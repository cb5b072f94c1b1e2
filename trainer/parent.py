"""A training that goes on from an earlier one's adapter: its matrices are checked, then copied in before the first
step. Only safetensors and JSON are read."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from trainer.failures import Failure
from trainer.messages import message
from trainer.model import Trainee
from trainer.result import CARD, weights_sha256
from trainer.spec import TrainingSpec

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"


def go_on_from(folder: Path, trainee: Trainee, spec: TrainingSpec) -> None:
    """Put the adapter in `folder` into the model, before DeepSpeed takes it over.

    Raises Failure where it was trained on another base, or with another form of LoRA than this training has.
    """
    _check_base(_read(folder / CARD), spec)
    _check_form(_read(folder / CONFIG), spec)
    tensors = _tensors(folder / WEIGHTS)
    with torch.no_grad():
        places = _places(trainee)
        strangers = sorted(places.keys() ^ tensors.keys())
        strangers += [name for name in places if name in tensors and places[name].shape != tensors[name].shape]
        if strangers:
            raise Failure("bad_parent", message("parent_of_other_layers", name=strangers[0]))
        for name, place in places.items():
            place.copy_(tensors[name])


def _places(trainee: Trainee) -> dict[str, torch.Tensor]:
    """Return the adapter's tensors by the names that they have in a file; they are the model's own memory."""
    from peft import get_peft_model_state_dict

    return dict(get_peft_model_state_dict(trainee.model, save_embedding_layers=False))


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise Failure("bad_parent", message("parent_damaged", file=path.name)) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise Failure("bad_parent", message("parent_damaged", file=path.name)) from error
    return found if isinstance(found, dict) else {}


def _check_base(card: dict[str, Any], spec: TrainingSpec) -> None:
    base = card.get("base")
    sha256 = base.get("sha256") if isinstance(base, dict) else None
    if sha256 != (spec.model_sha256 or weights_sha256(Path(spec.model_path))):
        raise Failure("bad_parent", message("parent_of_other_base", base=spec.model_name))


def _check_form(config: dict[str, Any], spec: TrainingSpec) -> None:
    chosen = spec.hyperparameters
    form = {
        "r": chosen.lora_dim,
        "lora_alpha": chosen.lora_alpha,
        "use_rslora": chosen.use_rslora,
        "use_dora": chosen.use_dora,
    }
    for name, value in form.items():
        if config.get(name) != value:
            raise Failure("bad_parent", message("parent_of_other_form", name=name, own=config.get(name), value=value))
