"""RMSNorm and SwiGLU in one pass each: the same numbers, and only for modules that are these."""

from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, Gemma2Config, Gemma2ForCausalLM

from machine.answers import can, why_not
from machine.facts import WITHOUT, Ability
from trainer.fused_passes import fuse_passes

needs_both = pytest.mark.skipif(
    not (can(Ability.NATIVE_RMS_NORM) and can(Ability.NATIVE_SWIGLU)),
    reason=why_not(Ability.NATIVE_RMS_NORM) or why_not(Ability.NATIVE_SWIGLU),
)


def output_and_gradient(norm: Any, x: torch.Tensor, grad: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    given = x.clone().requires_grad_()
    out = norm(given)
    out.backward(grad)
    assert given.grad is not None
    return out.detach(), given.grad


@needs_both
@pytest.mark.parametrize("kind", ["norm", "mlp"])
def test_it_is_what_transformers_computes(base_folder: Any, kind: str) -> None:
    causal = AutoModelForCausalLM.from_pretrained(base_folder).requires_grad_(False).train()
    module = causal.model.norm if kind == "norm" else causal.model.layers[0].mlp
    if kind == "norm":
        module.weight.uniform_(0.5, 2.0)
    draw = torch.Generator().manual_seed(1)
    x, grad = (torch.randn((2, 7, causal.config.hidden_size), generator=draw) for _ in range(2))
    plain = output_and_gradient(module, 30 * x, grad)
    assert fuse_passes(causal) == 3 * len(causal.model.layers) + 1
    fused = output_and_gradient(module, 30 * x, grad)
    assert module.forward.func.__name__ == "_forward"
    for found, expected in zip(fused, plain, strict=True):
        assert float((found - expected).norm() / expected.norm()) < 1e-6
    causal.eval()
    assert torch.equal(module(x), type(module).forward(module, x))


@needs_both
def test_gates_of_another_kind_are_left_alone(base_folder: Any) -> None:
    causal = AutoModelForCausalLM.from_pretrained(base_folder).requires_grad_(False)
    causal.model.layers[0].mlp.act_fn = torch.nn.GELU()
    assert fuse_passes(causal) == 3 * len(causal.model.layers)


def test_without_a_compiler_all_is_left_alone(base_folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WITHOUT, "compiler")
    assert fuse_passes(AutoModelForCausalLM.from_pretrained(base_folder).requires_grad_(False)) == 0


@needs_both
def test_other_norms_and_learned_weights_are_left_alone(base_folder: Any) -> None:
    causal = AutoModelForCausalLM.from_pretrained(base_folder)
    assert fuse_passes(causal) == len(causal.model.layers)
    assert "forward" not in vars(causal.model.norm)
    config = Gemma2Config(
        vocab_size=320, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=16,
    )  # fmt: skip
    with_one_added = Gemma2ForCausalLM(config).requires_grad_(False)
    with_one_added.model.norm.weight.fill_(0.3)
    assert with_one_added.model.norm.eps > 0
    fuse_passes(with_one_added)
    assert "forward" not in vars(with_one_added.model.norm)
    assert fuse_passes(torch.nn.Sequential(torch.nn.LayerNorm(32, eps=1e-5)).requires_grad_(False)) == 0


@pytest.mark.skipif(not can(Ability.LIGER), reason=why_not(Ability.LIGER))
@pytest.mark.parametrize("kind", ["norm", "mlp"])
def test_on_gpus_ligers_functions_are_what_transformers_computes(base_folder: Any, kind: str) -> None:
    causal = (
        AutoModelForCausalLM.from_pretrained(base_folder, dtype=torch.bfloat16).requires_grad_(False).train().cuda()
    )
    module = causal.model.norm if kind == "norm" else causal.model.layers[0].mlp
    x, grad = (torch.randn((2, 7, causal.config.hidden_size), dtype=torch.bfloat16, device="cuda") for _ in range(2))
    plain = output_and_gradient(module, x, grad)
    assert fuse_passes(causal) == 3 * len(causal.model.layers) + 1
    for found, expected in zip(output_and_gradient(module, x, grad), plain, strict=True):
        assert float((found - expected).norm() / expected.norm()) < 1e-2
