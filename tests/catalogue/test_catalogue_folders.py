"""Which folders are models."""

import hashlib
import json
import struct
from pathlib import Path

import pytest

from catalogue.folders import FolderError, count_parameters, facts, identity, inspect, needs_conversion
from tests.catalogue.conftest import CONFIG, WEIGHTS


def write_header(folder: Path, header: bytes, body: bytes = b"", length: int | None = None) -> None:
    size = len(header) if length is None else length
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", size) + header + body)


def entry(shape: list[int], first: int, last: int, dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [first, last]}


def test_accepts_a_whole_folder(model_folder: Path) -> None:
    about = facts(inspect(model_folder), model_folder)
    assert about["hidden_size"] == 8
    assert about["context_length"] == 64
    assert about["parameters"] == count_parameters(model_folder) == 4096 * 64 + 8
    assert identity(model_folder) == hashlib.sha256(WEIGHTS).hexdigest()


def test_identity_of_several_files_is_that_of_their_list(model_folder: Path) -> None:
    (model_folder / "b.safetensors").write_bytes(b"second")
    sums = f"{hashlib.sha256(b'second').hexdigest()}  b.safetensors\n"
    sums += f"{hashlib.sha256(WEIGHTS).hexdigest()}  model.safetensors\n"
    assert identity(model_folder) == hashlib.sha256(sums.encode()).hexdigest()


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.ckpt"])
def test_refuses_pickles(model_folder: Path, name: str) -> None:
    (model_folder / "model.safetensors").rename(model_folder / name)
    with pytest.raises(FolderError, match=rf"only {name}, a pickle, which could run code"):
        inspect(model_folder)


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("asks", [{"auto_map": {"AutoModel": "x.Y"}}, {"trust_remote_code": True}])
def test_refuses_code_of_the_models_own(model_folder: Path, file: str, asks: dict[str, object]) -> None:
    (model_folder / file).write_text(json.dumps(CONFIG | asks))
    with pytest.raises(FolderError, match="not allowed here"):
        inspect(model_folder)


def test_first_generation_qwen_needs_no_code(model_folder: Path) -> None:
    (model_folder / "config.json").write_text(
        json.dumps(CONFIG | {"model_type": "qwen", "seq_length": 32, "auto_map": {"AutoModel": "x.Y"}})
    )
    (model_folder / "tokenizer.json").unlink()
    (model_folder / "qwen.tiktoken").write_text("")
    config = inspect(model_folder)
    assert needs_conversion(config)
    assert facts(config, model_folder)["context_length"] == 32


def test_needs_a_tokenizer(model_folder: Path) -> None:
    (model_folder / "tokenizer.json").unlink()
    with pytest.raises(FolderError, match=r"no tokenizer\.json"):
        inspect(model_folder)


def test_needs_every_file_of_the_index(model_folder: Path) -> None:
    index = {"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}
    (model_folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(FolderError, match=r"model-2\.safetensors is missing"):
        inspect(model_folder)


@pytest.mark.parametrize(
    "config", ["", "[]", "{", '{"a": 1}', "[" * 100_000], ids=["empty", "list", "cut", "no", "deep"]
)
def test_refuses_a_broken_config(model_folder: Path, config: str) -> None:
    (model_folder / "config.json").write_text(config)
    with pytest.raises(FolderError):
        inspect(model_folder)


@pytest.mark.parametrize(
    "header",
    [
        {"a": entry([2], 0, 4)},
        {"a": entry([1], 0, 4), "b": entry([1], 0, 4)},
        {"a": entry([1], 4, 8)},
        {"a": entry([-1], 0, -4)},
        {"a": entry([1], 0, 4, "EVIL")},
        {"a": entry([10**18], 0, 4 * 10**18)},
        {"a": {"dtype": "F32"}},
        {"a": 7},
        [],
    ],
    ids=["size", "overlap", "gap", "negative", "type", "huge", "keys", "number", "list"],
)
def test_refuses_a_malformed_header(model_folder: Path, header: object) -> None:
    write_header(model_folder, json.dumps(header).encode(), bytes(4))
    with pytest.raises(FolderError, match="not a complete safetensors file"):
        inspect(model_folder)


@pytest.mark.parametrize("length", [0, 1, 2**63, 10**9])
def test_refuses_a_header_of_impossible_length(model_folder: Path, length: int) -> None:
    write_header(model_folder, b"{}", length=length)
    with pytest.raises(FolderError, match="its header claims"):
        inspect(model_folder)


def test_refuses_a_file_cut_short(model_folder: Path) -> None:
    (model_folder / "model.safetensors").write_bytes(WEIGHTS[:-1])
    with pytest.raises(FolderError, match="bytes of weights where its header says"):
        inspect(model_folder)
