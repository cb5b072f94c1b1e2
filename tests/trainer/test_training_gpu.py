"""The benchmark for GPUs: its arithmetic, and that it runs; its figures need a GPU."""

import json
import subprocess
import sys

import pytest
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from benchmarks.training_gpu import SHAPES, dense_rate, parameters
from machine.answers import can
from machine.facts import Ability


@pytest.mark.parametrize("name", list(SHAPES))
def test_counts_the_weights_that_a_token_is_multiplied_with(name: str) -> None:
    shape = SHAPES[name]
    config = Qwen2Config(
        hidden_size=shape.width, num_hidden_layers=shape.layers, num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads, intermediate_size=shape.gated, vocab_size=shape.vocabulary,
        tie_word_embeddings=False,
    )  # fmt: skip
    with torch.device("meta"):
        causal = Qwen2ForCausalLM(config)
    linear = [module for module in causal.modules() if isinstance(module, torch.nn.Linear)]
    assert parameters(shape) == sum(module.weight.numel() for module in linear)


def test_knows_devices_by_a_part_of_their_name() -> None:
    assert dense_rate("NVIDIA H100 80GB HBM3") == 989e12
    assert dense_rate("NVIDIA H100 PCIe") == 756e12
    assert dense_rate("AMD EPYC") is None


def test_runs_on_a_processor_too() -> None:
    command = [sys.executable, "-m", "benchmarks.training_gpu", "--shape", "tiny"]
    done = subprocess.run(
        [*command, "--tokens", "48", "--steps", "2", "--rows", "3"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["tokens_per_second"] > 0
    assert found["utilisation"] is None
    assert found["record"] is None


@pytest.mark.skipif(can(Ability.GPU), reason="this machine has a GPU")
def test_says_that_there_is_no_gpu() -> None:
    command = [sys.executable, "-m", "benchmarks.training_gpu", "--shape", "qwen-14b"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2
    assert "No GPU" in done.stdout
    assert "Traceback" not in done.stderr
