"""A small random model of each architecture: trained, saved, loaded by plain PEFT, served with the same logits."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from torch.nn import functional
from trainer_runs import losses, run_here
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    Gemma2Config,
    GemmaConfig,
    InternLM3Config,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    PhiConfig,
    Qwen2Config,
    Qwen3Config,
)

import chat
from serving.faults import ServingFault
from serving.lora import GroupedLora
from serving.model import forward, load_model
from trainer.data import BatchOrder

SMALL = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "initializer_range": 0.1, "pad_token_id": None, "bos_token_id": None,
}  # fmt: skip
FAMILIES: dict[str, tuple[Any, dict[str, Any]]] = {
    "qwen2": (Qwen2Config, {"tie_word_embeddings": False}),
    "qwen2.5": (Qwen2Config, {"tie_word_embeddings": True, "num_key_value_heads": 1, "rms_norm_eps": 1e-6}),
    "qwen3": (Qwen3Config, {"head_dim": 32}),
    "llama": (LlamaConfig, {"rope_parameters": {"rope_type": "default", "rope_theta": 500_000.0}}),
    "mistral": (MistralConfig, {"sliding_window": 4096}),
    "gemma": (GemmaConfig, {"head_dim": 16, "tie_word_embeddings": True}),
    "gemma2": (Gemma2Config, {"head_dim": 16, "final_logit_softcapping": 5.0, "sliding_window": 4096}),
    "phi": (PhiConfig, {"partial_rotary_factor": 0.5}),
    "phi3": (Phi3Config, {}),
    "internlm3": (InternLM3Config, {"qkv_bias": True, "bias": True, "head_dim": 16}),
}
NOT_SERVED = {"gemma2": "gemma2"}
"""The embedded engine says so itself: soft-capped attention is none of its own."""
LINEAR = {"phi3": 2 * 4, "phi": 2 * 6}
"""Linear layers that get an adapter, where it is not seven a block."""


@pytest.fixture(params=list(FAMILIES))
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def model_folder(family: str, base_folder: Path, tmp_path: Path) -> Path:
    """A random model of the family with the small tokenizer."""
    folder = tmp_path / "model"
    shutil.copytree(base_folder, folder, ignore=shutil.ignore_patterns("*.safetensors", "config.json"))
    kind, options = FAMILIES[family]
    text = AutoConfig.from_pretrained(base_folder)
    torch.manual_seed(0)
    config = kind(vocab_size=text.vocab_size, eos_token_id=text.eos_token_id, **{**SMALL, **options})
    AutoModelForCausalLM.from_config(config, attn_implementation="eager").save_pretrained(folder)
    return folder


def first_loss(model_folder: Path, directory: Any) -> float:
    """Return the loss of the first batch by Transformers alone, one row at a time."""
    model = AutoModelForCausalLM.from_pretrained(model_folder, attn_implementation="eager")
    data = chat.TokenCache.open(directory.data / "train")
    total, count = 0.0, 0
    for row in BatchOrder(len(data), 4, seed=0).batch(0):
        ids, learned = data.row(row)
        tokens, where = torch.tensor(ids.astype("int64")), torch.tensor(learned[1:])
        with torch.no_grad():
            logits = model(tokens[None]).logits[0, :-1]
        total += float(functional.cross_entropy(logits[where], tokens[1:][where], reduction="sum"))
        count += int(where.sum())
    return total / count


def trained(make_run: Any, model_folder: Path) -> Any:
    directory = make_run(
        spec={"model_path": str(model_folder), "save_steps": 3}, lora_dropout=0.0,
        system="You are the violin maker and this wood sings of a violin",
    )  # fmt: skip
    events = run_here(directory)
    assert events[-1].type == "succeeded", events[-1].message
    return directory


def probes(directory: Any) -> tuple[list[list[int]], torch.Tensor]:
    folder = directory.adapter / "probe"
    ids = [probe["prompt_ids"] for probe in json.loads((folder / "probe.json").read_text())["probes"]]
    return ids, load_file(folder / "logits.safetensors")["tuned"]


def test_learns_from_the_right_tokens_and_plain_peft_loads_it(make_run: Any, family: str, model_folder: Path) -> None:
    directory = trained(make_run, model_folder)
    curve = [float(row[1]) for row in losses(directory)]
    assert curve[0] == pytest.approx(first_loss(model_folder, directory), rel=1e-4)
    assert curve[-1] < curve[0]
    tensors = load_file(directory.adapter / "adapter_model.safetensors")
    assert sum("lora_A" in name for name in tensors) == LINEAR.get(family, 14)
    base = AutoModelForCausalLM.from_pretrained(model_folder)
    model = PeftModel.from_pretrained(base, directory.adapter).eval()
    prompts, stored = probes(directory)
    for ids, expected in zip(prompts, stored, strict=True):
        with torch.no_grad():
            assert torch.allclose(model(torch.tensor([ids])).logits[0, -1], expected, atol=1e-3)


def test_is_served_with_the_same_logits_or_refused_in_words(make_run: Any, family: str, model_folder: Path) -> None:
    directory = trained(make_run, model_folder)
    options: dict[str, Any] = {
        "dtype": torch.float32, "device": torch.device("cpu"), "max_slots": 2, "max_model_len": 256,
    }  # fmt: skip
    if family in NOT_SERVED:
        with pytest.raises(ServingFault, match=f"does not compute models of type '{NOT_SERVED[family]}'"):
            load_model(model_folder, **options)
        return
    with torch.inference_mode():
        loaded = load_model(model_folder, **options)
        lora = GroupedLora(loaded.model, dtype=loaded.dtype, device=loaded.device)
        lora.select([lora.add(directory.adapter)])
        for ids, expected in zip(*probes(directory), strict=True):
            step = loaded.pool.begin([0], [0], len(ids), loaded.device)
            found = forward(loaded, torch.tensor([ids]), step.positions, torch.tensor([len(ids) - 1]))[0]
            assert float((found - expected).abs().max() / expected.std()) < 1e-3
