"""InternLM2 and InternLM2.5 (InternLM2ForCausalLM), read into the Llama architecture without the model's own code.

The arithmetic is the same. Names differ, and the three projections are in one matrix `wqkv`: its rows are grouped by
key head, each group holding the query heads that share it, then that key head, then its value head (as in
tools/convert2llama.py of github.com/InternLM/InternLM). Dynamic NTK changes nothing up to `max_position_embeddings`
tokens, to which the model is therefore limited here.
"""

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig

from trainer.failures import Failure
from trainer.families.converted import load_converted
from trainer.messages import message

MODEL_TYPE = "internlm2"
_SAME = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
_WHOLE = {
    "model.tok_embeddings.weight": "model.embed_tokens.weight",
    "model.norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
_LAYER = {
    "attention.wo.weight": "self_attn.o_proj.weight",
    "attention.wo.bias": "self_attn.o_proj.bias",
    "feed_forward.w1.weight": "mlp.gate_proj.weight",
    "feed_forward.w2.weight": "mlp.down_proj.weight",
    "feed_forward.w3.weight": "mlp.up_proj.weight",
    "attention_norm.weight": "input_layernorm.weight",
    "ffn_norm.weight": "post_attention_layernorm.weight",
}
_SPLIT = {"attention.wqkv.weight": "weight", "attention.wqkv.bias": "bias"}
_IGNORED = re.compile(r"rotary_emb\.inv_freq$")


def load(model_path: Path, *, dtype: torch.dtype, attn_implementation: str | None = None, **_same_for_all: Any) -> Any:
    """Read an InternLM2 folder as a Llama model in `dtype`; raise Failure for a tensor that has no place in it."""
    config = convert_config(json.loads((model_path / "config.json").read_bytes()))
    convert = partial(_convert, config=config)
    return load_converted(config, convert, model_path, dtype=dtype, attn_implementation=attn_implementation)


def convert_config(old: dict[str, Any]) -> LlamaConfig:
    """Return the Llama configuration that means the same as `old`, an InternLM2 config.json."""
    same: dict[str, Any] = {name: int(old[name]) for name in _SAME}
    return LlamaConfig(
        **same,
        num_key_value_heads=int(old.get("num_key_value_heads") or old["num_attention_heads"]),
        hidden_act=old.get("hidden_act", "silu"),
        max_position_embeddings=int(old.get("max_position_embeddings", 2048)),
        initializer_range=float(old.get("initializer_range", 0.02)),
        rms_norm_eps=float(old.get("rms_norm_eps", 1e-6)),
        rope_parameters=_rope(old),
        attention_bias=bool(old.get("bias", True)),
        tie_word_embeddings=bool(old.get("tie_word_embeddings", False)),
        bos_token_id=old.get("bos_token_id", 1),
        eos_token_id=old.get("eos_token_id", 2),
        pad_token_id=old.get("pad_token_id"),
    )


def _rope(old: dict[str, Any]) -> dict[str, Any]:
    theta = float(old.get("rope_theta", 10000))
    scaling = old.get("rope_scaling") or {"type": "dynamic"}
    kind = scaling.get("type", scaling.get("rope_type"))
    if kind == "dynamic":
        return {"rope_type": "default", "rope_theta": theta}
    if kind == "linear":
        return {"rope_type": "linear", "rope_theta": theta, "factor": float(scaling["factor"])}
    raise Failure("bad_model", message("rope_unknown", kind=kind))


def _convert(name: str, tensor: torch.Tensor, *, config: LlamaConfig) -> Iterator[tuple[str, torch.Tensor]]:
    match = re.fullmatch(r"model\.layers\.(\d+)\.(.+)", name)
    layer, part = (f"model.layers.{match[1]}.", match[2]) if match else ("", name)
    if name in _WHOLE:
        yield _WHOLE[name], tensor
    elif part in _LAYER:
        yield layer + _LAYER[part], tensor
    elif part in _SPLIT:
        for letter, piece in zip("qkv", _split(tensor, config), strict=True):
            yield f"{layer}self_attn.{letter}_proj.{_SPLIT[part]}", piece
    elif not _IGNORED.search(name):
        raise Failure("bad_model", message("no_internlm2_tensor", name=name))


def _split(wqkv: torch.Tensor, config: LlamaConfig) -> tuple[torch.Tensor, ...]:
    """Cut [kv heads * (queries a kv head + 2) * head size, ...] into queries, keys and values."""
    key_heads = config.num_key_value_heads or config.num_attention_heads
    queries = config.num_attention_heads // key_heads
    grouped = wqkv.unflatten(0, (key_heads, queries + 2, -1))
    return tuple(piece.flatten(0, 2).contiguous() for piece in grouped.split([queries, 1, 1], dim=1))
