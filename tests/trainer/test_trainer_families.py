"""Every family, from its published folder through a short training to a served answer."""

import json
import math
import re
from dataclasses import dataclass

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from tiny_families import FAMILIES, Family, Saved
from torch.nn import functional
from trainer_runs import HYPERPARAMETERS, losses, of_type, run_here, write_run
from transformers import AutoModelForCausalLM

import chat
from rundir import RunDirectory
from serving.engine import Engine
from serving.faults import ServingFault
from serving.gate import Proof, prove
from serving.model import load_model
from trainer.data import BatchOrder
from trainer.hardware import survey
from trainer.model import load_base

SYSTEM = "You are the violin maker and this wood sings of a violin"


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A family's tiny model and its finished run."""

    family: Family
    saved: Saved
    directory: RunDirectory
    events: list


@pytest.fixture(scope="module", params=list(FAMILIES))
def trained(request, base_folder, tmp_path_factory) -> Trained:
    family, root = FAMILIES[request.param], tmp_path_factory.mktemp("family")
    chat_format = chat.ChatFormat.load(base_folder)
    (stop_id,) = chat_format.stop_ids
    saved = family.save(root, base_folder, vocab_size=stop_id + 1, eos_token_id=stop_id)
    spec = {"model_path": str(saved.published), "model_name": request.param, "validation_data": None}
    # Without dropout and with a common beginning, so that the trainer's own functions compute it.
    directory = write_run(root / "run", base_folder, rows=12, system=SYSTEM, spec=spec, lora_dropout=0.0)
    return Trained(family=family, saved=saved, directory=directory, events=run_here(directory))


def plain_model(saved: Saved):
    """What Transformers computes, by its plainest attention."""
    return AutoModelForCausalLM.from_pretrained(saved.plain, dtype=torch.float32, attn_implementation="eager").eval()


@torch.no_grad()
def plain_loss(model, data, rows) -> float:
    """The mean cross-entropy of the learned tokens, one conversation at a time."""
    total, count = 0.0, 0
    for ids, learned in (data.row(row) for row in rows):
        ids, where = torch.tensor(ids.astype("int64")), torch.tensor(learned[1:])
        logits = model(input_ids=ids[None]).logits[0, :-1]
        total += float(functional.cross_entropy(logits[where], ids[1:][where], reduction="sum"))
        count += int(where.sum())
    return total / count


def serve_and_prove(folder, adapter) -> Proof:
    """Load base and adapter into the embedded engine and hold them to the probes of the training."""
    loaded = load_model(folder, dtype=torch.float32, device=torch.device("cpu"), max_slots=4, max_model_len=128)
    engine = Engine(loaded, max_concurrent=4)
    engine.start()
    try:
        number = engine.call(lambda: engine.lora.add(adapter)).result()
        return prove(engine, chat.ChatFormat.load(adapter), adapter / "probe", adapter=number)
    finally:
        engine.stop()


class TestFamily:
    def test_trains_on_what_transformers_computes(self, trained):
        assert trained.events[-1].type == "succeeded", trained.events[-1]
        rows = losses(trained.directory)
        assert len(rows) == 3
        assert all(math.isfinite(float(row[1])) for row in rows)
        data = chat.TokenCache.open(trained.directory.data / "train")
        batch = BatchOrder(len(data), HYPERPARAMETERS["per_device_train_batch_size"], seed=0).batch(0)
        expected = plain_loss(plain_model(trained.saved), data, batch)
        assert float(rows[0][1]) == pytest.approx(expected, rel=1e-5)

    def test_gives_lora_to_every_linear_layer_but_the_output(self, trained):
        model = plain_model(trained.saved)
        linear = {name for name, part in model.named_modules() if isinstance(part, torch.nn.Linear)}
        tensors = load_file(trained.directory.adapter / "adapter_model.safetensors")
        learned = {name.removeprefix("base_model.model.").rpartition(".lora_")[0] for name in tensors}
        assert learned == {name for name in linear if name != "lm_head" and "vision" not in name}
        (started,) = of_type(trained.events, "started")
        assert set(started.data["target_modules"]) == {name.rpartition(".")[2] for name in learned}

    def test_saves_an_adapter_that_peft_answers_with_alike(self, trained):
        folder = trained.directory.adapter
        stored = load_file(folder / "probe" / "logits.safetensors")
        model = PeftModel.from_pretrained(plain_model(trained.saved), str(folder)).eval()
        prompts = probe_prompts(folder)
        with torch.no_grad():
            tuned = torch.stack([model(input_ids=torch.tensor([ids])).logits[0, -1] for ids in prompts])
            with model.disable_adapter():
                base = torch.stack([model(input_ids=torch.tensor([ids])).logits[0, -1] for ids in prompts])
        assert torch.allclose(tuned, stored["tuned"], atol=1e-3)
        assert torch.allclose(base, stored["base"], atol=1e-3)
        assert (tuned - base).abs().max() > 0.1

    def test_is_served_as_it_was_trained_or_refused_in_a_sentence(self, trained):
        if trained.family.refused:
            with pytest.raises(ServingFault, match=trained.family.refused) as refusal:
                serve_and_prove(trained.saved.published, trained.directory.adapter)
            assert refusal.value.code == "model_unsupported"
            assert re.fullmatch(r"\w[^\n]*[^.]\.", str(refusal.value.message))
            assert "trust_remote_code" not in str(refusal.value.message)
        if trained.family.computed:
            proof = serve_and_prove(trained.saved.plain, trained.directory.adapter)
            assert proof.passed, proof.reason
            assert proof.max_difference < 0.001


def probe_prompts(folder) -> list[list[int]]:
    return [probe["prompt_ids"] for probe in json.loads((folder / "probe" / "probe.json").read_text())["probes"]]


@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if family.publish])
def test_a_whole_model_trained_from_another_form_is_one_that_transformers_loads(name, base_folder, tmp_path):
    saved = FAMILIES[name].save(tmp_path, base_folder, vocab_size=322, eos_token_id=321)
    spec = {"model_path": str(saved.published), "validation_data": None}
    directory = write_run(tmp_path / "run", base_folder, rows=12, spec=spec, lora_dim=0, learning_rate=1e-3)
    assert run_here(directory)[-1].type == "succeeded"
    stored = load_file(directory.model / "probe" / "logits.safetensors")
    model = AutoModelForCausalLM.from_pretrained(directory.model, dtype=torch.float32).eval()
    with torch.no_grad():
        logits = [model(input_ids=torch.tensor([ids])).logits[0, -1] for ids in probe_prompts(directory.model)]
    assert torch.allclose(torch.stack(logits), stored["tuned"], atol=1e-3)
    assert not torch.allclose(stored["tuned"], stored["base"], atol=0.1)


@pytest.mark.parametrize("name", list(FAMILIES))
def test_is_loaded_where_sdpa_is_preferred_as_on_a_gpu(name, base_folder, tmp_path):
    saved = FAMILIES[name].save(tmp_path, base_folder, vocab_size=100, eos_token_id=2)
    hardware = survey(dtype="float32", threads=1, local_rank=0)
    ids = torch.arange(3, 40)[None]
    with torch.no_grad():
        logits, expected = (
            model(input_ids=ids).logits for model in (load_base(saved.published, hardware), plain_model(saved))
        )
    assert torch.allclose(logits, expected, atol=1e-4)
