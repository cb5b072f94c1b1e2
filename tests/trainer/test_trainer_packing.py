"""Packed conversations: each is computed as it is alone, and a model that does otherwise is not packed."""

from typing import Any

import numpy as np
import pytest
import torch
from trainer_runs import losses, run_here
from transformers import AutoModelForCausalLM, Gemma2Config, Gemma2ForCausalLM

from trainer import fast_path
from trainer.data import collate, split_batch
from trainer.label_loss import LabelLoss
from trainer.packing import IMPLEMENTATION, begin_packing, pack

LENGTHS = (9, 1, 17, 4)


class Rows:
    """Conversations as a token cache gives them: every second token is learned."""

    lengths = np.array(LENGTHS)

    def __len__(self) -> int:
        return len(LENGTHS)

    def row(self, index: int) -> tuple[Any, Any]:
        draw = np.random.default_rng(index)
        return draw.integers(1, 300, LENGTHS[index]).astype(np.uint32), np.arange(LENGTHS[index]) % 2 == 1


def gradient(causal: Any, label_loss: LabelLoss, batches: list[Any]) -> tuple[float, torch.Tensor]:
    causal.zero_grad()
    total = 0.0
    for batch in batches:
        loss = label_loss.loss_sum(causal, batch)
        loss.backward()
        total += float(loss.detach())
    weights = (weight.grad.flatten() for weight in causal.parameters() if weight.grad is not None)
    return total, torch.cat(list(weights))


class TestPack:
    def test_stands_rows_one_behind_another(self) -> None:
        found = pack(Rows(), [0, 1, 3], torch.device("cpu"))
        assert found.ids.shape == (1, 14)
        assert found.inputs["row_lengths"] == (9, 1, 4)
        assert found.inputs["position_ids"][0].tolist() == [*range(9), 0, *range(4)]
        assert found.inputs["row_ends"].tolist() == [0, 9, 10, 14]

    def test_no_conversation_predicts_the_next_ones_first_token(self) -> None:
        data = Rows()
        found = pack(data, [0, 2, 3], torch.device("cpu"))
        alone = [collate(data, [row], torch.device("cpu")) for row in (0, 2, 3)]
        assert found.labels.tolist() == [label for batch in alone for label in batch.labels.tolist()]
        assert found.predicts[0].tolist() == [value for batch in alone for value in batch.predicts[0].tolist()]

    def test_nothing_is_one_token_that_predicts_nothing(self) -> None:
        found = pack(Rows(), [], torch.device("cpu"), start=5)
        assert found.ids.shape == (1, 1)
        assert not found.predicts.any()
        assert found.inputs["position_ids"].tolist() == [[5]]


class TestBeginPacking:
    def test_loss_and_gradient_are_those_of_each_alone(self, base_folder: Any) -> None:
        causal = AutoModelForCausalLM.from_pretrained(base_folder)
        label_loss, data, device = LabelLoss(causal), Rows(), torch.device("cpu")
        loss, expected = gradient(causal, label_loss, [collate(data, [row], device) for row in range(4)])
        assert begin_packing(causal, label_loss, longest=17)
        packed_loss, found = gradient(causal, label_loss, [pack(data, [0, 1, 2, 3], device)])
        assert packed_loss == pytest.approx(loss, rel=1e-5)
        assert float((found - expected).norm() / expected.norm()) < 1e-5

    def test_with_recomputed_activations(self, base_folder: Any) -> None:
        causal = AutoModelForCausalLM.from_pretrained(base_folder).train()
        label_loss, batch = LabelLoss(causal), pack(Rows(), [0, 2], torch.device("cpu"))
        assert begin_packing(causal, label_loss, longest=17)
        loss, expected = gradient(causal, label_loss, [batch])
        causal.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        again, found = gradient(causal, label_loss, [batch])
        assert again == pytest.approx(loss, rel=1e-6)
        assert torch.allclose(found, expected, atol=1e-6)

    def test_a_model_still_answers(self, base_folder: Any) -> None:
        causal = AutoModelForCausalLM.from_pretrained(base_folder).eval()
        ids = torch.arange(5, 15)[None]
        before = causal.generate(ids, max_new_tokens=8, do_sample=False)
        assert begin_packing(causal, LabelLoss(causal), longest=17)
        assert causal.generate(ids, max_new_tokens=8, do_sample=False).tolist() == before.tolist()

    def test_a_model_that_caps_its_attention_is_left_as_it_was(self) -> None:
        config = Gemma2Config(
            vocab_size=320, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
            num_key_value_heads=1, head_dim=16, attn_logit_softcapping=5.0, attn_implementation="eager",
        )  # fmt: skip
        causal = Gemma2ForCausalLM(config)
        assert not begin_packing(causal, LabelLoss(causal), longest=17)
        assert causal.config._attn_implementation == "eager"

    def test_a_model_that_ignores_where_rows_end_is_left_as_it_was(
        self, base_folder: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        causal = AutoModelForCausalLM.from_pretrained(base_folder)
        own = causal.model.forward

        def forward(*given: Any, row_lengths: Any = None, **named: Any) -> Any:
            return own(*given, **named)

        monkeypatch.setattr(causal.model, "forward", forward)
        before = causal.config._attn_implementation
        assert not begin_packing(causal, LabelLoss(causal), longest=17)
        assert causal.config._attn_implementation == before != IMPLEMENTATION

    def test_windows_narrower_than_the_longest_row_stand_against_it(self, base_folder: Any) -> None:
        causal = AutoModelForCausalLM.from_pretrained(base_folder)
        causal.config.sliding_window = 64
        label_loss = LabelLoss(causal)
        assert not begin_packing(causal, label_loss, longest=65)
        assert begin_packing(causal, label_loss, longest=64)


class TestSplit:
    lengths = np.array([300, 280, 120, 100, 90, 60, 40, 36])

    def split(self, budget: int, max_rows: int = 8, world_size: int = 1) -> list[list[list[int]]]:
        return split_batch(
            list(range(8)), self.lengths, world_size=world_size, max_rows=max_rows, token_budget=budget, packs=True
        )

    def test_a_batch_that_fits_is_one(self) -> None:
        assert self.split(1026) == [[[0, 1, 2, 3, 4, 5, 6, 7]]]

    @pytest.mark.parametrize(("budget", "max_rows", "world_size"), [(1025, 8, 1), (512, 8, 1), (400, 3, 2), (50, 8, 1)])
    def test_none_is_over_the_budget_but_for_one_row_alone(self, budget: int, max_rows: int, world_size: int) -> None:
        plans = self.split(budget, max_rows, world_size)
        assert sorted(row for plan in plans for rows in plan for row in rows) == list(range(8))
        assert len({len(plan) for plan in plans}) == 1
        for rows in (rows for plan in plans for rows in plan):
            assert len(rows) <= max_rows
            assert int(self.lengths[rows].sum()) <= budget or len(rows) == 1

    def test_they_are_about_equally_long(self) -> None:
        (plan,) = self.split(600)
        sizes = [int(self.lengths[rows].sum()) for rows in plan]
        assert max(sizes) - min(sizes) < 100


def test_a_run_learns_what_it_learns_with_padding(make_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = make_run(lora_dropout=0.0)
    run_here(packed)
    asked = []
    monkeypatch.setattr(fast_path, "begin_packing", lambda *given, **named: asked.append(1))
    padded = make_run(lora_dropout=0.0)
    run_here(padded)
    assert asked
    assert [float(row[1]) for row in losses(packed)] == pytest.approx(
        [float(row[1]) for row in losses(padded)], rel=1e-4
    )
