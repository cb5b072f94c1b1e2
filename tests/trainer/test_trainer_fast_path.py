"""Fused LoRA and fused cross-entropy: the same numbers as the plain way, and only where they may be used."""

from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch.nn import functional
from transformers import AutoModelForCausalLM, Gemma2Config, Gemma2ForCausalLM

from trainer import label_loss
from trainer.data import MicroBatch
from trainer.fused_lora import fuse, join_layers_of_one_input
from trainer.label_loss import LabelLoss

CLOSE = {torch.float32: 1e-5, torch.bfloat16: 3e-2}


def batch() -> MicroBatch:
    torch.manual_seed(1)
    ids = torch.randint(1, 300, (3, 20))
    predicts = torch.rand(3, 20) < 0.5
    predicts[:, -1] = False
    return MicroBatch(ids=ids, predicts=predicts, labels=ids.roll(-1, 1)[predicts])


def with_lora(base_folder: Any, dtype: torch.dtype = torch.float32, **options: Any) -> Any:
    causal = AutoModelForCausalLM.from_pretrained(base_folder, dtype=dtype)
    torch.manual_seed(2)
    model = get_peft_model(
        causal, LoraConfig(task_type="CAUSAL_LM", r=4, lora_alpha=8, target_modules="all-linear", **options)
    )
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    return model


def gradients(model: Any) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    model.zero_grad()
    found = batch()
    logits = model(input_ids=found.ids, use_cache=False).logits[found.predicts].float()
    loss = functional.cross_entropy(logits, found.labels)
    loss.backward()
    return loss.detach(), {
        name: weight.grad.float().clone() for name, weight in model.named_parameters() if weight.requires_grad
    }


def assert_same(found: Any, expected: Any, dtype: torch.dtype) -> None:
    (loss, of_weights), (plain_loss, plain) = found, expected
    assert float(loss) == pytest.approx(float(plain_loss), rel=CLOSE[dtype])
    assert set(of_weights) == set(plain)
    for name, gradient in plain.items():
        assert float((of_weights[name] - gradient).norm() / gradient.norm()) < CLOSE[dtype], name


class TestFusedLora:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    @pytest.mark.parametrize("recomputes", [False, True])
    def test_is_what_peft_computes(self, base_folder: Any, dtype: torch.dtype, recomputes: bool) -> None:
        model = with_lora(base_folder, dtype)
        if recomputes:
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.train()
        plain_loss, plain = gradients(model)
        assert fuse(model) == 14
        assert_same(gradients(model), (plain_loss, plain), dtype)
        # Of each of two blocks: query, key and value; output; gate and up; down.
        assert join_layers_of_one_input(model, lambda: model(input_ids=batch().ids)) == 8
        assert_same(gradients(model), (plain_loss, plain), dtype)

    def test_a_layer_with_a_bias(self, base_folder: Any) -> None:
        layer = torch.nn.Sequential(torch.nn.Linear(6, 5))
        model = get_peft_model(layer, LoraConfig(r=2, target_modules=["0"], init_lora_weights=False)).train()
        x = torch.randn(3, 6)
        plain = model(x)
        assert fuse(model) == 1
        assert torch.allclose(model(x), plain, atol=1e-6)

    def test_a_joined_layer_that_is_called_alone_or_with_something_else(self) -> None:
        class Two(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.one, self.other = torch.nn.Linear(6, 5), torch.nn.Linear(6, 3)

            def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
                return self.one(x), self.other(y)

        torch.manual_seed(0)
        model = get_peft_model(Two(), LoraConfig(r=2, target_modules=["one", "other"], init_lora_weights=False)).train()
        x, y = torch.randn(3, 6), torch.randn(4, 6)
        plain = [*model(x, x), *model(x, y), model.base_model.model.other(y)]
        assert fuse(model) == 2
        assert join_layers_of_one_input(model, lambda: model(x, x)) == 1
        joined = [*model(x, x), *model(x, y), model.base_model.model.other(y)]
        for found, expected in zip(joined, plain, strict=True):
            assert torch.allclose(found, expected, atol=1e-6)

    @pytest.mark.parametrize("options", [{"lora_dropout": 0.1}, {"use_dora": True}, {"lora_bias": True}])
    def test_leaves_to_peft_what_it_does_not_compute(self, base_folder: Any, options: dict[str, Any]) -> None:
        assert fuse(with_lora(base_folder, **options)) == 0

    def test_leaves_trained_bases_to_peft(self, base_folder: Any) -> None:
        model = with_lora(base_folder)
        model.requires_grad_(True)
        assert fuse(model) == 0

    def test_outside_of_training_peft_answers(self, base_folder: Any) -> None:
        model = with_lora(base_folder)
        model.eval()
        ids = batch().ids
        with torch.no_grad():
            before = model(input_ids=ids).logits
            fuse(model)
            assert torch.equal(model(input_ids=ids).logits, before)
            model.train()
            with model.disable_adapter():
                base = model(input_ids=ids).logits
        plain = AutoModelForCausalLM.from_pretrained(base_folder)
        assert torch.equal(base, plain(input_ids=ids).logits)


class TestLabelLoss:
    @pytest.mark.parametrize(("rows", "words"), [(4, 100), (4096, 7), (4096, 4096)])
    def test_is_the_cross_entropy_of_the_labels(
        self, base_folder: Any, monkeypatch: pytest.MonkeyPatch, rows: int, words: int
    ) -> None:
        monkeypatch.setattr(label_loss, "ROWS_AT_ONCE", rows)
        monkeypatch.setitem(label_loss.WORDS_AT_ONCE, "cpu", words)
        model = with_lora(base_folder).train()
        plain_loss, plain = gradients(model)
        model.zero_grad()
        found = batch()
        fused = LabelLoss(model.get_base_model())
        loss = fused.loss_sum(model, found) / len(found.labels)
        loss.backward()
        assert fused.products
        assert float(loss.detach()) == pytest.approx(float(plain_loss), rel=1e-5)
        for name, gradient in plain.items():
            weight = model.get_parameter(name)
            assert float((weight.grad - gradient).norm() / gradient.norm()) < 1e-5, name

    def test_keeps_no_logits(self, base_folder: Any) -> None:
        model = with_lora(base_folder).train()
        found = batch()
        kept: list[tuple[int, ...]] = []
        fused = LabelLoss(model.get_base_model())
        with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(tuple(t.shape)) or t, lambda t: t):
            fused.loss_sum(model, found)
        assert kept
        assert (len(found.labels), model.get_base_model().config.vocab_size) not in kept

    def test_a_trained_output_layer_gets_its_gradient(self, base_folder: Any) -> None:
        causal = AutoModelForCausalLM.from_pretrained(base_folder)
        plain = LabelLoss(causal)
        assert not plain.products
        plain.loss_sum(causal, batch()).backward()
        assert causal.lm_head.weight.grad.abs().sum() > 0

    def test_what_a_model_does_to_its_logits_still_happens(self) -> None:
        torch.manual_seed(0)
        config = Gemma2Config(
            vocab_size=320, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
            num_key_value_heads=1, head_dim=16, final_logit_softcapping=1.0, attn_implementation="eager",
        )  # fmt: skip
        causal = Gemma2ForCausalLM(config).requires_grad_(False)
        capped = LabelLoss(causal)
        assert not capped.products
        found = batch()
        expected = functional.cross_entropy(causal(found.ids).logits[found.predicts], found.labels, reduction="sum")
        assert float(capped.loss_sum(causal, found)) == pytest.approx(float(expected), rel=1e-5)

    def test_a_batch_without_labels_is_nothing(self, base_folder: Any) -> None:
        model = with_lora(base_folder).train()
        ids = torch.zeros((1, 1), dtype=torch.int64)
        nothing = MicroBatch(ids=ids, predicts=ids.bool(), labels=ids[0, :0])
        loss = LabelLoss(model.get_base_model()).loss_sum(model, nothing)
        loss.backward()
        assert float(loss.detach()) == 0


def test_the_engine_is_asked_and_not_the_model(base_folder: Any) -> None:
    model = with_lora(base_folder).train()
    asked: list[str] = []
    loss = LabelLoss(model.get_base_model())

    def call(**inputs: Any) -> Any:
        asked.append("engine")
        return model(**inputs)

    loss.loss_sum(call, batch())
    assert asked == ["engine"]
