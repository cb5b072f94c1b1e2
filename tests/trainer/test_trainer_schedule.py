"""Learning-rate traces."""

import math

import pytest
import torch
from transformers import get_scheduler

from trainer.schedule import learning_rate
from trainer.spec import FOLLOWING, SCHEDULES, Hyperparameters
from trainer.stalling import has_stalled, rate_share


def trace(name, total_steps=10, warmup_ratio=0.2):
    chosen = Hyperparameters(
        max_seq_len=64, lora_dim=4, lora_alpha=8, per_device_train_batch_size=1, per_device_eval_batch_size=1,
        gradient_accumulation_steps=1, learning_rate=1.0, weight_decay=0, num_train_epochs=1, lr_scheduler_type=name,
        warmup_ratio=warmup_ratio,
    )  # fmt: skip
    return [learning_rate(step, total_steps=total_steps, hyperparameters=chosen) for step in range(total_steps)]


@pytest.mark.parametrize("name", SCHEDULES)
def test_stays_between_nothing_and_the_peak(name):
    assert all(0 < rate <= 1.0 for rate in trace(name))
    assert max(trace(name)) == 1.0


@pytest.mark.parametrize("name", sorted(set(SCHEDULES) - {"constant", "cosine_warmup_with_min_lr"}))
def test_climbs_first(name):
    assert trace(name)[:3] == pytest.approx([1 / 3, 2 / 3, 1.0])


def test_no_two_schedules_are_the_same():
    by_themselves = set(SCHEDULES) - set(FOLLOWING)
    assert len({tuple(trace(name, total_steps=20)) for name in by_themselves}) == len(by_themselves)


def test_the_warm_up_with_a_least_rate_is_exactly_transformers():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = get_scheduler(
        "cosine_warmup_with_min_lr", optimizer, 4, 20, scheduler_specific_kwargs={"min_lr_rate": 0.1}
    )
    rates = []
    for _ in range(20):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()
    assert trace("cosine_warmup_with_min_lr", total_steps=20) == pytest.approx(rates)


class TestFollowing:
    @pytest.mark.parametrize("name", FOLLOWING)
    def test_the_rate_stays_while_the_loss_falls(self, name):
        assert rate_share(name, [3.0, 2.0, 1.0]) == 1.0

    def test_a_plateau_halves_it_each_time(self):
        assert rate_share("reduce_lr_on_plateau", [1.0, 1.0]) == 1.0
        assert rate_share("reduce_lr_on_plateau", [1.0, 1.0, 1.0]) == 0.5
        assert rate_share("reduce_lr_on_plateau", [1.0] * 5) == 0.25

    def test_greedy_climbs_again_with_the_loss(self):
        low = rate_share("greedy", [1.0, 1.1, 1.2])
        assert low == pytest.approx(0.8)
        assert low < rate_share("greedy", [1.0, 1.1, 1.2, 0.9, 0.8, 0.7]) <= 1.0

    def test_other_schedules_do_not_listen(self):
        assert rate_share("cosine", [1.0] * 50) == 1.0


class TestHasStalled:
    def test_counts_looks_without_an_improvement(self):
        assert not has_stalled([1.0, 1.1], patience=2, threshold=0)
        assert has_stalled([1.0, 1.1, 1.0], patience=2, threshold=0)
        assert not has_stalled([1.0, 1.1, 0.9], patience=2, threshold=0)

    def test_a_fall_below_the_threshold_is_none(self):
        assert has_stalled([1.0, 0.99, 0.985], patience=2, threshold=0.02)

    def test_no_patience_is_never(self):
        assert not has_stalled([1.0] * 100, patience=0, threshold=0)


def test_constant_has_no_warm_up():
    assert trace("constant") == [1.0] * 10


def test_known_values():
    assert trace("linear")[6] == pytest.approx(0.5)
    assert trace("cosine")[6] == pytest.approx(0.5)
    assert trace("cosine")[4] == pytest.approx(0.5 * (1 + math.cos(math.pi / 4)))
    assert trace("cosine_with_restarts")[6] == pytest.approx(1.0)
    assert trace("polynomial")[6] == pytest.approx(0.25)
    assert trace("inverse_sqrt")[8] == pytest.approx(0.5)
    assert trace("cosine_with_min_lr")[6] == pytest.approx(0.55)
    assert trace("warmup_stable_decay", total_steps=12, warmup_ratio=0.16)[2:11] == pytest.approx([1.0] * 9)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("linear", {}),
        ("cosine", {}),
        ("cosine_with_restarts", {"num_cycles": 2}),
        ("polynomial", {"power": 2.0, "lr_end": 0.0}),
        ("inverse_sqrt", {}),
        ("constant_with_warmup", {}),
        ("cosine_with_min_lr", {"min_lr_rate": 0.1}),
        ("warmup_stable_decay", {"num_decay_steps": 16}),
    ],
)
def test_is_the_schedule_of_transformers_but_for_its_first_step_of_nothing(name, options):
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    # Ours climbs over warmup + 1 steps to the peak, so that no step has the rate 0.
    theirs = get_scheduler(name, optimizer, 20, 100, scheduler_specific_kwargs=options)
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()
    assert trace(name, total_steps=100)[20:] == pytest.approx(rates[20:], abs=0.02)


def test_warm_up_follows_its_ratio():
    assert trace("linear", warmup_ratio=0.0)[0] == 1.0
    assert trace("linear", warmup_ratio=0.5)[0] == pytest.approx(1 / 6)
