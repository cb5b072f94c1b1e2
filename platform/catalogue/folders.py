"""Model folders: what may be in them, what must be, and the identity of their weights. Nothing in them is ever run."""

import hashlib
import json
import math
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from common.errors import UserError
from rundir import sha256_of_file

MAX_HEADER_BYTES = 100 * 2**20
"""The safetensors library's own limit."""
MAX_CONFIG_BYTES = 10 * 2**20
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
OWN_CODE_HANDLED = ("qwen",)
"""Families whose repositories name code of their own, which is not needed: they are converted."""
_ITEM_BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2,
    "I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8,
}  # fmt: skip


class FolderError(UserError):
    """A model folder that cannot be used, with the reason."""

    def __init__(self, message: str, *, code: str = "bad_model_folder") -> None:
        super().__init__(message, code=code, param="path")


def inspect(folder: Path) -> dict[str, Any]:
    """Check a whole model folder and return its config.json; raise FolderError with what is wrong and what to do."""
    config = read_config(folder)
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        found = sorted(p.name for p in folder.iterdir() if p.suffix in PICKLES)
        reason = f"only {found[0]}, a pickle, which could run code when loaded" if found else "none"
        raise FolderError(
            f"{folder.name} must hold its weights as *.safetensors files, and there is {reason}. "
            "Convert the model to safetensors first.",
            code="no_safetensors",
        )
    for path in weights:
        check_safetensors(path)
    _check_index(folder, {path.name for path in weights})
    _require_tokenizer(folder, config)
    return config


def needs_conversion(config: dict[str, Any]) -> bool:
    """True for a model that no library reads without code of the model's own, and that `catalogue.conversion` does."""
    return config["model_type"] in OWN_CODE_HANDLED


def read_config(folder: Path) -> dict[str, Any]:
    """Return config.json; raise FolderError when it is missing, no object, or asks for code of the model's own."""
    config = _read_object(folder / "config.json")
    if not isinstance(config.get("model_type"), str):
        raise FolderError(f"config.json in {folder.name} names no model_type. Give the folder of a whole model.")
    for name in ("config.json", "tokenizer_config.json"):
        if (folder / name).exists():
            _refuse_own_code(folder, name, config["model_type"])
    return config


def weights_sha256(names_and_sums: Iterable[tuple[str, str]]) -> str:
    """Return the identity of a model's weights from (file name, SHA-256) pairs of its *.safetensors files.

    Of one file its SHA-256; of several that of their sorted list, a line "<sha256>  <name>" each, as sha256sum prints
    it. The trainer computes the same.
    """
    sums = sorted(names_and_sums)
    if len(sums) == 1:
        return sums[0][1]
    return hashlib.sha256("".join(f"{value}  {name}\n" for name, value in sums).encode()).hexdigest()


def identity(folder: Path) -> str:
    """Return `weights_sha256` of the files in `folder`; reads all of them."""
    return weights_sha256((path.name, sha256_of_file(path)) for path in folder.glob("*.safetensors"))


def check_safetensors(path: Path) -> None:
    """Check a file's header against its size, without reading a weight; raise FolderError.

    https://github.com/huggingface/safetensors#format
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= min(MAX_HEADER_BYTES, size - 8):
            raise _damaged(path, f"its header claims {length} bytes")
        try:
            header = json.loads(stream.read(length))
        except (ValueError, RecursionError):
            raise _damaged(path, "its header is no JSON") from None
    if not isinstance(header, dict):
        raise _damaged(path, "its header is no JSON object")
    header.pop("__metadata__", None)
    try:
        _check_offsets(header, size - 8 - length)
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, str(error)) from None


def _check_offsets(header: dict[str, Any], num_bytes: int) -> None:
    """Every tensor must have the size its shape says, and together they must fill the file without gap or overlap."""
    end = 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        first, last = entry["data_offsets"]
        shape = entry["shape"]
        if entry["dtype"] not in _ITEM_BYTES or any(type(n) is not int or n < 0 for n in [*shape, first, last]):
            raise ValueError(f"the tensor {name[:80]} has an unknown type or shape")
        if first != end or last - first != math.prod(shape) * _ITEM_BYTES[entry["dtype"]]:
            raise ValueError(f"the tensor {name[:80]} does not lie where its shape says")
        end = last
    if end != num_bytes:
        raise ValueError(f"it holds {num_bytes} bytes of weights where its header says {end}")


def _check_index(folder: Path, present: set[str]) -> None:
    path = folder / "model.safetensors.index.json"
    if not path.exists():
        return
    files = _read_object(path).get("weight_map")
    if not isinstance(files, dict):
        raise FolderError(f"{path.name} in {folder.name} has no weight_map. Copy the model again.")
    if missing := sorted(set(map(str, files.values())) - present):
        raise FolderError(f"{missing[0]} is missing from {folder.name}. Copy the whole model.")


def _require_tokenizer(folder: Path, config: dict[str, Any]) -> None:
    if (folder / "tokenizer.json").exists():
        return
    if config["model_type"] in OWN_CODE_HANDLED and (folder / "qwen.tiktoken").exists():
        return
    raise FolderError(f"{folder.name} has no tokenizer.json. Copy it from the model's repository.", code="no_tokenizer")


def _refuse_own_code(folder: Path, name: str, family: str) -> None:
    content = _read_object(folder / name)
    asks = next((key for key in ("auto_map", "trust_remote_code") if content.get(key)), None)
    if asks and family not in OWN_CODE_HANDLED:
        raise FolderError(
            f"{name} in {folder.name} has {asks}: the model wants to run code from its folder, which is never done "
            "here. Choose a model of an architecture that Transformers knows.",
            code="own_code",
        )


def _read_object(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES and "index" not in path.name:
            raise FolderError(f"{path.name} in {path.parent.name} is too large to be true.")
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise FolderError(f"{path.parent.name} has no {path.name}. Give the folder of a whole model.") from None
    except (OSError, ValueError, RecursionError):
        raise FolderError(f"{path.name} in {path.parent.name} cannot be read. Copy the model again.") from None
    if not isinstance(content, dict):
        raise FolderError(f"{path.name} in {path.parent.name} is no JSON object. Copy the model again.")
    return content


def _damaged(path: Path, reason: str) -> FolderError:
    return FolderError(f"{path.name} is no whole safetensors file: {reason}. Copy it again.", code="bad_safetensors")


def facts(config: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return what a BaseModel row tells about a folder's model, from its config and the size of its weights."""
    return {
        "family": config["model_type"],
        "parameters": count_parameters(folder),
        "context_length": _number(config, "seq_length", "max_position_embeddings", "n_positions"),
        "hidden_size": _number(config, "hidden_size", "n_embd"),
        "num_layers": _number(config, "num_hidden_layers", "n_layer"),
        "vocab_size": _number(config, "vocab_size"),
        "template": "own",
    }


def count_parameters(folder: Path) -> int:
    """Return the number of weights in all checked safetensors headers."""
    total = 0
    for path in folder.glob("*.safetensors"):
        with path.open("rb") as stream:
            header = json.loads(stream.read(struct.unpack("<Q", stream.read(8))[0]))
        total += sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")
    return total


def _number(config: dict[str, Any], *names: str) -> int:
    """Return the first of `names` that config.json has, in its text part if it has one."""
    for place in (config, config.get("text_config") or {}):
        for name in names:
            if isinstance(place.get(name), int):
                return int(place[name])
    raise FolderError(f"config.json says no {names[-1]}. Give the folder of a language model.")
