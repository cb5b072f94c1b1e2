"""The same-answer check: the right adapter passes, everything else is refused with its own reason."""

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from tests.serving.conftest import TEMPLATE, Serving, make_adapter


@pytest.fixture(scope="module")
def running(start: Any, base_folder: Path) -> Serving:
    return start(base_folder)


def refusal(running: Serving, path: Path, *, passed_to_gate: bool = True) -> str:
    """Post an adapter that must be refused; return the reason."""
    response = running.client.post("/adapters", json={"name": "tried", "path": str(path)})
    assert response.status_code == 422, response.text
    assert "tried" not in running.client.get("/health").json()["models"]
    assert running.ask(model="tried").status_code == 404
    told = running.events("gate")[-1]
    assert (told["model"], told["passed"]) == ("tried", False)
    assert (told["tolerance"] is not None) is passed_to_gate
    return str(response.json()["error"]["message"])


class TestPasses:
    def test_the_right_adapter(self, running: Serving, adapters: dict[str, Path]) -> None:
        body = {"name": "ft:base:team:x:1/2", "path": str(adapters["red"])}
        assert running.client.post("/adapters", json=body).json()["status"] == "ready"
        told = running.events("gate")[-1]
        assert told["passed"]
        assert told["max_difference"] < 0.001 < told["tolerance"] < told["base_difference"]
        number = running.replica.get(body["name"]).adapter
        assert running.client.post("/adapters", json=body).status_code == 200
        assert running.replica.get(body["name"]).adapter == number, "the same again loads nothing"
        other = {**body, "path": str(adapters["blue"])}
        assert running.client.post("/adapters", json=other).status_code == 409
        assert running.client.delete(f"/adapters/{body['name']}").json()["deleted"]
        assert running.ask(model=body["name"]).status_code == 404
        assert running.events("released")[-1] == {"model": body["name"]}
        assert running.client.delete(f"/adapters/{body['name']}").status_code == 404
        assert running.client.delete("/adapters/base").status_code == 404


class TestFails:
    def test_an_adapter_of_zeros(self, running: Serving, base_folder: Path, tmp_path: Path) -> None:
        path = make_adapter(tmp_path, base_folder, seed=1, zero=True, r=4, target_modules="all-linear")
        assert "changes nothing" in refusal(running, path)

    def test_an_adapter_that_was_zeroed_later(self, running: Serving, copied: Path) -> None:
        weights = copied / "adapter_model.safetensors"
        save_file({name: tensor * 0 for name, tensor in load_file(weights).items()}, weights)
        assert "changes nothing" in refusal(running, copied)

    def test_another_base(self, start: Any, other_base_folder: Path, adapters: dict[str, Path]) -> None:
        assert "not the one that the model was trained on" in refusal(start(other_base_folder), adapters["red"])

    def test_another_adapters_weights(self, running: Serving, copied: Path, base_folder: Path, tmp_path: Path) -> None:
        other = make_adapter(tmp_path / "o", base_folder, seed=9, r=4, lora_alpha=8, target_modules="all-linear")
        save_file(load_file(other / "adapter_model.safetensors"), copied / "adapter_model.safetensors")
        assert "does not answer here as it did in training" in refusal(running, copied)

    def test_another_scale(self, running: Serving, copied: Path) -> None:
        config = json.loads((copied / "adapter_config.json").read_text())
        (copied / "adapter_config.json").write_text(json.dumps({**config, "lora_alpha": 7}))
        assert "does not answer here" in refusal(running, copied)

    def test_another_template(self, running: Serving, copied: Path) -> None:
        (copied / "chat_template.jinja").write_text("<|im_start|>system\nHidden<|im_end|>\n" + TEMPLATE)
        assert "template" in refusal(running, copied)

    def test_no_probes(self, running: Serving, copied: Path) -> None:
        (copied / "probe" / "logits.safetensors").unlink()
        assert "logits.safetensors" in refusal(running, copied, passed_to_gate=False)

    def test_not_a_number(self, running: Serving, copied: Path) -> None:
        weights = copied / "adapter_model.safetensors"
        save_file({name: tensor * float("nan") for name, tensor in load_file(weights).items()}, weights)
        refusal(running, copied)


class TestUnsupported:
    @pytest.mark.parametrize(
        ("change", "word"),
        [
            ({"use_dora": True}, "magnitude"),
            ({"bias": "all"}, "bias"),
            ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
            ({"peft_type": "IA3"}, "IA3"),
        ],
    )
    def test_is_refused_by_name(self, running: Serving, copied: Path, change: dict[str, Any], word: str) -> None:
        config = json.loads((copied / "adapter_config.json").read_text())
        (copied / "adapter_config.json").write_text(json.dumps({**config, **change}))
        assert word in refusal(running, copied, passed_to_gate=False)

    def test_a_pickle_is_never_opened(self, running: Serving, copied: Path) -> None:
        (copied / "adapter_model.safetensors").rename(copied / "adapter_model.bin")
        assert "adapter_model.safetensors" in refusal(running, copied, passed_to_gate=False)

    def test_damaged_weights(self, running: Serving, copied: Path) -> None:
        (copied / "adapter_model.safetensors").write_bytes(b"\x10" * 40)
        assert "damaged" in refusal(running, copied, passed_to_gate=False)

    def test_a_missing_folder(self, running: Serving, tmp_path: Path) -> None:
        assert "adapter_config.json" in refusal(running, tmp_path / "none", passed_to_gate=False)
