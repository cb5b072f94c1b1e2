"""A tuned model is trained further: the training goes on from the very weights at which the first one ended."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from trainer_runs import of_type, run_here

from rundir import RunDirectory
from trainer.result import weights_sha256

PLAIN = {"lora_dropout": 0.0, "lr_scheduler_type": "constant", "warmup_ratio": 0.0, "per_device_train_batch_size": 22}
"""One step is all rows: what the first step of a training loses is what the weights before it lose on them."""
SETTINGS = {
    "lora": {},
    "dora": {"use_dora": True},
    "rank-stabilised": {"use_rslora": True, "lora_module_name": "q_proj,v_proj"},
    "all weights": {"lora_dim": 0},
}


def first_loss(events: list) -> float:
    return of_type(events, "metrics")[0].data["train_loss"]


def last_loss(events: list) -> float:
    """Return the loss on the validation data at the end."""
    return of_type(events, "succeeded")[0].data["valid_loss"]


def result_of(directory: RunDirectory) -> Path:
    return next(path for path in (directory.root / "adapter", directory.root / "model") if path.exists())


def further(make_run, parent: RunDirectory, **options) -> RunDirectory:
    """Return a run that goes on from the result of `parent`, as the platform writes it."""
    folder = result_of(parent)
    spec = {"parent_name": "ft:tiny", **({"parent_path": str(folder)} if folder.name == "adapter" else {})}
    if folder.name == "model":
        spec["model_path"] = str(folder)
    return make_run(**options, spec={**spec, **options.pop("spec", {})})


@pytest.mark.parametrize("kind", SETTINGS)
def test_the_first_step_loses_what_the_first_training_ended_with(make_run, kind: str) -> None:
    chosen = {**PLAIN, **SETTINGS[kind]}
    parent = make_run(**chosen, num_train_epochs=4)
    ended = last_loss(run_here(parent))
    shown = further(make_run, parent, **chosen, learning_rate=1e-12)
    shutil.rmtree(shown.data / "train")
    shutil.copytree(shown.data / "validation", shown.data / "train")
    assert first_loss(run_here(shown)) == pytest.approx(ended, rel=2e-4)
    card = json.loads((result_of(shown) / "luthier.json").read_text())
    assert card["parent"] == "ft:tiny"


def test_what_is_learned_goes_on_falling(make_run) -> None:
    parent = make_run(**PLAIN, num_train_epochs=4)
    began = first_loss(run_here(parent))
    child = further(make_run, parent, **PLAIN, num_train_epochs=4)
    events = run_here(child)
    losses = [one.data["train_loss"] for one in of_type(events, "metrics")]
    assert losses[0] < began
    assert losses[-1] < losses[0]
    before, after = (load_file(result_of(one) / "adapter_model.safetensors") for one in (parent, child))
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("part", ["base", "rank", "layers", "bytes"])
def test_what_does_not_fit_is_refused_before_the_first_step(make_run, base_folder: Path, part: str) -> None:
    parent = make_run(**PLAIN)
    run_here(parent)
    folder = result_of(parent)
    sha256 = weights_sha256(base_folder)
    if part == "layers":
        tensors = load_file(folder / "adapter_model.safetensors")
        tensors.popitem()
        save_file(tensors, folder / "adapter_model.safetensors")
    if part == "bytes":
        (folder / "adapter_model.safetensors").write_bytes(b"no tensors")
    spec = {"model_sha256": "0" * 64 if part == "base" else sha256}
    chosen = {**PLAIN, "lora_dim": 8} if part == "rank" else PLAIN
    child = make_run(**chosen, spec={"parent_path": str(folder), **spec})
    events = run_here(child)
    [failed] = of_type(events, "failed")
    assert failed.data["code"] == "bad_parent"
    assert not of_type(events, "metrics")
