"""InternLM2, held to an implementation of its forward pass written from its description."""

import json
import math

import pytest
import torch
from safetensors.torch import save_file

from trainer.failures import Failure
from trainer.families import internlm2
from trainer.families.converted import read_tensors

HEADS, KEY_HEADS, WIDTH, HIDDEN = 6, 2, 8, 48
GROUP = HEADS // KEY_HEADS + 2
CONFIG = {
    "model_type": "internlm2", "architectures": ["InternLM2ForCausalLM"], "vocab_size": 96, "hidden_size": HIDDEN,
    "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": HEADS, "num_key_value_heads": KEY_HEADS,
    "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 5000, "bias": True,
    "rope_scaling": {"type": "dynamic", "factor": 2.0}, "tie_word_embeddings": False, "hidden_act": "silu",
    "auto_map": {"AutoModelForCausalLM": "modeling_internlm2.InternLM2ForCausalLM"},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    generator = torch.Generator().manual_seed(0)

    def random(*shape):
        return torch.randn(*shape, generator=generator) * 0.2

    tensors = {"model.tok_embeddings.weight": random(96, HIDDEN), "model.norm.weight": 1 + random(HIDDEN),
               "output.weight": random(96, HIDDEN)}  # fmt: skip
    rows = KEY_HEADS * GROUP * WIDTH
    for layer in range(2):
        name = f"model.layers.{layer}."
        tensors |= {
            name + "attention_norm.weight": 1 + random(HIDDEN), name + "ffn_norm.weight": 1 + random(HIDDEN),
            name + "attention.wqkv.weight": random(rows, HIDDEN), name + "attention.wqkv.bias": random(rows),
            name + "attention.wo.weight": random(HIDDEN, HIDDEN), name + "attention.wo.bias": random(HIDDEN),
            name + "feed_forward.w1.weight": random(40, HIDDEN), name + "feed_forward.w3.weight": random(40, HIDDEN),
            name + "feed_forward.w2.weight": random(HIDDEN, 40),
            name + "attention.rotary_emb.inv_freq": random(4),
        }  # fmt: skip
    save_file(tensors, tmp_path / "model.safetensors")
    write_config(tmp_path)
    return tmp_path


def write_config(folder, **changes):
    (folder / "config.json").write_text(json.dumps(CONFIG | changes))


def reference_logits(tensors, ids, stretch=1.0):
    """InternLM2's forward pass: ids [tokens] -> logits [tokens, vocabulary]; positions are divided by `stretch`."""
    tokens = len(ids)
    angles = torch.arange(tokens)[:, None] / stretch * (5000.0 ** (-torch.arange(0, WIDTH, 2) / WIDTH))[None]
    angles = torch.cat([angles, angles], -1)

    def norm(x, weight):
        return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5) * weight

    def rotate(x):
        first, second = x.chunk(2, -1)
        return x * angles.cos() + torch.cat([-second, first], -1) * angles.sin()

    def head(mixed, group, place):
        return mixed[:, group * GROUP * WIDTH :][:, place * WIDTH : (place + 1) * WIDTH]

    hidden = tensors["model.tok_embeddings.weight"][ids]
    future = torch.ones(tokens, tokens).triu(1).bool()
    for layer in range(2):
        part = {name.split(f"layers.{layer}.")[1]: value for name, value in tensors.items() if f"s.{layer}." in name}
        mixed = norm(hidden, part["attention_norm.weight"]) @ part["attention.wqkv.weight"].T
        mixed = mixed + part["attention.wqkv.bias"]
        outputs = []
        for group in range(KEY_HEADS):
            key, value = rotate(head(mixed, group, GROUP - 2)), head(mixed, group, GROUP - 1)
            for place in range(GROUP - 2):
                scores = rotate(head(mixed, group, place)) @ key.T / math.sqrt(WIDTH)
                outputs.append(scores.masked_fill(future, float("-inf")).softmax(-1) @ value)
        hidden = hidden + torch.cat(outputs, -1) @ part["attention.wo.weight"].T + part["attention.wo.bias"]
        x = norm(hidden, part["ffn_norm.weight"])
        gate, up = x @ part["feed_forward.w1.weight"].T, x @ part["feed_forward.w3.weight"].T
        hidden = hidden + (torch.nn.functional.silu(gate) * up) @ part["feed_forward.w2.weight"].T
    return norm(hidden, tensors["model.norm.weight"]) @ tensors["output.weight"].T


def load(folder, attention="eager"):
    return internlm2.load(folder, dtype=torch.float32, attn_implementation=attention)


@pytest.mark.parametrize("attention", ["eager", "sdpa", None])
def test_computes_what_internlm2_computes(folder, attention):
    ids = torch.arange(3, 20)
    expected = reference_logits(dict(read_tensors(folder)), ids)
    assert torch.allclose(load(folder, attention)(ids[None]).logits[0], expected, atol=2e-5)


def test_stretches_positions_where_the_model_does(folder):
    write_config(folder, rope_scaling={"type": "linear", "factor": 4.0})
    ids = torch.arange(3, 20)
    expected = reference_logits(dict(read_tensors(folder)), ids, stretch=4.0)
    assert torch.allclose(load(folder)(ids[None]).logits[0], expected, atol=2e-5)


def test_shares_the_embeddings_where_the_model_does(folder):
    tensors = dict(read_tensors(folder))
    del tensors["output.weight"]
    save_file(tensors, folder / "model.safetensors")
    write_config(folder, tie_word_embeddings=True)
    ids = torch.arange(3, 20)
    expected = reference_logits(tensors | {"output.weight": tensors["model.tok_embeddings.weight"]}, ids)
    model = load(folder)
    assert torch.allclose(model(ids[None]).logits[0], expected, atol=2e-5)
    assert model.lm_head.weight is model.model.embed_tokens.weight


def test_names_a_scaling_that_it_does_not_know(folder):
    write_config(folder, rope_scaling={"type": "yarn", "factor": 4.0})
    with pytest.raises(Failure, match="asks for 'yarn'"):
        load(folder)


def test_names_a_tensor_that_has_no_place(folder):
    save_file({"v_head.weight": torch.ones(2)}, folder / "more.safetensors")
    with pytest.raises(Failure, match=r"v_head\.weight is not part of an InternLM2"):
        load(folder)


def test_names_a_missing_tensor(folder):
    tensors = dict(read_tensors(folder))
    del tensors["model.layers.1.feed_forward.w1.weight"]
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(Failure, match=r"gate_proj\.weight is missing"):
        load(folder)
