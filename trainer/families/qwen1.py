"""First-generation Qwen (QWenLMHeadModel), read into the Qwen2 architecture without the model's own code.

The arithmetic is the same: rotary embeddings over the whole head, RMS norms, a gated SiLU feed-forward, biases on the
query, key and value projections alone. Names differ, the three projections lie in one matrix, `intermediate_size`
counts both feed-forward halves, and w1 is what Qwen2 calls up_proj, w2 its gate_proj. Qwen-1's dynamic NTK and
log-n attention change nothing up to `seq_length` tokens, to which the model is therefore limited here.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from transformers import Qwen2Config, Qwen2ForCausalLM

from trainer.failures import Failure

MODEL_TYPE = "qwen"

_WHOLE = {
    "transformer.wte.weight": "model.embed_tokens.weight",
    "transformer.ln_f.weight": "model.norm.weight",
    "lm_head.weight": "lm_head.weight",
}
_LAYER = {
    "attn.c_proj.weight": "self_attn.o_proj.weight",
    "mlp.w1.weight": "mlp.up_proj.weight",
    "mlp.w2.weight": "mlp.gate_proj.weight",
    "mlp.c_proj.weight": "mlp.down_proj.weight",
    "ln_1.weight": "input_layernorm.weight",
    "ln_2.weight": "post_attention_layernorm.weight",
}
_SPLIT = {"attn.c_attn.weight": "weight", "attn.c_attn.bias": "bias"}
_IGNORED = re.compile(r"rotary_emb\.inv_freq$|attn\.(masked_bias|bias)$")


def load(model_path: Path, *, dtype: torch.dtype, attn_implementation: str, **_same_for_all: Any) -> Qwen2ForCausalLM:
    """Read a Qwen-1 folder as a Qwen2 model in `dtype`; raise Failure for a tensor that has no place in it."""
    config = convert_config(json.loads((model_path / "config.json").read_bytes()))
    config._attn_implementation = attn_implementation
    config.name_or_path = str(model_path)
    with torch.device("meta"):
        model = Qwen2ForCausalLM(config)
    weights = {name: tensor.to(dtype) for name, tensor in convert_tensors(_read(model_path))}
    missing, unexpected = model.load_state_dict(weights, strict=False, assign=True)
    if missing or unexpected:
        raise Failure(
            "bad_model",
            f"{model_path.name} does not hold a whole Qwen model: {(list(missing) + list(unexpected))[0]} "
            f"is {'missing' if missing else 'not expected'}. Download the model again.",
        )
    # The rotary frequencies are no weights: they were left on the meta device and are computed again.
    model.model.rotary_emb = type(model.model.rotary_emb)(config)
    return model.eval()


def convert_config(old: dict[str, Any]) -> Qwen2Config:
    """Return the Qwen2 configuration that means the same as `old`, a Qwen-1 config.json."""
    if not old.get("no_bias", True) or float(old.get("rotary_pct", 1.0)) != 1.0:
        raise Failure("bad_model", "This Qwen variant (biases, partial rotary embeddings) was never released.")
    heads = int(old["num_attention_heads"])
    return Qwen2Config(
        vocab_size=int(old["vocab_size"]),
        hidden_size=int(old["hidden_size"]),
        intermediate_size=int(old["intermediate_size"]) // 2,
        num_hidden_layers=int(old["num_hidden_layers"]),
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=int(old.get("seq_length", 2048)),
        rms_norm_eps=float(old.get("layer_norm_epsilon", 1e-6)),
        rope_parameters={"rope_type": "default", "rope_theta": float(old.get("rotary_emb_base", 10000))},
        tie_word_embeddings=bool(old.get("tie_word_embeddings", False)),
        bos_token_id=old.get("bos_token_id"),
        eos_token_id=old.get("eos_token_id"),
    )


def convert_tensors(tensors: Iterator[tuple[str, torch.Tensor]]) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield each tensor under its Qwen2 name; `c_attn` becomes three."""
    for name, tensor in tensors:
        if name in _WHOLE:
            yield _WHOLE[name], tensor
            continue
        match = re.fullmatch(r"transformer\.h\.(\d+)\.(.+)", name)
        layer, part = (f"model.layers.{match[1]}.", match[2]) if match else ("", name)
        if part in _LAYER:
            yield layer + _LAYER[part], tensor
        elif part in _SPLIT:
            for letter, piece in zip("qkv", tensor.chunk(3), strict=True):
                yield f"{layer}self_attn.{letter}_proj.{_SPLIT[part]}", piece.contiguous()
        elif not _IGNORED.search(name):
            raise Failure("bad_model", f"The tensor {name} belongs to no first-generation Qwen model.")


def _read(model_path: Path) -> Iterator[tuple[str, torch.Tensor]]:
    for path in sorted(model_path.glob("*.safetensors")):
        with safe_open(path, framework="pt") as stream:
            for name in stream.keys():  # noqa: SIM118  # no mapping: it only has keys()
                yield name, stream.get_tensor(name)
