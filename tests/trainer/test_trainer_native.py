"""Our own functions for processors: the numbers of PyTorch's, the same bits each time, and a way without a compiler."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch.nn import functional
from transformers import AutoModelForCausalLM

from machine.answers import can, why_not
from machine.facts import Ability
from trainer import native
from trainer.dense import LAID_OUT_BYTES, Dense, Layouts
from trainer.fused_lora import fuse, join_layers_of_one_input, products_of
from trainer.native import passes
from trainer.native.attention import attend_to_rows, takes


def needs(ability: Ability) -> Any:
    return pytest.mark.skipif(not can(ability), reason=why_not(ability))


CLOSE = {torch.float32: 1e-5, torch.bfloat16: 2e-2}


def drawn(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def assert_close(found: torch.Tensor, expected: torch.Tensor, tolerance: float = CLOSE[torch.float32]) -> None:
    assert found.shape == expected.shape
    assert float(((found - expected).norm() / expected.norm()).detach()) < tolerance


def heads(tokens: int, number: int, width: int, dtype: torch.dtype, seed: int) -> torch.Tensor:
    return drawn(1, tokens, number * width, dtype=dtype, seed=seed).view(1, tokens, number, width).transpose(1, 2)


def by_sdpa(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, lengths: tuple[int, ...], before: int
) -> torch.Tensor:
    found, start = [], 0
    for length in lengths:
        own = slice(before + start, before + start + length)
        keys, values = (torch.cat((side[:, :, :before], side[:, :, own]), 2) for side in (key, value))
        sees = torch.ones((length, before + length), dtype=torch.bool).tril(before)
        rows = query[:, :, start : start + length]
        found.append(
            functional.scaled_dot_product_attention(rows, keys, values, attn_mask=sees, scale=0.2, enable_gqa=True)
        )
        start += length
    return torch.cat(found, 2).transpose(1, 2)


@needs(Ability.NATIVE_ATTENTION)
class TestAttention:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    @pytest.mark.parametrize("before", [0, 7, 70])
    @pytest.mark.parametrize(("num_heads", "kv_heads", "width"), [(4, 4, 32), (9, 3, 64), (4, 1, 96)])
    def test_is_what_sdpa_computes_row_by_row(
        self, dtype: torch.dtype, before: int, num_heads: int, kv_heads: int, width: int
    ) -> None:
        lengths = (1, 150, 48, 49, 3)
        tokens = sum(lengths)
        given = [
            heads(tokens, num_heads, width, dtype, 1),
            heads(before + tokens, kv_heads, width, dtype, 2),
            heads(before + tokens, kv_heads, width, dtype, 3),
        ]
        said = drawn(1, tokens, num_heads, width, dtype=dtype, seed=4)
        wide = [side.float().requires_grad_() for side in given]
        expected = by_sdpa(*wide, lengths, before)
        of_expected = torch.autograd.grad(expected, wide, said.float())
        learned = [side.requires_grad_() for side in given]
        assert takes(learned[0], learned[1], lengths)
        ends = torch.tensor([0, *lengths], dtype=torch.int32).cumsum(0)
        found = attend_to_rows(*learned, ends, 0.2)
        assert found.dtype == dtype
        assert_close(found.float(), expected, CLOSE[dtype])
        for gradient, plain in zip(torch.autograd.grad(found, learned, said), of_expected, strict=True):
            assert_close(gradient.float(), plain, CLOSE[dtype])

    def test_gives_the_same_bits_on_any_number_of_threads(self) -> None:
        lengths, threads = (30, 5, 90), torch.get_num_threads()
        given = [heads(125, 2, 32, torch.float32, seed).requires_grad_() for seed in range(3)]
        ends = torch.tensor([0, *lengths]).cumsum(0)
        found = []
        try:
            for number in (1, 2, 2):
                torch.set_num_threads(number)
                out = attend_to_rows(*given, ends, 0.3)
                found.append((out, *torch.autograd.grad(out.square().sum(), given)))
        finally:
            torch.set_num_threads(threads)
        for other in found[1:]:
            assert all(torch.equal(one, two) for one, two in zip(found[0], other, strict=True))

    def test_what_it_does_not_take(self, monkeypatch: pytest.MonkeyPatch) -> None:
        query = heads(6, 2, 32, torch.float32, 0)
        assert not takes(query[..., :16], query[..., :16], (3, 3))
        assert not takes(query.double(), query.double(), (3, 3))
        monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
        assert takes(query, query, (3, 3))
        assert not takes(query, query, (6,))


@needs(Ability.NATIVE_NARROW)
class TestNarrowProducts:
    @pytest.mark.parametrize("tokens", [1, 5, 131])
    @pytest.mark.parametrize("ranks", [1, 3, 8, 24])
    @pytest.mark.parametrize("width", [32, 576])
    def test_are_what_pytorch_computes(self, tokens: int, ranks: int, width: int) -> None:
        wide, b = drawn(tokens, width, seed=1), drawn(ranks, width, seed=2)
        assert_close(passes.narrow(wide, b, 0.5), 0.5 * wide @ b.t())
        # Columns of something wider, as the layers of one input have them.
        low, said = drawn(tokens, ranks + 2, seed=3)[:, 1:-1], torch.zeros(tokens, ranks + 2)
        assert_close(passes.gather(wide, low), low.t() @ wide)
        assert_close(passes.narrow_and_gather(wide, b, 2.0, low, said[:, 2:]), low.t() @ wide)
        assert_close(said[:, 2:], 2 * wide @ b.t())
        assert not said[:, :2].any()

    @needs(Ability.NATIVE_RMS_NORM)
    @needs(Ability.NATIVE_SWIGLU)
    def test_what_is_no_number_stays_none(self) -> None:
        wide, b = drawn(40, 32), drawn(8, 32)
        wide[3, 4] = torch.nan
        assert passes.narrow(wide, b, 1.0)[3].isnan().all()
        assert passes.SwiGLU.apply(wide, wide)[3, 4].isnan()  # type: ignore[no-untyped-call]
        assert passes.RMSNorm.apply(wide, b[0], 1e-6)[3].isnan().all()  # type: ignore[no-untyped-call]


@needs(Ability.NATIVE_SWIGLU)
class TestSwiGLU:
    def test_far_from_zero(self) -> None:
        gate = torch.tensor([-1e4, -90.0, -20.0, -1e-3, 0.0, 1e-3, 20.0, 90.0, 1e4] * 32).requires_grad_()
        up = drawn(len(gate), seed=1).requires_grad_()
        expected = functional.silu(gate) * up
        found = passes.SwiGLU.apply(gate, up)  # type: ignore[no-untyped-call]
        assert torch.allclose(found, expected, rtol=1e-6, atol=1e-30)
        for one, two in zip(
            torch.autograd.grad(found.sum(), (gate, up)), torch.autograd.grad(expected.sum(), (gate, up)), strict=True
        ):
            assert torch.allclose(one, two, rtol=1e-5, atol=1e-30)


class TestDense:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    @pytest.mark.parametrize("has_bias", [False, True])
    @pytest.mark.parametrize("is_laid_out", [False, True])
    def test_is_what_pytorch_computes(self, dtype: torch.dtype, has_bias: bool, is_laid_out: bool) -> None:
        weight, bias = drawn(48, 33, dtype=dtype, seed=1), drawn(48, dtype=dtype, seed=2)
        dense = Dense(weight, bias if has_bias else None)
        if is_laid_out:
            dense.lay_out()
        rows, said, added = drawn(7, 33, dtype=dtype), drawn(48, 7, dtype=dtype).t(), drawn(7, 33, dtype=dtype, seed=3)
        there = rows.float() @ weight.float().t() + (bias.float() if has_bias else 0)
        back = said.float() @ weight.float()
        assert_close(dense.there(rows).float(), there, CLOSE[dtype])
        assert_close(dense.back(said).float(), back, CLOSE[dtype])
        assert_close(dense.back(said, added).float(), back + added.float(), CLOSE[dtype])

    @needs(Ability.ONEDNN_FLOAT32)
    def test_weights_too_large_to_keep_again_are_used_as_they_lie(self) -> None:
        small, large = Dense(drawn(8, 8)), Dense(torch.empty((1, LAID_OUT_BYTES // 8 + 1)))
        layouts = Layouts()
        layouts.begin([large])
        layouts.begin([small])
        layouts.finish()
        assert large._there is large._weight
        assert small._there is not small._weight

    def test_a_layer_that_is_joined_keeps_what_is_laid_out(self, base_folder: Any) -> None:
        causal = AutoModelForCausalLM.from_pretrained(base_folder)
        model = get_peft_model(causal, LoraConfig(task_type="CAUSAL_LM", r=4, target_modules="all-linear")).train()
        fuse(model)
        before = products_of(model)
        assert join_layers_of_one_input(model, lambda: model(input_ids=torch.ones((1, 2), dtype=torch.int64))) < 14
        assert {id(product) for product in products_of(model)} == {id(product) for product in before}


class TestCompiling:
    def test_without_a_compiler_nothing_is_left_behind(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
        monkeypatch.setenv("CXX", "/nonexistent/g++")
        with pytest.raises(FileNotFoundError):
            native.library.__wrapped__()
        assert not list(tmp_path.rglob("*.so"))

    @needs(Ability.COMPILER)
    def test_is_done_once(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
        native.library.__wrapped__()
        (made,) = tmp_path.rglob("*.so")
        monkeypatch.setenv("CXX", "/nonexistent/g++")
        native.library.__wrapped__()
        assert list(tmp_path.rglob("*.so")) == [made]

    @needs(Ability.COMPILER)
    def test_a_compiler_that_does_not_know_its_processor_makes_them_for_any(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        compiler = tmp_path / "g++"
        compiler.write_text(f"""#!/bin/sh
case "$*" in *-march=native*) echo "unknown value 'native' for '-march'" >&2; exit 1;; esac
exec {os.environ.get("CXX", "g++")} "$@"
""")
        compiler.chmod(0o755)
        monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
        monkeypatch.setenv("CXX", str(compiler))
        assert native.library.__wrapped__().attention_forward
