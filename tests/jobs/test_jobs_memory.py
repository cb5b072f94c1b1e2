"""The forecast of memory and time: arithmetic first, then what was measured."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from job_makers import make_file, make_job

from catalogue.models import BaseModel
from jobs.estimates import memory
from jobs.estimates.estimating import estimate
from jobs.estimates.memory import memory_of
from jobs.models import Rehearsal

VALUES = {
    "lora_dim": 8,
    "only_optimize_lora": True,
    "zero_stage": 0,
    "offload": False,
    "gradient_checkpointing": False,
    "max_seq_len": 2048,
    "per_device_train_batch_size": 1,
}
GB = 10**9


def qwen_14b() -> BaseModel:
    return BaseModel(parameters=14_167_290_880, hidden_size=5120, num_layers=40, vocab_size=152_064)


def on_gpus(world_size: int = 1, **changes: Any) -> float:
    return memory_of(qwen_14b(), {**VALUES, **changes}, device_kind="cuda", world_size=world_size).total / GB


class TestArithmetic:
    def test_an_adapter_on_14b_with_recomputing_fits_an_80_gb_device(self) -> None:
        assert 28 < on_gpus(gradient_checkpointing=True) < 45

    def test_every_parameter_of_14b_does_not(self) -> None:
        assert on_gpus(lora_dim=0, gradient_checkpointing=True) > 200

    def test_zero_three_on_four_devices_takes_a_quarter_of_the_state(self) -> None:
        one, four = on_gpus(lora_dim=0, zero_stage=0), on_gpus(4, lora_dim=0, zero_stage=3)
        assert four < one / 2

    @pytest.mark.parametrize(
        "less",
        [{"gradient_checkpointing": True}, {"max_seq_len": 512}, {"lora_dim": 4}, {"zero_stage": 2, "offload": True}],
    )
    def test_each_saving_saves(self, less: dict[str, Any]) -> None:
        assert on_gpus(**less) < on_gpus()

    def test_matches_what_was_measured_on_the_starter(self) -> None:
        """SmolLM2-135M in fp32, micro-batches of 1,100 tokens: 3.8 GB by the process's own count."""
        base = BaseModel(parameters=134_515_008, hidden_size=576, num_layers=30, vocab_size=49_152)
        values = {**VALUES, "max_seq_len": 137, "per_device_train_batch_size": 8}
        assert 3.4 < memory_of(base, values, device_kind="cpu", world_size=1).total / GB < 4.2

    def test_a_large_base_is_not_kept_again_on_a_processor(self) -> None:
        small, large = (
            BaseModel(parameters=count, hidden_size=896, num_layers=24, vocab_size=151_936)
            for count in (250_000_000, 500_000_000)
        )
        of_small, of_large = (memory_of(b, VALUES, device_kind="cpu", world_size=1).weights for b in (small, large))
        assert (of_small, of_large) == (3_000_000_000, 2_000_000_000)

    def test_counts_with_the_trainers_own_limits(self) -> None:
        """No Django process imports torch, so they stand twice."""
        from trainer import dense, hardware, label_loss

        assert memory.GPU_TOKENS == hardware.GPU_TOKEN_BUDGET
        assert memory.CPU_TOKENS == (hardware.CPU_TOKEN_BUDGET, hardware.LARGEST_CPU_BUDGET)
        assert memory.CPU_BYTES == hardware.ACTIVATION_BYTES == dense.LAID_OUT_BYTES
        assert memory.LABELS_AT_ONCE == label_loss.ROWS_AT_ONCE
        assert memory.WORDS_AT_ONCE == label_loss.WORDS_AT_ONCE


@pytest.mark.django_db
class TestForecast:
    def ask(self, alice: Any) -> dict[str, Any]:
        file = make_file(alice.team)
        return estimate(
            team=alice.team, model="tiny", file_id=file.pk, asked={}, accelerators=1, pool=None, validation_file_id=None
        )

    def test_says_nothing_of_a_time_that_nobody_knows(self, alice: Any) -> None:
        found = self.ask(alice)
        assert (found["seconds"], found["seconds_low"], found["accelerator_hours"]) == (None, None, None)
        assert found["memory_bytes"] > 0
        assert found["memory_source"] == "arithmetic"

    def test_takes_time_and_memory_from_a_rehearsal(self, alice: Any) -> None:
        arithmetic = self.ask(alice)["memory_bytes"]
        Rehearsal.objects.create(
            key="k", base_model=BaseModel.objects.get(pk="tiny"), fits=True, device_kind="cpu", num_devices=1,
            seconds_per_step=2.0, tokens=100, peak_memory_bytes=arithmetic + 1,
        )  # fmt: skip
        found = self.ask(alice)
        assert found["seconds_source"] == "rehearsal"
        assert found["seconds_low"] < found["seconds"] < found["seconds_high"]
        assert found["seconds"] == pytest.approx(15 + found["tokens"] * 0.02, abs=1)
        assert found["accelerator_hours"] == round(found["seconds"] / 3600, 3)
        assert (found["memory_bytes"], found["memory_source"]) == (arithmetic + 1, "rehearsal")

    def test_takes_the_pace_of_the_middle_one_of_the_newest_jobs(self, alice: Any) -> None:
        now = timezone.now()
        for minutes, tokens in ((600, 1000), (10, 5700), (1, 5700), (2, 5700), (0.2, 10_000)):
            job = make_job(alice.team)
            job.status, job.tokens = "succeeded", tokens
            job.started_at, job.finished_at = now - timedelta(minutes=minutes), now
            job.save()
        found = self.ask(alice)
        assert found["seconds_source"] == "jobs"
        assert found["seconds"] == round(15 + found["tokens"] * (120 - 15) / 5700)
