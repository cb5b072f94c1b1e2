"""Two ranks on one machine: killed and resumed to the bit, the same curve as one rank, and ZeRO-3's result."""

import json
import os
import shutil
import signal
import subprocess
import time
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from trainer_runs import command, losses, of_type
from transformers import AutoModelForCausalLM

from rundir import read_events
from tests.forks import start

SAME_CURVE = 2e-3
"""Relative: two ranks add the same gradients in another order, and AdamW's first steps magnify the last digit."""

FULL = os.environ.get("LUTHIER_TEST_FULL") == "1"
EPOCHS, KILLED_AFTER = (4, (3, 8, 15)) if FULL else (2, (5,))
LONG = pytest.mark.skipif(not FULL, reason="every stage on one and two ranks takes minutes: make test-full")


def run(directory: Any, *, ranks: int) -> list[Any]:
    """Train in processes of their own; return the events."""
    return outcome(directory, start("trainer", directory.root, environment()), ranks=ranks)


def outcome(directory: Any, process: Any, *, ranks: int) -> list[Any]:
    """Return the events of a training once its process has ended well."""
    assert process.wait(timeout=300) == 0, directory.log.read_text()[-4000:]
    events = read_events(directory.events)
    assert of_type(events, "started")[-1].data["world_size"] == ranks
    return events


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "DS_ACCELERATOR": "cpu"}


def kill_after(directory: Any, step: int) -> None:
    """Start a training and kill its whole tree once it has reported `step`."""
    child = start("trainer", directory.root, environment())
    deadline = time.monotonic() + 120
    while not any(event.data["step"] >= step for event in of_type(_events(directory), "metrics")):
        assert child.poll() is None, "it ended before it was killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _events(directory: Any) -> list[Any]:
    return read_events(directory.events) if directory.events.exists() else []


class TestResume:
    @pytest.mark.parametrize(
        ("zero_stage", "ranks"),
        [
            (1, 2),
            *(pytest.param(stage, ranks, marks=LONG) for stage, ranks in ((0, 1), (1, 1), (2, 1), (0, 2), (2, 2))),
        ],
    )
    def test_killed_it_ends_as_if_nothing_had_happened(self, make_run: Any, ranks: int, zero_stage: int) -> None:
        options = {
            "zero_stage": zero_stage, "per_device_train_batch_size": 4 // ranks, "num_train_epochs": EPOCHS,
            "spec": {"world_size": ranks, "save_steps": 2, "keep_checkpoints": 9},
        }  # fmt: skip
        undisturbed, killed = make_run(**options), make_run(**options)
        run(undisturbed, ranks=ranks)
        for step in KILLED_AFTER:
            kill_after(killed, step)
        events = run(killed, ranks=ranks)
        begun = [event.data["resumed_from_step"] for event in of_type(events, "started")]
        assert len(begun) == len(KILLED_AFTER) + 1
        assert begun == sorted(begun)
        assert begun[-1] >= KILLED_AFTER[-1] - 3  # the newest checkpoint may have been under way
        expected, found = losses(undisturbed), losses(killed)
        assert len(found) == 6 * EPOCHS
        # Losses, learning rates and each batch's tokens, all to the last bit.
        assert [row[:4] for row in found] == [row[:4] for row in expected]
        one, other = (load_file(d.adapter / "adapter_model.safetensors") for d in (undisturbed, killed))
        assert all(torch.equal(one[name], other[name]) for name in one)


class TestOneAndTwo:
    @pytest.mark.parametrize("zero_stage", [2, pytest.param(0, marks=LONG)])
    def test_two_ranks_give_the_curve_of_one(self, make_run: Any, zero_stage: int) -> None:
        curves = []
        for ranks in (1, 2):
            directory = make_run(
                zero_stage=zero_stage, per_device_train_batch_size=4 // ranks, num_train_epochs=3, lora_dropout=0.0,
                learning_rate=3e-3, spec={"world_size": ranks},
            )  # fmt: skip
            run(directory, ranks=ranks)
            curves.append([float(row[1]) for row in losses(directory)])
        assert len(curves[0]) == 18
        assert curves[1] == pytest.approx(curves[0], rel=SAME_CURVE)

    def test_a_run_goes_on_with_another_number_of_ranks(self, make_run: Any) -> None:
        options = {"num_train_epochs": 2, "lora_dropout": 0.0, "learning_rate": 3e-3}
        alone = make_run(per_device_train_batch_size=4, **options)
        run(alone, ranks=1)
        both = make_run(per_device_train_batch_size=2, zero_stage=1, spec={"world_size": 2, "save_steps": 6}, **options)
        run(both, ranks=2)
        shutil.rmtree(both.checkpoint(12))
        shutil.rmtree(both.adapter)
        spec = both.read_spec()
        spec["world_size"] = 1
        spec["hyperparameters"] |= {"per_device_train_batch_size": 4, "zero_stage": 0}
        both.spec.write_text(json.dumps(spec))
        events = run(both, ranks=1)
        assert of_type(events, "started")[-1].data["resumed_from_step"] == 6
        assert [float(row[1]) for row in losses(both)] == pytest.approx(
            [float(row[1]) for row in losses(alone)], rel=SAME_CURVE
        )


class TestZeroThree:
    @pytest.mark.parametrize("use_dora", [True, pytest.param(False, marks=LONG)])
    def test_two_ranks_save_a_result_that_plain_peft_loads(
        self, make_run: Any, base_folder: Any, use_dora: bool
    ) -> None:
        spec = {"world_size": 2, "save_steps": 3, "eval_steps": 1}
        directory = make_run(
            zero_stage=3, per_device_train_batch_size=2, use_dora=use_dora, load_best_model_at_end=True, spec=spec
        )
        with directory.log.open("wb") as log:  # from nothing: the launcher imports for both
            process = subprocess.Popen(command(directory), env=environment(), stdout=log, stderr=log)
        events = outcome(directory, process, ranks=2)
        assert events[-1].type == "succeeded"
        stored = load_file(directory.adapter / "probe" / "logits.safetensors")["tuned"][0]
        probe = json.loads((directory.adapter / "probe" / "probe.json").read_text())["probes"][0]
        model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base_folder), directory.adapter).eval()
        with torch.no_grad():
            found = model(torch.tensor([probe["prompt_ids"]])).logits[0, -1]
        assert torch.allclose(found, stored, atol=1e-4)
