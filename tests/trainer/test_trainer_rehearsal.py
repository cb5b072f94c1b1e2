"""A rehearsal finds out beforehand what a training would run into, and leaves no trace in it."""

import shutil
from typing import Any

import pytest
import torch
from trainer_runs import losses, of_type, run_here

import trainer.rehearsal


class TestRehearsal:
    @pytest.mark.parametrize("zero_stage", [0, 1, 2])
    @pytest.mark.parametrize("lora_dim", [4, 0])
    def test_changes_no_bit_of_the_training(self, make_run: Any, zero_stage: int, lora_dim: int) -> None:
        plain = make_run(zero_stage=zero_stage, lora_dim=lora_dim)
        run_here(plain)
        rehearsed = make_run(zero_stage=zero_stage, lora_dim=lora_dim, spec={"rehearse": True})
        events = run_here(rehearsed)
        assert len(of_type(events, "rehearsed")) == 1
        assert losses(rehearsed) == losses(plain)

    def test_zero_three_too(self, make_run: Any) -> None:
        plain, rehearsed = make_run(zero_stage=3), make_run(zero_stage=3, spec={"rehearse": True})
        run_here(plain)
        run_here(rehearsed)
        assert losses(rehearsed) == losses(plain)

    def test_measures_the_heaviest_batch(self, make_run: Any) -> None:
        directory = make_run(spec={"rehearse": True})
        [event] = of_type(run_here(directory), "rehearsed")
        steps = [int(row[3]) for row in losses(directory)]
        assert event.data["tokens"] >= max(steps)
        assert event.data["seconds_per_step"] > 0
        assert event.data["peak_memory_bytes"] > 0
        assert event.data["checkpoint_bytes"] > 0
        assert not (directory.root / "rehearsal").exists()

    def test_is_not_repeated_when_the_training_goes_on(self, make_run: Any) -> None:
        directory = make_run(spec={"rehearse": True, "save_steps": 2, "keep_checkpoints": 9})
        run_here(directory)
        undisturbed = losses(directory)
        for step in (4, 6):
            shutil.rmtree(directory.checkpoint(step))
        events = run_here(directory)
        assert len(of_type(events, "rehearsed")) == 1
        assert losses(directory) == undisturbed

    def test_a_disk_without_room_for_the_checkpoints_ends_it_before_the_first_step(
        self, make_run: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        usage = shutil._ntuple_diskusage(100, 99, 1)  # type: ignore[attr-defined]
        monkeypatch.setattr(trainer.rehearsal.shutil, "disk_usage", lambda path: usage)
        directory = make_run(spec={"rehearse": True})
        events = run_here(directory)
        assert events[-1].data["code"] == "disk_full"
        assert "GB" in str(events[-1].message)
        assert not of_type(events, "metrics")

    def test_memory_that_runs_out_ends_it_before_the_first_step(
        self, make_run: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def starve(*args: Any) -> float:
            raise torch.OutOfMemoryError("out of memory")

        monkeypatch.setattr(trainer.rehearsal, "optimize", starve)
        events = run_here(make_run(spec={"rehearse": True}))
        assert events[-1].data["code"] == "out_of_memory"
        assert not of_type(events, "metrics")
