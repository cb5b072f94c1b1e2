"""First-generation Qwen → Qwen2, with a tiny model and vocabulary made here."""

import base64
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.utils import timezone
from tokenizers import Tokenizer

from catalogue import services
from catalogue.conversion import qwen1
from catalogue.folders import identity, inspect
from layouts.qwen1 import QwenError
from tests.catalogue.conftest import FakeHub

HIDDEN, INNER = 8, 12
CONFIG = {
    "model_type": "qwen",
    "auto_map": {"AutoModelForCausalLM": "modeling_qwen.QWenLMHeadModel"},
    "hidden_size": HIDDEN,
    "intermediate_size": 2 * INNER,
    "num_attention_heads": 2,
    "num_hidden_layers": 1,
    "seq_length": 2048,
    "max_position_embeddings": 8192,
    "layer_norm_epsilon": 1e-6,
    "rotary_emb_base": 10000,
    "vocab_size": 512,
    "no_bias": True,
}
SHAPES = {
    "transformer.wte.weight": (512, HIDDEN),
    "transformer.h.0.ln_1.weight": (HIDDEN,),
    "transformer.h.0.attn.c_attn.weight": (3 * HIDDEN, HIDDEN),
    "transformer.h.0.attn.c_attn.bias": (3 * HIDDEN,),
    "transformer.h.0.attn.c_proj.weight": (HIDDEN, HIDDEN),
    "transformer.h.0.ln_2.weight": (HIDDEN,),
    "transformer.h.0.mlp.w1.weight": (INNER, HIDDEN),
    "transformer.h.0.mlp.w2.weight": (INNER, HIDDEN),
    "transformer.h.0.mlp.c_proj.weight": (HIDDEN, INNER),
    "transformer.h.0.attn.rotary_emb.inv_freq": (2,),
    "transformer.ln_f.weight": (HIDDEN,),
    "lm_head.weight": (512, HIDDEN),
}
RANDOM = np.random.default_rng(0)
TENSORS = {name: RANDOM.standard_normal(shape).astype(np.float32) for name, shape in SHAPES.items()}


def write_safetensors(path: Path, tensors: dict[str, Any]) -> None:
    header: dict[str, Any] = {}
    offset = 0
    for name, values in tensors.items():
        about = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [offset, offset + values.nbytes]}
        header[name], offset = about, offset + values.nbytes
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(v.tobytes() for v in tensors.values()))


def read_safetensors(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    body = content[8 + length :]
    return {
        name: np.frombuffer(body[slice(*about["data_offsets"])], np.float32).reshape(about["shape"])
        for name, about in header.items()
    }


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "qwen"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "generation_config.json").write_text(json.dumps({"chat_format": "chatml"}))
    tokens = [bytes([byte]) for byte in range(256)]
    tokens += [b"he", b"ll", b"hell", b"hello", b" w", "你".encode()[:2], "你".encode()]
    lines = [f"{base64.b64encode(token).decode()} {rank}" for rank, token in enumerate(tokens)]
    (folder / "qwen.tiktoken").write_text("\n".join(lines))
    names = list(TENSORS)
    write_safetensors(folder / "model-00001-of-00002.safetensors", {name: TENSORS[name] for name in names[:5]})
    write_safetensors(folder / "model-00002-of-00002.safetensors", {name: TENSORS[name] for name in names[5:]})
    return folder


def test_weights_are_the_same_under_new_names(source: Path, tmp_path: Path) -> None:
    qwen1.convert(source, tmp_path / "out")
    config = inspect(tmp_path / "out")
    new = read_safetensors(tmp_path / "out" / "model-00001-of-00002.safetensors")
    new |= read_safetensors(tmp_path / "out" / "model-00002-of-00002.safetensors")

    assert (config["model_type"], config["intermediate_size"], config["max_position_embeddings"]) == ("qwen2", 12, 2048)
    assert "auto_map" not in config
    attention = np.split(TENSORS["transformer.h.0.attn.c_attn.weight"], 3)
    for letter, expected in zip("qkv", attention, strict=True):
        assert np.array_equal(new[f"model.layers.0.self_attn.{letter}_proj.weight"], expected)
    assert np.array_equal(new["model.layers.0.mlp.up_proj.weight"], TENSORS["transformer.h.0.mlp.w1.weight"])
    assert np.array_equal(new["model.layers.0.mlp.gate_proj.weight"], TENSORS["transformer.h.0.mlp.w2.weight"])
    assert len(new) == len(TENSORS) - 1 + 4, "c_attn's weight and bias became six, inv_freq none"


def test_the_tokenizer_merges_by_rank_and_ends_with_the_control_tokens(source: Path, tmp_path: Path) -> None:
    qwen1.convert(source, tmp_path / "out")
    tokenizer = Tokenizer.from_file(str(tmp_path / "out" / "tokenizer.json"))
    assert tokenizer.encode("hello w你<|im_end|>").ids == [259, 260, 262, 265]
    assert tokenizer.decode([259, 260, 262]) == "hello w你"
    assert tokenizer.encode("<|extra_204|>").ids == [263 + 207]
    generation = json.loads((tmp_path / "out" / "generation_config.json").read_text())
    assert generation == {"eos_token_id": 265, "pad_token_id": 263}


def test_refuses_a_strange_tensor_and_a_damaged_vocabulary(source: Path, tmp_path: Path) -> None:
    (source / "qwen.tiktoken").write_text("aGVsbG8= 0")
    with pytest.raises(QwenError, match="cannot be built"):
        qwen1.convert(source, tmp_path / "a")
    (source / "qwen.tiktoken").write_text("aA== 1")
    with pytest.raises(QwenError, match="ranks are missing"):
        qwen1.convert(source, tmp_path / "b")
    with pytest.raises(QwenError, match="is not part of"):
        list(qwen1.pieces("transformer.h.0.evil", {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}))


@pytest.mark.django_db
def test_a_downloaded_first_generation_model_is_converted(
    source: Path, tmp_path: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "LUTHIER_HOME", tmp_path / "home")
    hub.files = {path.name: path.read_bytes() for path in source.iterdir()}
    services.sync_catalogue()
    base = services.get_model("qwen-14b-chat")
    base.sources = [{"kind": "huggingface", "repo": "owner/tiny", "revision": "main"}]
    base.licence_accepted_at = timezone.now()
    base.save()
    base = services.fetch_model(base=base)

    assert json.loads((base.path / "config.json").read_bytes())["model_type"] == "qwen2"
    assert (base.path / "tokenizer.json").exists()
    assert not list(base.path.glob("*.tiktoken"))
    assert base.sha256 == identity(base.path)
