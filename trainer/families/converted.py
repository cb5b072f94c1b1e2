"""Building a known architecture from a folder whose tensors have other names."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, PreTrainedConfig

from trainer.failures import Failure
from trainer.messages import message

Convert = Callable[[str, torch.Tensor], Iterator[tuple[str, torch.Tensor]]]
"""Yields what becomes of a tensor: (new name, tensor); nothing for one that is computed instead."""


def load_converted(
    config: PreTrainedConfig,
    convert: Convert,
    model_path: Path,
    *,
    dtype: torch.dtype,
    attn_implementation: str | None,
) -> Any:
    """Return the model that `config` describes with the weights in `model_path`; Failure unless each has its place."""
    config.name_or_path = str(model_path)
    with torch.device("meta"):
        model: Any = AutoModelForCausalLM.from_config(config, attn_implementation=attn_implementation)
    weights = {new: tensor.to(dtype) for name, old in read_tensors(model_path) for new, tensor in convert(name, old)}
    missing, unexpected = model.load_state_dict(weights, strict=False, assign=True)
    if config.tie_word_embeddings:
        missing = [name for name in missing if name != "lm_head.weight"]
        model.tie_weights()
    if missing or unexpected:
        code = "tensor_missing" if missing else "tensor_unexpected"
        raise Failure("bad_model", message(code, model=model_path.name, name=[*missing, *unexpected][0]))
    # The rotary frequencies are no weights: they were left on the meta device and are computed again.
    model.model.rotary_emb = type(model.model.rotary_emb)(config)
    return model.eval()


def read_tensors(model_path: Path) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield (name, tensor) of every safetensors file in the folder."""
    for path in sorted(model_path.glob("*.safetensors")):
        with safe_open(path, framework="pt") as stream:
            for name in stream.keys():  # noqa: SIM118  # no mapping: it only has keys()
                yield name, stream.get_tensor(name)
