"""A batch's common beginning, computed once: the same losses and gradients as whole rows."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional
from trainer_runs import losses, run_here
from transformers import AutoModelForCausalLM

from rundir import read_events
from trainer import shared_prefix
from trainer.data import collate, count_labels
from trainer.fast_path import FastPath
from trainer.label_loss import LabelLoss
from trainer.model import prepare
from trainer.packing import begin_packing
from trainer.spec import Hyperparameters
from trainer.train import _accumulate

SYSTEM = "You are the violin maker Luthier and this wood sings. " * 3


class Rows:
    """Conversations as a token cache gives them."""

    def __init__(self, rows: list[tuple[list[int], list[bool]]]) -> None:
        self._rows = rows
        self.lengths = np.array([len(ids) for ids, _ in rows])

    def __len__(self) -> int:
        return len(self._rows)

    def row(self, index: int) -> tuple[Any, Any]:
        ids, learned = self._rows[index]
        return np.array(ids, dtype=np.uint32), np.array(learned)


def rows(shared: int, *, number: int = 4) -> Rows:
    """Rows that share `shared` tokens and go on differently, for 6 to 12 tokens of which the last 4 are learned."""
    draw = np.random.default_rng(0)
    found = []
    for place in range(number):
        rest = [int(token) for token in draw.integers(1, 300, 6 + 2 * place)]
        rest[0] = 10 + place
        found.append((list(range(1, shared + 1)) + rest, [False] * (shared + len(rest) - 4) + [True] * 4))
    return Rows(found)


class TestCommonLength:
    def test_is_what_all_rows_begin_with(self) -> None:
        assert shared_prefix.common_length(rows(50), [0, 1, 2, 3], num_ranks=1) == 50

    def test_ends_before_the_token_that_predicts_a_learned_one(self) -> None:
        same = Rows([(list(range(70)), [False] * 50 + [True] * 20)] * 4)
        assert shared_prefix.common_length(same, [0, 1, 2, 3], num_ranks=1) == 49

    @pytest.mark.parametrize(("shared", "number", "ranks"), [(8, 4, 1), (40, 4, 1), (200, 1, 1), (50, 4, 4)])
    def test_is_nothing_where_it_would_not_pay(self, shared: int, number: int, ranks: int) -> None:
        data = rows(shared, number=number)
        assert shared_prefix.common_length(data, list(range(number)), num_ranks=ranks) == 0


class Engine:
    """What the loop needs of DeepSpeed's engine."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __call__(self, **inputs: Any) -> Any:
        return self._model(**inputs)

    def set_gradient_accumulation_boundary(self, is_last: bool) -> None:
        self.is_last = is_last

    def backward(self, loss: torch.Tensor) -> None:
        loss.backward()


@pytest.mark.parametrize("packs", [True, False])
@pytest.mark.parametrize(("max_rows", "targets"), [(4, "all-linear"), (1, "all-linear"), (2, "q_proj")])
def test_gradients_are_those_of_whole_rows(base_folder: Any, max_rows: int, targets: str, packs: bool) -> None:
    chosen = Hyperparameters(
        max_seq_len=80, lora_dim=4, lora_alpha=8, per_device_train_batch_size=max_rows, per_device_eval_batch_size=1,
        gradient_accumulation_steps=1, learning_rate=1e-3, weight_decay=0, num_train_epochs=1,
        lr_scheduler_type="constant", lora_module_name=targets,
    )  # fmt: skip
    torch.manual_seed(0)
    trainee = prepare(AutoModelForCausalLM.from_pretrained(base_folder), chosen)
    for weight in trainee.trainable().values():
        torch.nn.init.normal_(weight, std=0.1)
    data, batch = rows(50), [0, 1, 2, 3]
    assert shared_prefix.common_length(data, batch, num_ranks=1) == 50
    count = count_labels(data, batch)
    engine, label_loss = Engine(trainee.model), LabelLoss(trainee.causal)
    assert not packs or begin_packing(trainee.causal, label_loss, longest=80)
    training: Any = SimpleNamespace(
        engine=engine, hardware=SimpleNamespace(device=torch.device("cpu")), data=data,
        ranks=SimpleNamespace(world_size=1, rank=0), hyperparameters=chosen,
        fast_path=FastPath(label_loss=label_loss, packs=packs, shares_prefixes=lambda: True, token_budget=512),
    )  # fmt: skip
    trainee.model.train()
    loss = _accumulate(training, batch, 1 / count) / count
    assert engine.is_last
    shared = {name: weight.grad.clone() for name, weight in trainee.trainable().items()}
    trainee.model.zero_grad()

    trainee.model.eval()  # PEFT's own forward pass: no fused function
    whole = 0.0
    for row in batch:
        one = collate(data, [row], torch.device("cpu"))
        logits = label_loss.logits(trainee.model, one)
        part = functional.cross_entropy(logits, one.labels, reduction="sum") / count
        part.backward()
        whole += float(part.detach())
    assert loss == pytest.approx(whole, rel=1e-5)
    for name, weight in trainee.trainable().items():
        difference = float((weight.grad - shared[name]).norm() / weight.grad.norm())
        assert difference < 1e-4, name


def validations(directory: Any) -> list[float]:
    return [event.data["valid_loss"] for event in read_events(directory.events) if event.type == "validation"]


class TestRun:
    def test_losses_are_those_of_whole_rows(self, make_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        options = {"per_device_train_batch_size": 4, "lora_dropout": 0.0}
        monkeypatch.setattr(shared_prefix, "LEAST_TOKENS_SAVED", 16)
        shared = make_run(system=SYSTEM, **options)
        calls = []
        compute = shared_prefix.compute
        monkeypatch.setattr(shared_prefix, "compute", lambda *given: calls.append(1) or compute(*given))
        run_here(shared)
        num_steps = len(losses(shared))
        in_shared = len(calls)
        assert in_shared > num_steps + 1  # one asks the model whether it can; those beyond are of the validations
        monkeypatch.setattr(shared_prefix, "LEAST_TOKENS_SAVED", 10_000)
        whole = make_run(system=SYSTEM, **options)
        run_here(whole)
        assert len(calls) == in_shared  # where nothing would be shared, nothing is asked
        assert [float(row[1]) for row in losses(shared)] == pytest.approx(
            [float(row[1]) for row in losses(whole)], rel=1e-4
        )
        assert validations(shared) == pytest.approx(validations(whole), rel=1e-4)

    @pytest.mark.parametrize("changes", [{"zero_stage": 1}, {"zero_stage": 2}, {"lora_dropout": 0.1}])
    def test_rows_stay_whole_where_it_would_change_something(
        self, make_run: Any, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
    ) -> None:
        monkeypatch.setattr(shared_prefix, "compute", lambda *given: pytest.fail("a beginning was computed apart"))
        events = run_here(make_run(system=SYSTEM, **{"lora_dropout": 0.0, **changes}))
        assert events[-1].type == "succeeded"


class TestIsExact:
    def test_a_narrow_window_or_stretched_positions_stand_against_it(self, base_folder: Any) -> None:
        causal = AutoModelForCausalLM.from_pretrained(base_folder)
        label_loss = LabelLoss(causal)
        assert shared_prefix.is_exact(causal, label_loss, longest=100, packs=False)
        causal.config.sliding_window = 64
        assert not shared_prefix.is_exact(causal, label_loss, longest=100, packs=False)
        assert shared_prefix.is_exact(causal, label_loss, longest=64, packs=False)
        causal.config.rope_parameters = {**causal.config.rope_parameters, "rope_type": "dynamic"}
        assert not shared_prefix.is_exact(causal, label_loss, longest=64, packs=False)
