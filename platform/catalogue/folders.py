"""Model folders: what may be in them, what must be, and the identity of their weights. Nothing in them is ever run."""

import hashlib
import json
import math
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypedDict

from catalogue.messages import message
from common.errors import UserError
from rundir import sha256_of_file
from wording import Message, as_written

MAX_HEADER_BYTES = 100 * 2**20
"""The safetensors library's own limit."""
MAX_CONFIG_BYTES = 10 * 2**20
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
OWN_CODE_HANDLED = ("qwen",)
"""Families whose repositories name their own code, which is not needed: they are converted."""
_ITEM_BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2,
    "I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8,
}  # fmt: skip


class FolderError(UserError):
    """A model folder that cannot be used, with the reason."""

    def __init__(self, message: Message, *, code: str = "bad_model_folder") -> None:
        super().__init__(message, code=code, param="path")


def inspect(folder: Path) -> dict[str, Any]:
    """Check a whole model folder and return its config.json; raise FolderError with what is wrong and what to do."""
    config = read_config(folder)
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        found = sorted(p.name for p in folder.iterdir() if p.suffix in PICKLES)
        there = message("only_pickle", file=found[0]) if found else message("no_weights")
        raise FolderError(message("folder_without_safetensors", folder=folder.name, found=there), code="no_safetensors")
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
        raise FolderError(message("no_model_type", folder=folder.name))
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
            raise _damaged(path, message("header_too_long", bytes=length))
        try:
            header = json.loads(stream.read(length))
        except (ValueError, RecursionError):
            raise _damaged(path, message("header_no_json")) from None
    if not isinstance(header, dict):
        raise _damaged(path, message("header_no_object"))
    header.pop("__metadata__", None)
    try:
        wrong = _wrong_offsets(header, size - 8 - length)
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, as_written(error)) from None
    if wrong is not None:
        raise _damaged(path, wrong)


def _wrong_offsets(header: dict[str, Any], num_bytes: int) -> Message | None:
    """Every tensor must have the size its shape says, and together they must fill the file without gap or overlap."""
    end = 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        first, last = entry["data_offsets"]
        shape = entry["shape"]
        if entry["dtype"] not in _ITEM_BYTES or any(type(n) is not int or n < 0 for n in [*shape, first, last]):
            return message("tensor_unknown", tensor=name[:80])
        if first != end or last - first != math.prod(shape) * _ITEM_BYTES[entry["dtype"]]:
            return message("tensor_misplaced", tensor=name[:80])
        end = last
    return message("weights_too_many", bytes=num_bytes, said=end) if end != num_bytes else None


def _check_index(folder: Path, present: set[str]) -> None:
    path = folder / "model.safetensors.index.json"
    if not path.exists():
        return
    files = _read_object(path).get("weight_map")
    if not isinstance(files, dict):
        raise FolderError(message("no_weight_map", file=path.name, folder=folder.name))
    if missing := sorted(set(map(str, files.values())) - present):
        raise FolderError(message("weights_file_missing", file=missing[0], folder=folder.name))


def _require_tokenizer(folder: Path, config: dict[str, Any]) -> None:
    if (folder / "tokenizer.json").exists():
        return
    if config["model_type"] in OWN_CODE_HANDLED and (folder / "qwen.tiktoken").exists():
        return
    raise FolderError(message("no_tokenizer", folder=folder.name), code="no_tokenizer")


def _refuse_own_code(folder: Path, name: str, family: str) -> None:
    content = _read_object(folder / name)
    asks = next((key for key in ("auto_map", "trust_remote_code") if content.get(key)), None)
    if asks and family not in OWN_CODE_HANDLED:
        raise FolderError(message("own_code", file=name, folder=folder.name, key=asks), code="own_code")


def _read_object(path: Path) -> dict[str, Any]:
    named = {"file": path.name, "folder": path.parent.name}
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES and "index" not in path.name:
            raise FolderError(message("model_file_too_large", **named))
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise FolderError(message("model_file_missing", **named)) from None
    except (OSError, ValueError, RecursionError):
        raise FolderError(message("model_file_unreadable", **named)) from None
    if not isinstance(content, dict):
        raise FolderError(message("model_file_no_object", **named))
    return content


def _damaged(path: Path, reason: Message) -> FolderError:
    return FolderError(message("bad_safetensors", file=path.name, reason=reason), code="bad_safetensors")


class Facts(TypedDict):
    """What a BaseModel row says about a folder's model."""

    family: str
    parameters: int
    context_length: int
    hidden_size: int
    num_layers: int
    vocab_size: int
    template: str


def facts(config: dict[str, Any], folder: Path) -> Facts:
    """Return what a row says about a folder's model, from its config and the size of its weights."""
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
    raise FolderError(message("config_lacks", name=names[-1]))
