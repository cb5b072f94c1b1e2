"""First-generation Qwen as a Qwen2 folder, without a line of the model's own code; `layouts.qwen1` says what is what.

Weights are copied as bytes, shard by shard, so neither their dtype nor the size of memory matters.
"""

import base64
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from layouts.messages import message
from layouts.qwen1 import QwenError, new_names, settings

COPY_BYTES = 16 << 20
SPLIT_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CONTROL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", *(f"<|extra_{number}|>" for number in range(205)))
"""In the order of their ids, which follow the ordinary tokens'."""


def convert(source: Path, folder: Path) -> None:
    """Write the model in `source` to `folder` as config.json, safetensors shards and tokenizer of Qwen2."""
    folder.mkdir(parents=True, exist_ok=True)
    old = json.loads((source / "config.json").read_bytes())
    _write_json(folder / "config.json", settings(old) | {"dtype": "bfloat16"})
    ordinary = read_ranks(source / "qwen.tiktoken")
    _write_json(folder / "tokenizer.json", tokenizer(ordinary), indent=None)
    end = "<|im_end|>" if _is_chat(source) else "<|endoftext|>"
    ids = {token: len(ordinary) + number for number, token in enumerate(CONTROL_TOKENS)}
    _write_json(folder / "tokenizer_config.json", tokenizer_settings(old, end))
    _write_json(folder / "generation_config.json", {"eos_token_id": ids[end], "pad_token_id": ids["<|endoftext|>"]})
    places: dict[str, str] = {}
    for shard in sorted(source.glob("*.safetensors")):
        places |= dict.fromkeys(convert_shard(shard, folder / shard.name), shard.name)
    if len(set(places.values())) > 1:
        _write_json(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": places})


def convert_shard(source: Path, target: Path) -> list[str]:
    """Copy one safetensors file under Qwen2's names and return them."""
    with source.open("rb") as reader:
        length = struct.unpack("<Q", reader.read(8))[0]
        old = json.loads(reader.read(length))
        old.pop("__metadata__", None)
        plan = [piece for name in old for piece in pieces(name, old[name])]
        entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
        offset = 0
        for name, about, _, size in plan:
            entries[name] = about | {"data_offsets": [offset, offset + size]}
            offset += size
        header = json.dumps(entries, separators=(",", ":")).encode()
        header += b" " * (-len(header) % 8)
        with target.open("wb") as writer:
            writer.write(struct.pack("<Q", len(header)) + header)
            for _, _, first, size in plan:
                reader.seek(8 + length + first)
                _copy(reader, writer, size)
    return [name for name, _, _, _ in plan]


def pieces(name: str, entry: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], int, int]]:
    """Yield (Qwen2 name, dtype and shape, first byte, bytes) of what becomes of a tensor; `c_attn` becomes three."""
    first, last = entry["data_offsets"]
    names = new_names(name)
    if not names:
        return
    size = (last - first) // len(names)
    about = {"dtype": entry["dtype"], "shape": [entry["shape"][0] // len(names), *entry["shape"][1:]]}
    for number, new in enumerate(names):
        yield new, about, first + number * size, size


def read_ranks(path: Path) -> list[bytes]:
    """Return the tokens of a tiktoken file in the order of their ranks: a line "<base64> <rank>" each."""
    ranks = {}
    for line in path.read_bytes().splitlines():
        if line:
            token, rank = line.split()
            ranks[int(rank)] = base64.b64decode(token)
    if sorted(ranks) != list(range(len(ranks))):
        raise QwenError(message("qwen_ranks_missing", file=path.name))
    return [ranks[rank] for rank in range(len(ranks))]


def tokenizer(tokens: list[bytes]) -> dict[str, Any]:
    """Return a tokenizer.json that gives the ids of Qwen's tiktoken vocabulary."""
    ranks = {token: rank for rank, token in enumerate(tokens)}
    letters = byte_letters()
    spell = {token: "".join(letters[byte] for byte in token) for token in tokens}
    merges = [pair for token in tokens if (pair := last_merge(token, ranks)) is not None]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    split = {"type": "Split", "pattern": {"Regex": SPLIT_PATTERN}, "behavior": "Isolated", "invert": False}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": len(tokens) + number, "content": token, **flags} for number, token in enumerate(CONTROL_TOKENS)
        ],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, byte_level]},
        "post_processor": byte_level,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {spell[token]: rank for token, rank in ranks.items()},
            "merges": [[spell[left], spell[right]] for left, right in merges],
        },
    }


def last_merge(token: bytes, ranks: dict[bytes, int]) -> tuple[bytes, bytes] | None:
    """Return the two tokens that were merged last into `token`; None for a single byte.

    tiktoken keeps no merges: they are found by encoding each token with the tokens of lower rank alone.
    """
    parts = [token[place : place + 1] for place in range(len(token))]
    while len(parts) > 2:
        found = [(ranks.get(parts[i] + parts[i + 1], len(ranks)), i) for i in range(len(parts) - 1)]
        rank, place = min(found)
        if rank >= ranks[token]:
            raise QwenError(message("qwen_token_not_built", token=repr(token)))
        parts[place : place + 2] = [parts[place] + parts[place + 1]]
    return (parts[0], parts[1]) if len(parts) == 2 else None


def byte_letters() -> list[str]:
    """Return the printable letter that represents each byte in byte-level BPE, as in GPT-2."""
    plain = {*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


def tokenizer_settings(old: dict[str, Any], end: str) -> dict[str, Any]:
    """Return tokenizer_config.json."""
    return {
        "clean_up_tokenization_spaces": False,
        "eos_token": end,
        "model_max_length": old.get("seq_length", 2048),
        "pad_token": "<|endoftext|>",
        "tokenizer_class": "PreTrainedTokenizerFast",
    }


def _copy(reader: BinaryIO, writer: BinaryIO, size: int) -> None:
    while size > 0:
        chunk = reader.read(min(size, COPY_BYTES))
        if not chunk:
            raise QwenError(message("qwen_weights_cut_short"))
        writer.write(chunk)
        size -= len(chunk)


def _is_chat(source: Path) -> bool:
    """The chat models say "chatml" in their generation_config.json, the base models "raw"."""
    path = source / "generation_config.json"
    return path.exists() and json.loads(path.read_bytes()).get("chat_format") == "chatml"


def _write_json(path: Path, value: object, *, indent: int | None = 2) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=indent), encoding="utf-8")
