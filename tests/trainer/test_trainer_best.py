"""Which weights become the result: the best by validation loss, early stopping, and ending when asked to."""

import json
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from trainer_runs import command, losses, of_type, run_here

from rundir import verify_manifest
from trainer import saving

RISING = {
    "rows": 8, "learning_rate": 0.03, "lr_scheduler_type": "constant", "lora_dropout": 0.0, "weight_decay": 0.0,
}  # fmt: skip
"""Eight rows are learned by heart soon, and the validation loss rises again."""


def steps_on_disk(directory: Any) -> list[int]:
    return sorted(int(path.name.removeprefix("step-")) for path in directory.checkpoints.glob("step-*"))


def valid_losses(events: list[Any]) -> dict[int, float]:
    return {event.data["step"]: event.data["valid_loss"] for event in of_type(events, "validation")}


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter_model.safetensors")


def is_same(one: Path, other: Path) -> bool:
    left, right = weights(one), weights(other)
    return all(torch.equal(left[name], right[name]) for name in left)


class TestLoadBest:
    def make(self, make_run: Any, **more: Any) -> Any:
        spec = {"save_steps": 1, "eval_steps": 1, "keep_checkpoints": 2}
        return make_run(load_best_model_at_end=True, num_train_epochs=6, spec=spec, **{**RISING, **more})

    @pytest.mark.parametrize("zero_stage", [0, 1, 2, 3])
    def test_the_lowest_validation_loss_becomes_the_model(self, make_run: Any, zero_stage: int) -> None:
        directory = self.make(make_run, zero_stage=zero_stage)
        events = run_here(directory)
        seen = valid_losses(events)
        best = min(seen, key=lambda step: seen[step])
        assert 1 <= best < 10, "the data must overshoot for this test to tell anything"
        end = events[-1].data
        assert (end["result_step"], end["steps"], end["ending"]) == (best, 12, "complete")
        assert end["valid_loss"] == seen[best]
        assert is_same(directory.adapter, directory.checkpoint(best) / "adapter")

    def test_the_best_one_stays_beside_the_newest(self, make_run: Any) -> None:
        directory = self.make(make_run)
        seen = valid_losses(run_here(directory))
        best = min(seen, key=lambda step: seen[step])
        assert steps_on_disk(directory) == sorted({best, 11, 12})
        for step in (best, 11, 12):
            verify_manifest(directory.checkpoint(step))

    def test_is_saved_even_between_two_checkpoints(self, make_run: Any) -> None:
        directory = self.make(make_run)
        spec = json.loads(directory.spec.read_text())
        directory.spec.write_text(json.dumps({**spec, "save_steps": 0}))
        events = run_here(directory)
        seen = valid_losses(events)
        assert events[-1].data["result_step"] == min(seen, key=lambda step: seen[step])

    def test_a_damaged_best_one_is_told_and_the_next_best_taken(self, make_run: Any, monkeypatch: Any) -> None:
        directory = self.make(make_run)
        find_best = saving.find_best

        def damage_first(*given: Any, **named: Any) -> Any:
            best = min(saving._folders(directory), key=saving._loss_of)
            path = best / "state-00000.safetensors"
            content = bytearray(path.read_bytes())
            content[-1] ^= 1
            path.write_bytes(bytes(content))
            return find_best(*given, **named)

        monkeypatch.setattr(saving, "find_best", damage_first)
        events = run_here(directory)
        assert events[-1].type == "succeeded"
        assert any("are not the ones that were written" in str(event.message) for event in of_type(events, "warning"))
        seen = valid_losses(events)
        assert events[-1].data["result_step"] in sorted(seen, key=lambda step: seen[step])[1:]

    def test_without_it_the_last_step_is_the_model(self, make_run: Any) -> None:
        directory = make_run(spec={"save_steps": 1, "eval_steps": 1}, **RISING)
        events = run_here(directory)
        assert events[-1].data["result_step"] == events[-1].data["steps"] == 2

    def test_needs_validation_data(self, make_run: Any) -> None:
        directory = make_run(load_best_model_at_end=True)
        spec = json.loads(directory.spec.read_text())
        del spec["validation_data"]
        directory.spec.write_text(json.dumps(spec))
        done = subprocess.run(command(directory), capture_output=True, text=True)
        assert done.returncode == 2
        assert "validation_data is None; it must be given for early stopping" in done.stderr


class TestEarlyStopping:
    def make(self, make_run: Any) -> Any:
        return make_run(
            early_stopping_patience=2, num_train_epochs=27, spec={"save_steps": 4, "eval_steps": 1}, **RISING
        )

    def test_ends_where_the_loss_has_stalled_and_keeps_the_best(self, make_run: Any) -> None:
        directory = self.make(make_run)
        events = run_here(directory)
        seen = valid_losses(events)
        end = events[-1].data
        best = min(seen, key=lambda step: seen[step])
        assert end["ending"] == "early_stopping"
        assert end["steps"] == max(seen) < 54
        assert end["result_step"] == best
        assert any(
            "has not improved in its last 2 measurements" in str(event.message) for event in of_type(events, "stage")
        )

    def test_a_resumed_run_decides_alike(self, make_run: Any) -> None:
        directory = self.make(make_run)
        undisturbed = run_here(directory)
        trace = losses(directory)
        first = min(steps_on_disk(directory))
        for step in steps_on_disk(directory):
            if step > first:
                shutil.rmtree(directory.checkpoint(step))
        again = run_here(directory)
        assert of_type(again, "started")[-1].data["resumed_from_step"] == first
        assert losses(directory) == trace
        for name in ("steps", "result_step", "valid_loss", "ending"):
            assert again[-1].data[name] == undisturbed[-1].data[name]


class TestFinish:
    def test_ends_after_the_step_with_a_result(self, make_run: Any) -> None:
        directory = make_run(spec={"save_steps": 1, "eval_steps": 2}, **RISING)
        directory.early_finish_request.touch()
        events = run_here(directory)
        end = events[-1]
        assert end.type == "succeeded"
        assert (end.data["steps"], end.data["ending"], end.data["result_step"]) == (1, "finish", 1)
        assert (directory.adapter / "adapter_model.safetensors").is_file()
        assert of_type(events, "validation")[-1].data["step"] == 1

    def test_a_resumed_run_needs_no_further_step_and_takes_the_best_so_far(self, make_run: Any) -> None:
        directory = make_run(
            num_train_epochs=6, spec={"save_steps": 1, "eval_steps": 1, "keep_checkpoints": 3}, **RISING
        )
        seen = valid_losses(run_here(directory))
        shutil.rmtree(directory.adapter)
        shutil.rmtree(directory.checkpoint(12))
        directory.early_finish_request.touch()
        end = run_here(directory)[-1].data
        kept = [step for step in steps_on_disk(directory) if step <= 11]
        assert end["steps"] == 11
        assert end["result_step"] == min(kept, key=lambda step: seen[step])


class TestOffTheTrainingThread:
    def test_a_checkpoint_holds_the_weights_of_its_step_however_late_it_is_written(
        self, make_run: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        usual = make_run(spec={"save_steps": 2, "keep_checkpoints": 9})
        run_here(usual)
        slow = make_run(spec={"save_steps": 2, "keep_checkpoints": 9})
        write, gate, names = saving.Saving._write, threading.Event(), []

        def late(self: Any, progress: Any, snapshot: Any) -> None:
            names.append(threading.current_thread().name)
            if progress.step == 2:
                gate.wait(30)
            write(self, progress, snapshot)

        save = saving.Saving.save

        def open_gate(self: Any, progress: Any, snapshot: Any) -> None:
            if progress.step == 4:
                gate.set()  # two steps after the snapshot was taken
            save(self, progress, snapshot)

        monkeypatch.setattr(saving.Saving, "_write", late)
        monkeypatch.setattr(saving.Saving, "save", open_gate)
        run_here(slow)
        assert set(names) == {"checkpoint"}
        for step in (2, 4, 6):
            verify_manifest(slow.checkpoint(step))
            for name in ("state-00000.safetensors", "adapter/adapter_model.safetensors", "progress.json"):
                one, other = (directory.checkpoint(step) / name for directory in (usual, slow))
                assert one.read_bytes() == other.read_bytes(), name

    def test_what_would_not_fit_in_memory_is_written_between_the_steps(
        self, make_run: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("trainer.checkpoint.SHARD_BYTES", 1000)
        names = []
        write = saving.Saving._write
        monkeypatch.setattr(
            saving.Saving, "_write", lambda *given: names.append(threading.current_thread().name) or write(*given)
        )
        directory = make_run(spec={"save_steps": 3})
        run_here(directory)
        assert set(names) == {"MainThread"}
        assert len(list(directory.checkpoint(6).glob("state-*.safetensors"))) > 1
