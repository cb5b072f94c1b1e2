"""RMSNorm in fewer passes: the same numbers, and only for norms that are RMSNorm."""

from typing import Any

import torch
from transformers import AutoModelForCausalLM, Gemma2Config, Gemma2ForCausalLM

from trainer.fused_norm import fuse_norms


def output_and_gradient(norm: Any, x: torch.Tensor, grad: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    given = x.clone().requires_grad_()
    out = norm(given)
    out.backward(grad)
    assert given.grad is not None
    return out.detach(), given.grad


def test_it_is_what_transformers_computes(base_folder: Any) -> None:
    causal = AutoModelForCausalLM.from_pretrained(base_folder).requires_grad_(False).train()
    norm = causal.model.norm
    norm.weight.uniform_(0.5, 2.0)
    draw = torch.Generator().manual_seed(1)
    x, grad = (torch.randn((2, 7, len(norm.weight)), generator=draw) for _ in range(2))
    plain = output_and_gradient(norm, 30 * x, grad)
    assert fuse_norms(causal) == 2 * len(causal.model.layers) + 1
    fused = output_and_gradient(norm, 30 * x, grad)
    assert norm.forward.func.__name__ == "_forward"
    for found, expected in zip(fused, plain, strict=True):
        assert float((found - expected).norm() / expected.norm()) < 1e-6
    causal.eval()
    assert torch.equal(norm(x), type(norm).forward(norm, x))


def test_other_norms_and_learned_weights_are_left_alone(base_folder: Any) -> None:
    assert fuse_norms(AutoModelForCausalLM.from_pretrained(base_folder)) == 0
    config = Gemma2Config(
        vocab_size=320, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=16,
    )  # fmt: skip
    with_one_added = Gemma2ForCausalLM(config).requires_grad_(False)
    with_one_added.model.norm.weight.fill_(0.3)
    assert with_one_added.model.norm.eps > 0
    fuse_norms(with_one_added)
    assert "forward" not in vars(with_one_added.model.norm)
    assert fuse_norms(torch.nn.Sequential(torch.nn.LayerNorm(8, eps=1e-5)).requires_grad_(False)) == 0
