"""Tiny random models of many families, each in the form in which its family is published."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

CHAT_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
SMALL = {
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
    "initializer_range": 0.1, "bos_token_id": None, "pad_token_id": None,
}  # fmt: skip
GEMMA = {**SMALL, "num_key_value_heads": 2, "head_dim": 16}
WINDOW = 8
"""Tokens of a sliding window: less than any probe prompt has, so that the window changes every answer."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """A family by its Transformers configuration, and how its published folder differs from what Transformers saves."""

    config: str
    """The name of a configuration class of Transformers."""
    options: dict[str, Any]
    publish: Callable[[Path, Path], None] | None = None
    """Writes a published folder from a saved one; None: they are the same."""
    refused: str = ""
    """Part of the sentence with which the embedded engine refuses the published folder."""
    computed: bool = True
    """Whether the embedded engine computes this architecture."""

    def save(self, folder: Path, chat_folder: Path, vocab_size: int, eos_token_id: int) -> "Saved":
        """Write the model (and its twin, where the published form is another) below `folder`."""
        options = {**SMALL, **self.options} | {"vocab_size": vocab_size, "eos_token_id": eos_token_id}
        if "text_config" in self.options:
            options = {**self.options, "text_config": self.options["text_config"] | {"vocab_size": vocab_size}}
        config = getattr(transformers, self.config)(**options)
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config)
        _fill(model)
        plain = folder / "plain"
        model.save_pretrained(plain)
        published = plain
        if self.publish is not None:
            published = folder / "published"
            published.mkdir()
            self.publish(plain, published)
        for name in CHAT_FILES:
            for target in {plain, published}:
                shutil.copy(chat_folder / name, target)
        return Saved(published=published, plain=plain)


@dataclass(frozen=True, kw_only=True)
class Saved:
    """Where a tiny model lies."""

    published: Path
    plain: Path
    """The same model as Transformers saves and loads it; `published` itself for most families."""


def publish_as_qwen1(plain: Path, published: Path) -> None:
    """Write a saved Qwen2 model as first-generation Qwen is published."""
    old, tensors = _read(plain)
    config = {
        "model_type": "qwen", "architectures": ["QWenLMHeadModel"], "vocab_size": old["vocab_size"],
        "hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 4,
        "kv_channels": 16, "seq_length": 512, "layer_norm_epsilon": old["rms_norm_eps"], "rotary_emb_base": 10000,
        "rotary_pct": 1.0, "no_bias": True, "tie_word_embeddings": False,
        "auto_map": {"AutoModelForCausalLM": "modeling_qwen.QWenLMHeadModel"},
    }  # fmt: skip
    new = {
        "transformer.wte.weight": tensors["model.embed_tokens.weight"],
        "transformer.ln_f.weight": tensors["model.norm.weight"],
        "lm_head.weight": tensors["lm_head.weight"],
    }
    for layer in range(2):
        part = _layer(tensors, layer)
        name = f"transformer.h.{layer}."
        for kind in ("weight", "bias"):
            new[f"{name}attn.c_attn.{kind}"] = torch.cat([part[f"self_attn.{letter}_proj.{kind}"] for letter in "qkv"])
        new |= {
            name + "attn.c_proj.weight": part["self_attn.o_proj.weight"],
            name + "mlp.w1.weight": part["mlp.up_proj.weight"], name + "mlp.w2.weight": part["mlp.gate_proj.weight"],
            name + "mlp.c_proj.weight": part["mlp.down_proj.weight"],
            name + "ln_1.weight": part["input_layernorm.weight"],
            name + "ln_2.weight": part["post_attention_layernorm.weight"],
        }  # fmt: skip
    _write(published, config, new)


def publish_as_internlm2(plain: Path, published: Path) -> None:
    """Write a saved Llama model as InternLM2 is published."""
    old, tensors = _read(plain)
    config = {
        "model_type": "internlm2", "architectures": ["InternLM2ForCausalLM"], "vocab_size": old["vocab_size"],
        "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "hidden_act": "silu", "max_position_embeddings": 512, "bias": False,
        "rms_norm_eps": old["rms_norm_eps"], "rope_theta": 1000000, "rope_scaling": {"type": "dynamic", "factor": 2.0},
        "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2,
        "auto_map": {"AutoModelForCausalLM": "modeling_internlm2.InternLM2ForCausalLM"},
    }  # fmt: skip
    new = {
        "model.tok_embeddings.weight": tensors["model.embed_tokens.weight"],
        "model.norm.weight": tensors["model.norm.weight"],
        "output.weight": tensors["lm_head.weight"],
    }
    for layer in range(2):
        part = _layer(tensors, layer)
        query, key, value = (part[f"self_attn.{letter}_proj.weight"].view(2, -1, 16, 64) for letter in "qkv")
        new |= {
            f"model.layers.{layer}.attention.wqkv.weight": torch.cat([query, key, value], 1).reshape(-1, 64),
            f"model.layers.{layer}.attention.wo.weight": part["self_attn.o_proj.weight"],
            f"model.layers.{layer}.feed_forward.w1.weight": part["mlp.gate_proj.weight"],
            f"model.layers.{layer}.feed_forward.w3.weight": part["mlp.up_proj.weight"],
            f"model.layers.{layer}.feed_forward.w2.weight": part["mlp.down_proj.weight"],
            f"model.layers.{layer}.attention_norm.weight": part["input_layernorm.weight"],
            f"model.layers.{layer}.ffn_norm.weight": part["post_attention_layernorm.weight"],
        }
    _write(published, config, new)


FAMILIES = {
    "qwen": Family(
        config="Qwen2Config", options={"max_position_embeddings": 512, "num_key_value_heads": 4},
        publish=publish_as_qwen1, refused="Import it through the catalogue",
    ),
    "qwen2": Family(config="Qwen2Config", options={"num_key_value_heads": 2}),
    "qwen2.5": Family(
        config="Qwen2Config",
        options={"num_key_value_heads": 1, "tie_word_embeddings": True, "rope_theta": 1e6, "rms_norm_eps": 1e-6},
    ),
    "qwen3": Family(config="Qwen3Config", options={"num_key_value_heads": 2, "head_dim": 32}),
    "llama": Family(config="LlamaConfig", options={"num_key_value_heads": 2}),
    "mistral": Family(config="MistralConfig", options={"num_key_value_heads": 2, "sliding_window": WINDOW}),
    "gemma": Family(config="GemmaConfig", options=GEMMA),
    "gemma2": Family(
        config="Gemma2Config",
        options={
            **GEMMA, "sliding_window": WINDOW, "query_pre_attn_scalar": 16, "attn_logit_softcapping": 2.0,
            "final_logit_softcapping": 5.0,
        },
        refused="softcap", computed=False,
    ),
    "gemma3": Family(
        config="Gemma3TextConfig",
        options={
            **GEMMA, "sliding_window": WINDOW, "query_pre_attn_scalar": 16,
            "layer_types": ["sliding_attention", "full_attention"],
        },
    ),
    "gemma3 with images": Family(
        config="Gemma3Config",
        options={
            "text_config": {
                **SMALL, **GEMMA, "sliding_window": WINDOW, "query_pre_attn_scalar": 16,
                "layer_types": ["sliding_attention", "full_attention"],
            },
            "vision_config": {
                "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2,
                "image_size": 28, "patch_size": 14,
            },
            "mm_tokens_per_image": 4,
        },
    ),
    "phi3": Family(config="Phi3Config", options={"num_key_value_heads": 2}),
    "phi": Family(config="PhiConfig", options={"partial_rotary_factor": 0.5}),
    "internlm2": Family(
        config="LlamaConfig",
        options={
            "num_key_value_heads": 2, "max_position_embeddings": 512, "rms_norm_eps": 1e-5,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
        },
        publish=publish_as_internlm2, refused="of the type 'internlm2', which needs code from the model's folder",
    ),
    "internlm3": Family(config="InternLM3Config", options={"num_key_value_heads": 2, "head_dim": 16}),
}  # fmt: skip


def _fill(model: Any) -> None:
    """Give biases and norms random values too: zeros and ones would hide where they end up."""
    for name, weight in model.named_parameters():
        if name.endswith("bias") or "norm" in name:
            torch.nn.init.normal_(weight, mean=float(weight.detach().mean()), std=0.1)


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    tensors = AutoModelForCausalLM.from_pretrained(folder).state_dict()
    return json.loads((folder / "config.json").read_text()), tensors


def _layer(tensors: dict[str, torch.Tensor], layer: int) -> dict[str, torch.Tensor]:
    start = f"model.layers.{layer}."
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}


def _write(folder: Path, config: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
    (folder / "config.json").write_text(json.dumps(config))
    save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, folder / "model.safetensors")
