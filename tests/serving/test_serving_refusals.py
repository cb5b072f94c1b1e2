"""Why a model or an adapter is refused is said by its name: no folder of the machine, no words of a library."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from serving.faults import AdapterRefused, ServingFault
from serving.model import load_model
from tests.serving.conftest import Serving

GARBAGE = b"\xff" * 64


def load(folder: Path) -> Any:
    return load_model(folder, dtype=torch.float32, device=torch.device("cpu"), max_slots=1, max_model_len=64)


@pytest.fixture(scope="module")
def running(start: Any, base_folder: Path) -> Serving:
    return start(base_folder)


@pytest.fixture
def model(base_folder: Path, tmp_path: Path) -> Path:
    """A copy of the base that a test may spoil."""
    return Path(shutil.copytree(base_folder, tmp_path / "mine"))


@pytest.mark.parametrize("content", [None, GARBAGE, b"[]"], ids=["gone", "garbage", "list"])
@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_model(model: Path, name: str, content: bytes | None) -> None:
    (model / name).unlink() if content is None else (model / name).write_bytes(content)
    with pytest.raises(ServingFault) as caught:
        load(model)
    assert str(model) not in str(caught.value.message)
    assert "rror" not in str(caught.value.message)
    assert "mine" in str(caught.value.message)


@pytest.mark.parametrize("content", [None, GARBAGE, b"[]"], ids=["gone", "garbage", "list"])
@pytest.mark.parametrize(
    "name",
    [
        "adapter_config.json",
        "adapter_model.safetensors",
        "probe/probe.json",
        "probe/logits.safetensors",
        "tokenizer.json",
        "chat_template.jinja",
    ],
)
def test_an_adapter(running: Serving, copied: Path, name: str, content: bytes | None) -> None:
    (copied / name).unlink() if content is None else (copied / name).write_bytes(content)
    with pytest.raises(AdapterRefused) as caught:
        running.replica.add("tried", str(copied))
    assert str(copied.parent) not in str(caught.value)
    assert "rror" not in str(caught.value)


def test_a_name_that_is_taken(running: Serving, adapters: dict[str, Path], copied: Path) -> None:
    running.replica.add("taken", str(adapters["red"]))
    reply = running.client.post("/adapters", json={"name": "taken", "path": str(copied)})
    assert reply.status_code == 409
    assert "answers for red." in reply.json()["error"]["message"]


def test_an_adapter_without_probes_unless_it_is_a_checkpoint(running: Serving, copied: Path) -> None:
    (copied / "probe" / "probe.json").unlink()
    body = {"name": "step", "path": str(copied)}
    assert running.client.post("/adapters", json=body).status_code == 422
    assert running.client.post("/adapters", json={**body, "has_probes": "no"}).status_code == 400
    assert running.client.post("/adapters", json={**body, "has_probes": False}).status_code == 200
    assert running.replica.get("step").path == str(copied)
