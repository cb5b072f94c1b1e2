"""First-generation Qwen, held to an implementation of its forward pass written from its description."""

import json
import math

import pytest
import torch
from safetensors.torch import save_file

from trainer.failures import Failure
from trainer.families import qwen1
from trainer.families.converted import read_tensors

CONFIG = {
    "model_type": "qwen", "architectures": ["QWenLMHeadModel"], "vocab_size": 96, "hidden_size": 32,
    "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "kv_channels": 8, "seq_length": 64,
    "layer_norm_epsilon": 1e-6, "rotary_emb_base": 10000, "rotary_pct": 1.0, "no_bias": True,
    "tie_word_embeddings": False, "auto_map": {"AutoModelForCausalLM": "modeling_qwen.QWenLMHeadModel"},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    generator = torch.Generator().manual_seed(0)

    def random(*shape):
        return torch.randn(*shape, generator=generator) * 0.2

    tensors = {"transformer.wte.weight": random(96, 32), "transformer.ln_f.weight": 1 + random(32),
               "lm_head.weight": random(96, 32)}  # fmt: skip
    for layer in range(2):
        name = f"transformer.h.{layer}."
        tensors |= {
            name + "ln_1.weight": 1 + random(32), name + "ln_2.weight": 1 + random(32),
            name + "attn.c_attn.weight": random(96, 32), name + "attn.c_attn.bias": random(96),
            name + "attn.c_proj.weight": random(32, 32), name + "mlp.w1.weight": random(48, 32),
            name + "mlp.w2.weight": random(48, 32), name + "mlp.c_proj.weight": random(32, 48),
            name + "attn.rotary_emb.inv_freq": random(4),
        }  # fmt: skip
    save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    return tmp_path


def reference_logits(tensors, ids):
    """Qwen-1's forward pass: ids [tokens] -> logits [tokens, vocabulary]."""
    heads, width, tokens = 4, 8, len(ids)
    angles = torch.arange(tokens)[:, None] * (10000.0 ** (-torch.arange(0, width, 2) / width))[None]
    angles = torch.cat([angles, angles], -1)[None]

    def norm(x, weight):
        return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6) * weight

    def rotate(x):
        first, second = x.chunk(2, -1)
        return x * angles.cos() + torch.cat([-second, first], -1) * angles.sin()

    hidden = tensors["transformer.wte.weight"][ids]
    for layer in range(2):
        part = {name.split(f"h.{layer}.")[1]: value for name, value in tensors.items() if f".h.{layer}." in name}
        x = norm(hidden, part["ln_1.weight"])
        mixed = x @ part["attn.c_attn.weight"].T + part["attn.c_attn.bias"]
        query, key, value = (piece.view(tokens, heads, width).transpose(0, 1) for piece in mixed.split(32, -1))
        scores = rotate(query) @ rotate(key).transpose(1, 2) / math.sqrt(width)
        scores = scores.masked_fill(torch.ones(tokens, tokens).triu(1).bool(), float("-inf")).softmax(-1)
        hidden = hidden + (scores @ value).transpose(0, 1).reshape(tokens, 32) @ part["attn.c_proj.weight"].T
        x = norm(hidden, part["ln_2.weight"])
        up, gate = x @ part["mlp.w1.weight"].T, x @ part["mlp.w2.weight"].T
        hidden = hidden + (up * torch.nn.functional.silu(gate)) @ part["mlp.c_proj.weight"].T
    return norm(hidden, tensors["transformer.ln_f.weight"]) @ tensors["lm_head.weight"].T


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_computes_what_qwen_computes(folder, attention):
    model = qwen1.load(folder, dtype=torch.float32, attn_implementation=attention)
    ids = torch.arange(3, 20)
    expected = reference_logits(dict(read_tensors(folder)), ids)
    assert torch.allclose(model(ids[None]).logits[0], expected, atol=2e-5)


def test_names_a_tensor_that_has_no_place(folder):
    save_file({"transformer.h.0.attn.q_norm.weight": torch.ones(2)}, folder / "more.safetensors")
    with pytest.raises(Failure, match="q_norm"):
        qwen1.load(folder, dtype=torch.float32, attn_implementation="eager")


def test_names_a_missing_tensor(folder):
    tensors = dict(read_tensors(folder))
    del tensors["transformer.h.1.mlp.w2.weight"]
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(Failure, match="gate_proj"):
        qwen1.load(folder, dtype=torch.float32, attn_implementation="eager")
