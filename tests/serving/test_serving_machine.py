"""What a replica does on a machine that lacks something."""

import logging
from pathlib import Path

import pytest
import torch
from torch import nn

from machine.facts import WITHOUT
from serving.model import choose_dtype, load_model
from serving.packed import PackedLinear, pack_linears


def layers() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(32, 16), nn.Linear(16, 8, bias=False)).eval()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_without_layouts_layers_stay_as_they_are_and_one_line_says_so(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(WITHOUT, "onednn_float32,onednn_bfloat16")
    model = layers().to(dtype)
    with caplog.at_level(logging.INFO, logger="serving"):
        pack_linears(model, dtype)
    assert not any(isinstance(layer, PackedLinear) for layer in model)
    assert len(caplog.messages) == 1
    assert "PyTorch's own products, which are slower" in caplog.messages[0]


def test_a_model_loads_without_anything(base_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WITHOUT, "all")
    for dtype in (torch.float32, torch.bfloat16):
        loaded = load_model(
            base_folder, dtype=dtype, device=torch.device("cpu"), max_slots=2, max_model_len=64
        )  # which compares its logits with Transformers'
        assert loaded.dtype == dtype


def test_auto_is_never_bfloat16_without_units(base_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.model._num_weights", lambda folder: 10**15)
    monkeypatch.setenv(WITHOUT, "bf16_units")
    assert choose_dtype("auto", torch.device("cpu"), base_folder) == torch.float32
