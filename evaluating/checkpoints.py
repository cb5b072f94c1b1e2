"""A training's checkpoint as an adapter that the engine loads: the same weights under the names that PEFT writes."""

import shutil
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file

from evaluating.messages import message
from serving.faults import AdapterRefused

WEIGHT = "weight."
"""Before the name of each weight; AdamW's moments have other prefixes."""
PEFTS_OWN = ".default."
"""PEFT's name of the one adapter in a model, which its files leave out."""


def as_adapter(checkpoint: Path, config: Path, target: Path) -> Path:
    """Write the adapter that `checkpoint` holds into `target` and return it; `config` has its adapter_config.json."""
    tensors = {}
    for path in sorted(checkpoint.glob("state-*.safetensors")):
        with safe_open(path, framework="pt") as stream:
            for name in stream.keys():  # noqa: SIM118 - no mapping
                if name.startswith(WEIGHT):
                    tensors[name.removeprefix(WEIGHT).replace(PEFTS_OWN, ".")] = stream.get_tensor(name)
    if not tensors:
        raise AdapterRefused(message("evaluation_checkpoint_empty", folder=checkpoint.name))
    target.mkdir(parents=True, exist_ok=True)
    save_file(tensors, target / "adapter_model.safetensors")
    shutil.copyfile(config / "adapter_config.json", target / "adapter_config.json")
    return target
