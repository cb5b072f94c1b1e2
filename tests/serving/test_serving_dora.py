"""DoRA in the grouped product: PEFT's numbers for its own rows, and not a bit of change for all others."""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from torch import nn

from machine.answers import lays_out, why_not
from machine.facts import Ability
from serving.faults import AdapterRefused
from serving.lora import BASE, GroupedLora
from serving.packed import PackedLinear


class Layers(nn.Module):
    """One layer with a bias, one without."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Linear(16, 24)
        self.narrow = nn.Linear(24, 8, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.narrow(torch.tanh(self.wide(x)))
        return out


def layers() -> Layers:
    torch.manual_seed(0)
    return Layers().requires_grad_(False)


def trained(folder: Path, *, seed: int = 1, **options: Any) -> Any:
    """Save an adapter with random weights; return the PEFT model, asleep."""
    torch.manual_seed(seed)
    chosen = LoraConfig(r=4, lora_alpha=6, target_modules=["wide", "narrow"], **options)
    model = get_peft_model(layers(), chosen)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(weight, std=0.3)
        if "magnitude" in name:
            weight.data *= 0.5 + torch.rand_like(weight)
    model.save_pretrained(str(folder))
    return model.eval()


def grouped(model: nn.Module) -> GroupedLora:
    return GroupedLora(model, dtype=torch.float32, device=torch.device("cpu"))


@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.parametrize("use_rslora", [False, True])
@torch.inference_mode()
def test_each_row_gets_its_own_adapter_and_no_other(tmp_path: Path, is_packed: bool, use_rslora: bool) -> None:
    if is_packed and not lays_out(torch.float32):
        pytest.skip(why_not(Ability.ONEDNN_FLOAT32))
    with torch.inference_mode(False):
        dora = trained(tmp_path / "dora", use_dora=True, use_rslora=use_rslora)
        plain = trained(tmp_path / "plain", seed=2)
    base = layers()
    if is_packed:
        base.wide, base.narrow = PackedLinear(base.wide), PackedLinear(base.narrow)  # type: ignore[assignment]
    x = torch.randn(5, 7, 16)
    untouched = base(x)
    lora = grouped(base)
    numbers = {"dora": lora.add(tmp_path / "dora"), "plain": lora.add(tmp_path / "plain"), None: BASE}
    for names in (["dora", None, "plain", "dora", None], ["dora"] * 5, ["plain", "plain", None, None, "plain"]):
        lora.select([numbers[name] for name in names])
        found = base(x)
        for row, name in enumerate(names):
            if name is None:
                assert torch.equal(found[row], untouched[row])
            else:
                expected = (dora if name == "dora" else plain)(x[row])
                assert torch.allclose(found[row], expected, atol=1e-5), (names, row)
    lora.select([BASE] * 5)
    assert torch.equal(base(x), untouched)


def test_magnitudes_and_configuration_must_go_together(tmp_path: Path) -> None:
    trained(tmp_path / "dora", use_dora=True)
    trained(tmp_path / "plain")
    path = tmp_path / "dora" / "adapter_model.safetensors"
    tensors = load_file(path)
    save_file({name: tensor for name, tensor in tensors.items() if "magnitude" not in name}, path)
    with pytest.raises(AdapterRefused, match="magnitude_vector"):
        grouped(layers()).add(tmp_path / "dora")
    extra = {name: tensor for name, tensor in tensors.items() if "magnitude" in name}
    path = tmp_path / "plain" / "adapter_model.safetensors"
    save_file({**load_file(path), **extra}, path)
    with pytest.raises(AdapterRefused, match="configuration says A and B"):
        grouped(layers()).add(tmp_path / "plain")


def test_magnitudes_of_another_model_are_refused(tmp_path: Path) -> None:
    trained(tmp_path / "dora", use_dora=True)
    path = tmp_path / "dora" / "adapter_model.safetensors"
    tensors = load_file(path)
    save_file({name: t[:3].clone() if "magnitude" in name else t for name, t in tensors.items()}, path)
    with pytest.raises(AdapterRefused, match=r"(24|8) outputs"):
        grouped(layers()).add(tmp_path / "dora")
