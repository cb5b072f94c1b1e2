"""GGUF → safetensors, on a tiny file written here by the format's own words."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from catalogue.conversion.__main__ import convert, main, to_bfloat16
from catalogue.conversion.gguf import GGUFError, GGUFFile
from catalogue.folders import inspect

HIDDEN, HEADS, VOCAB = 64, 2, 6
TOKENS = ["<|end|>", "a", "b", "ab", "1", "2"]
METADATA: dict[str, Any] = {
    "general.architecture": "llama",
    "llama.attention.head_count": HEADS,
    "llama.attention.head_count_kv": HEADS,
    "llama.attention.layer_norm_rms_epsilon": 1e-5,
    "llama.block_count": 1,
    "llama.context_length": 128,
    "llama.embedding_length": HIDDEN,
    "llama.feed_forward_length": HIDDEN,
    "llama.rope.freq_base": 10000.0,
    "tokenizer.chat_template": "{{ messages[0]['content'] }}",
    "tokenizer.ggml.bos_token_id": 0,
    "tokenizer.ggml.eos_token_id": 0,
    "tokenizer.ggml.merges": ["a b"],
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.padding_token_id": 0,
    "tokenizer.ggml.pre": "smollm",
    "tokenizer.ggml.token_type": [3, 1, 1, 1, 1, 1],
    "tokenizer.ggml.tokens": TOKENS,
    "tokenizer.ggml.unknown_token_id": 0,
}
RANDOM = np.random.default_rng(0)
QUERIES = RANDOM.standard_normal((HIDDEN, HIDDEN)).astype(np.float32)
NIBBLES = RANDOM.integers(0, 16, (HIDDEN, HIDDEN // 32, 32), dtype=np.uint8)
BYTES = RANDOM.integers(-127, 128, (VOCAB, HIDDEN // 32, 32), dtype=np.int8)


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def typed(value: Any) -> bytes:
    """Return a metadata value with its type's number."""
    if isinstance(value, str):
        return struct.pack("<I", 8) + text(value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    inner = typed(value[0])[:4]
    return struct.pack("<I", 9) + inner + struct.pack("<Q", len(value)) + b"".join(typed(item)[4:] for item in value)


def q4_1() -> bytes:
    """Scale 0.5, minimum -1; low nibbles are the first sixteen weights."""
    packed = NIBBLES[..., :16] | (NIBBLES[..., 16:] << 4)
    head = np.broadcast_to(np.array([0.5, -1], np.float16).view(np.uint8), (*packed.shape[:2], 4))
    return np.concatenate([head, packed], axis=-1).tobytes()


def q8_0() -> bytes:
    head = np.broadcast_to(np.array([0.25], np.float16).view(np.uint8), (*BYTES.shape[:2], 2))
    return np.concatenate([head, BYTES.view(np.uint8)], axis=-1).tobytes()


TENSORS = {
    "token_embd.weight": ((VOCAB, HIDDEN), 8, q8_0()),
    "output_norm.weight": ((HIDDEN,), 0, np.ones(HIDDEN, np.float32).tobytes()),
    "blk.0.attn_q.weight": ((HIDDEN, HIDDEN), 0, QUERIES.tobytes()),
    "blk.0.ffn_up.weight": ((HIDDEN, HIDDEN), 3, q4_1()),
}


def write(path: Path, *, metadata: dict[str, Any] = METADATA, tensors: dict[str, Any] = TENSORS) -> Path:
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    head += b"".join(text(key) + typed(value) for key, value in metadata.items())
    body = b""
    for name, (shape, kind, content) in tensors.items():
        head += text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape[::-1])
        head += struct.pack("<IQ", kind, len(body))
        body += content + bytes(-len(content) % 32)
    path.write_bytes(head + bytes(-len(head) % 32) + body)
    return path


def read(folder: Path, name: str) -> np.ndarray:
    """Return a bfloat16 tensor of model.safetensors as float32."""
    content = (folder / "model.safetensors").read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    entry = json.loads(content[8 : 8 + length])[name]
    first, last = (8 + length + offset for offset in entry["data_offsets"])
    halves = np.frombuffer(content[first:last], np.uint16).astype(np.uint32)
    return (halves << 16).view(np.float32).reshape(entry["shape"])


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gguf")
    convert(write(folder / "tiny.gguf"), folder / "model")
    return folder / "model"


def test_the_result_is_a_whole_model_folder(converted: Path) -> None:
    config = inspect(converted)
    assert (config["hidden_size"], config["head_dim"], config["tie_word_embeddings"]) == (64, 32, True)
    assert config["rope_theta"] == config["rope_parameters"]["rope_theta"] == 10000.0


def test_quantised_weights_have_their_values(converted: Path) -> None:
    up = NIBBLES.reshape(HIDDEN, HIDDEN).astype(np.float32) * 0.5 - 1
    assert np.array_equal(read(converted, "model.layers.0.mlp.up_proj.weight"), up)
    embeddings = BYTES.reshape(VOCAB, HIDDEN).astype(np.float32) * 0.25
    assert np.array_equal(read(converted, "model.embed_tokens.weight"), embeddings)


def test_heads_are_put_in_transformers_order(converted: Path) -> None:
    """GGUF has rows 0, 16, 1, 17, … of each head of 32 rows, since its rotary embedding turns neighbours."""
    expected = np.concatenate([np.concatenate([head[0::2], head[1::2]]) for head in np.split(QUERIES, HEADS)])
    got = read(converted, "model.layers.0.self_attn.q_proj.weight")
    assert np.allclose(got, expected, rtol=2**-8)
    assert not np.allclose(got, QUERIES, rtol=2**-8)


def test_the_tokenizer_splits_digits_and_knows_control_tokens(converted: Path) -> None:
    tokenizer = Tokenizer.from_file(str(converted / "tokenizer.json"))
    assert tokenizer.encode("ab12<|end|>").ids == [3, 4, 5, 0]
    assert (converted / "chat_template.jinja").read_text() == METADATA["tokenizer.chat_template"]


def test_bfloat16_rounds_to_the_nearest_and_ties_to_even() -> None:
    bits = np.array([0x3F808000, 0x3F818000, 0x3F808001, 0x3F807FFF], np.uint32)
    assert to_bfloat16(bits.view(np.float32)).tolist() == [0x3F80, 0x3F82, 0x3F81, 0x3F80]


@pytest.mark.parametrize("cut", [3, 20, 400, 3000])
def test_a_file_cut_short_is_said_in_a_sentence(tmp_path: Path, cut: int, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "tiny.gguf")
    path.write_bytes(path.read_bytes()[:cut])
    assert main([str(path), str(tmp_path / "model")]) == 1
    assert "cannot be converted" in capsys.readouterr().err


def test_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    strange = write(tmp_path / "a.gguf", tensors=TENSORS | {"blk.0.ssm.weight": ((32,), 0, bytes(128))})
    with pytest.raises(GGUFError, match="no place in a Llama model"):
        convert(strange, tmp_path / "a")
    with pytest.raises(GGUFError, match="only llama"):
        convert(write(tmp_path / "b.gguf", metadata=METADATA | {"general.architecture": "mamba"}), tmp_path / "b")
    unknown = write(tmp_path / "c.gguf", tensors=TENSORS | {"output.weight": ((VOCAB, HIDDEN), 12, bytes(999))})
    with pytest.raises(GGUFError, match="GGUF type 12"):
        GGUFFile(unknown).read("output.weight")
