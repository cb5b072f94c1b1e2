"""The Llama family: GGUF's names and settings in Transformers' words."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalogue.conversion.gguf import GGUFError, GGUFFile

_WHOLE = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
_LAYER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_CONTROL_TOKEN = 3


def tensor_names(file: GGUFFile) -> dict[str, str]:
    """Return Transformers' name → GGUF's name for every tensor; raise GGUFError for one that has no place."""
    names = {}
    for name in file.tensors:
        if name in _WHOLE:
            names[_WHOLE[name]] = name
            continue
        part = name.split(".")
        if len(part) != 4 or part[0] != "blk" or part[2] not in _LAYER:
            raise GGUFError(f"The tensor {name} has no place in a Llama model.")
        names[f"model.layers.{part[1]}.{_LAYER[part[2]]}.{part[3]}"] = name
    return names


def read_tensor(file: GGUFFile, name: str) -> NDArray[np.float32]:
    """Return a tensor in Transformers' layout: GGUF interleaves the two halves of each head of queries and keys."""
    values = file.read(name)
    if name.endswith("attn_q.weight"):
        return _halves_apart(values, file.metadata["llama.attention.head_count"])
    if name.endswith("attn_k.weight"):
        return _halves_apart(values, file.metadata["llama.attention.head_count_kv"])
    return values


def _halves_apart(values: NDArray[np.float32], num_heads: int) -> NDArray[np.float32]:
    rows, columns = values.shape
    return values.reshape(num_heads, rows // num_heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def settings(file: GGUFFile) -> dict[str, Any]:
    """Return config.json, readable by Transformers 4 (rope_theta) and 5 (rope_parameters)."""
    about = file.metadata
    if about.get("general.architecture") != "llama":
        raise GGUFError(f"The file holds a {about.get('general.architecture')} model; only llama can be converted.")
    heads, theta = about["llama.attention.head_count"], about["llama.rope.freq_base"]
    return {
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": about["tokenizer.ggml.bos_token_id"],
        "dtype": "bfloat16",
        "eos_token_id": about["tokenizer.ggml.eos_token_id"],
        "head_dim": about["llama.embedding_length"] // heads,
        "hidden_act": "silu",
        "hidden_size": about["llama.embedding_length"],
        "initializer_range": 0.02,
        "intermediate_size": about["llama.feed_forward_length"],
        "max_position_embeddings": about["llama.context_length"],
        "mlp_bias": False,
        "model_type": "llama",
        "num_attention_heads": heads,
        "num_hidden_layers": about["llama.block_count"],
        "num_key_value_heads": about["llama.attention.head_count_kv"],
        "pad_token_id": about["tokenizer.ggml.padding_token_id"],
        "pretraining_tp": 1,
        "rms_norm_eps": about["llama.attention.layer_norm_rms_epsilon"],
        "rope_parameters": {"rope_theta": theta, "rope_type": "default"},
        "rope_theta": theta,
        "tie_word_embeddings": "output.weight" not in file.tensors,
        "use_cache": True,
        "vocab_size": len(about["tokenizer.ggml.tokens"]),
    }


def generation_settings(file: GGUFFile) -> dict[str, Any]:
    """Return generation_config.json."""
    about = file.metadata
    return {f"{kind}_token_id": about[f"tokenizer.ggml.{ggml}_token_id"] for kind, ggml in _SPECIAL_IDS}


_SPECIAL_IDS = (("bos", "bos"), ("eos", "eos"), ("pad", "padding"))


def tokenizer(file: GGUFFile) -> dict[str, Any]:
    """Return tokenizer.json: byte-level BPE, each digit separately, as the model was pretrained ("smollm")."""
    about = file.metadata
    if about["tokenizer.ggml.model"] != "gpt2" or about["tokenizer.ggml.pre"] != "smollm":
        raise GGUFError(f"The tokenizer {about['tokenizer.ggml.pre']} is not known; only SmolLM's can be converted.")
    tokens = about["tokenizer.ggml.tokens"]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": list(_control_tokens(tokens, about["tokenizer.ggml.token_type"])),
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [{"type": "Digits", "individual_digits": True}, byte_level],
        },
        "post_processor": None,
        "decoder": byte_level | {"add_prefix_space": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: number for number, token in enumerate(tokens)},
            "merges": [pair.split(" ", 1) for pair in about["tokenizer.ggml.merges"]],
        },
    }


def _control_tokens(tokens: list[str], kinds: list[int]) -> Iterator[dict[str, Any]]:
    for number, (token, kind) in enumerate(zip(tokens, kinds, strict=True)):
        if kind == _CONTROL_TOKEN:
            flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
            yield {"id": number, "content": token, **flags}


def tokenizer_settings(file: GGUFFile) -> dict[str, Any]:
    """Return tokenizer_config.json, whose class Transformers 4 and 5 both know."""
    about = file.metadata
    tokens = about["tokenizer.ggml.tokens"]
    return {
        "bos_token": tokens[about["tokenizer.ggml.bos_token_id"]],
        "clean_up_tokenization_spaces": False,
        "eos_token": tokens[about["tokenizer.ggml.eos_token_id"]],
        "model_max_length": about["llama.context_length"],
        "pad_token": tokens[about["tokenizer.ggml.padding_token_id"]],
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": tokens[about["tokenizer.ggml.unknown_token_id"]],
    }


def write_tokenizer(file: GGUFFile, folder: Path) -> None:
    """Write the tokenizer's files and the chat template."""
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer(file), ensure_ascii=False), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer_settings(file), indent=2), encoding="utf-8")
    if template := file.metadata.get("tokenizer.chat_template"):
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
