"""First-generation Qwen (QWenLMHeadModel), read into the Qwen2 architecture without the model's own code.

`layouts.qwen1` says what is called what. The catalogue converts such a model when it is imported; here it is read as
published, for a trainer that is started by hand.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from transformers import Qwen2Config

from layouts import qwen1
from trainer.failures import Failure
from trainer.families.converted import load_converted

MODEL_TYPE = qwen1.MODEL_TYPE


def load(model_path: Path, *, dtype: torch.dtype, attn_implementation: str | None = None, **_same_for_all: Any) -> Any:
    """Read a Qwen-1 folder as a Qwen2 model in `dtype`; raise Failure for a tensor that has no place in it."""
    old = json.loads((model_path / "config.json").read_bytes())
    tokens = {name: old.get(name) for name in ("bos_token_id", "eos_token_id")}
    try:
        config = Qwen2Config(**qwen1.settings(old), **tokens)
        return load_converted(config, _convert, model_path, dtype=dtype, attn_implementation=attn_implementation)
    except qwen1.QwenError as error:
        raise Failure("bad_model", error.message) from None


def _convert(name: str, tensor: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    names = qwen1.new_names(name)
    for new, piece in zip(names, tensor.chunk(max(1, len(names))), strict=False):
        yield new, piece.contiguous()
