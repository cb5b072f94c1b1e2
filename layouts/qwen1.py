"""First-generation Qwen (QWenLMHeadModel; 1.8B … 72B, base and chat) in terms of Qwen2.

The arithmetic is the same: rotary embeddings over the whole head, RMS norms, a gated SiLU feed-forward, biases on the
query, key and value projections alone. Names differ, the three projections lie in one matrix, whose rows are simply
cut in three, `intermediate_size` counts both feed-forward halves, and w1 is what Qwen2 calls up_proj, w2 its gate_proj.
Qwen-1's dynamic NTK and log-n attention change nothing up to `seq_length` tokens, to which the model is limited here.
"""

import re
from typing import Any

from layouts.messages import message
from wording import Message

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


class QwenError(ValueError):
    """A folder that is not a first-generation Qwen model; the message says why."""

    def __init__(self, message: Message) -> None:
        super().__init__(message)
        self.message = message


def settings(old: dict[str, Any]) -> dict[str, Any]:
    """Return the Qwen2 config.json that means the same as `old`, but for its dtype and special tokens."""
    if not old.get("no_bias", True) or float(old.get("rotary_pct", 1.0)) != 1.0:
        raise QwenError(message("qwen_variant_unknown"))
    theta = float(old.get("rotary_emb_base", 10000))
    return {
        "architectures": ["Qwen2ForCausalLM"],
        "attention_dropout": 0.0,
        "hidden_act": "silu",
        "hidden_size": old["hidden_size"],
        "initializer_range": old.get("initializer_range", 0.02),
        "intermediate_size": old["intermediate_size"] // 2,
        "max_position_embeddings": old.get("seq_length", 2048),
        "model_type": "qwen2",
        "num_attention_heads": old["num_attention_heads"],
        "num_hidden_layers": old["num_hidden_layers"],
        "num_key_value_heads": old["num_attention_heads"],
        "rms_norm_eps": old.get("layer_norm_epsilon", 1e-6),
        "rope_parameters": {"rope_theta": theta, "rope_type": "default"},
        "rope_theta": theta,
        "tie_word_embeddings": bool(old.get("tie_word_embeddings", False)),
        "use_cache": True,
        "use_sliding_window": False,
        "vocab_size": old["vocab_size"],
    }


def new_names(name: str) -> list[str]:
    """Return what the tensor `name` is called in Qwen2.

    Several names stand for equally many equal blocks of its rows, in order; none for a tensor that is computed instead.
    """
    match = re.fullmatch(r"transformer\.h\.(\d+)\.(.+)", name)
    layer, part = (f"model.layers.{match[1]}.", match[2]) if match else ("", name)
    if name in _WHOLE:
        return [_WHOLE[name]]
    if part in _LAYER:
        return [layer + _LAYER[part]]
    if part in _SPLIT:
        return [f"{layer}self_attn.{letter}_proj.{_SPLIT[part]}" for letter in "qkv"]
    if _IGNORED.search(name):
        return []
    raise QwenError(message("no_qwen_tensor", name=name))
