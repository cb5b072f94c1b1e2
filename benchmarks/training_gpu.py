"""How fast one GPU trains LoRA on all linear layers of models of 7 and 14 billion parameters: ours, and the records.

python -m benchmarks.training_gpu [--shape qwen2.5-7b|qwen2.5-14b|qwen-14b|tiny] [--tokens N] [--steps N] [--rows N]

The weights are random, in the shapes of the named models: speed does not ask what they say. The steps are the
trainer's own (trainer.train.optimize with its DeepSpeed engine and AdamW), batches of 8 conversations of --tokens
tokens, each token learned, --rows conversations at a time; the first two steps are not counted. Utilisation counts 4N a
token: LoRA multiplies each weight of a layer and of the output layer once forward and once back, 2 FLOP each; attention
and the adapter are left out. It is of the device's dense bf16 rate as its maker gives it; beside it stands what the
device's own products reach. Without --shape and --tokens all shapes are measured in turn, each in a process of its own.

The last line of each is JSON: `ratio` is ours over the record, where there is one for that shape. "tiny" runs
anywhere, and shows only that the benchmark works.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.common import say_machine

BATCH = 8
WARM_UP = 2
RANK = 8
VOCABULARY = 152_064


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Of a model with Qwen2's architecture."""

    width: int
    layers: int
    heads: int
    kv_heads: int
    gated: int
    """Width inside the gated layer."""
    vocabulary: int = VOCABULARY


SHAPES = {
    "qwen2.5-7b": Shape(width=3584, layers=28, heads=28, kv_heads=4, gated=18_944),
    "qwen2.5-14b": Shape(width=5120, layers=48, heads=40, kv_heads=8, gated=13_824),
    "qwen-14b": Shape(width=5120, layers=40, heads=40, kv_heads=40, gated=13_696),
    "tiny": Shape(width=128, layers=2, heads=4, kv_heads=2, gated=256, vocabulary=512),
}
RECORDS = {
    ("qwen2.5-7b", 4096): (14_110.0, "NeMo AutoModel, LoRA on one H100, 42.8 % of its rate"),
    ("qwen-14b", 2048): (BATCH * 2048 / 8.4, "8.4 s an iteration of 1 x 8 x 2,048 on one A100, some 35 % of its rate"),
}
"""Tokens a second, published, and by whom."""
DENSE_BF16 = {"H100 PCIe": 756e12, "H100": 989e12, "H200": 989e12, "A100": 312e12, "L40S": 362e12}
"""FLOP/s from NVIDIA's data sheets, by a part of the device's name; the first that fits."""


class Rows:
    """Conversations of one length, every token of which is learned."""

    def __init__(self, number: int, tokens: int, vocabulary: int) -> None:
        self.lengths = np.full(number, tokens, dtype=np.int64)
        self._ids = np.random.default_rng(0).integers(1, vocabulary, (number, tokens), dtype=np.uint32)
        self._learned = np.ones(tokens, dtype=np.bool_)

    def __len__(self) -> int:
        return len(self.lengths)

    def row(self, index: int) -> tuple[Any, Any]:
        return self._ids[index], self._learned


def main(argv: list[str]) -> int:
    """Measure and print; return 2 where there is no GPU."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=list(SHAPES))
    parser.add_argument("--tokens", type=int, help="of a conversation; 2,048 and 4,096 where none is named")
    parser.add_argument("--steps", type=int, default=10, help="that are counted")
    parser.add_argument("--rows", type=int, default=1, help="conversations in one micro-batch")
    parser.add_argument("--checkpointing", action="store_true", help="recompute activations: less memory, slower")
    asked = parser.parse_args(argv)
    if min(asked.steps, asked.rows, asked.tokens or 1) < 1:
        parser.error("--tokens, --steps and --rows are at least 1.")
    from trainer.environment import prepare_environment

    prepare_environment()
    from machine.answers import can
    from machine.facts import Ability

    if asked.shape != "tiny" and not can(Ability.GPU):
        print("No GPU that PyTorch can use is here. Run this on one, or --shape tiny to see that it works.")
        return 2
    if asked.shape and asked.tokens:
        measure(asked)
        return 0
    shapes = [asked.shape] if asked.shape else [name for name in SHAPES if name != "tiny"]
    pairs = [(shape, tokens) for shape in shapes for tokens in ([asked.tokens] if asked.tokens else [2048, 4096])]
    return max(
        subprocess.run(
            [sys.executable, "-m", "benchmarks.training_gpu", *argv, "--shape", shape, "--tokens", str(tokens)]
        ).returncode
        for shape, tokens in pairs
    )


def measure(asked: argparse.Namespace) -> None:
    """Train the chosen shape and print what came of it."""
    import torch

    from trainer.hardware import peak_memory_bytes
    from trainer.train import optimize

    shape = SHAPES[asked.shape]
    training, fused = prepare(asked, shape)
    device = training.hardware.device
    rate, of_products = dense_rate(training.hardware.device_name), product_rate(training.hardware)
    seconds, losses = [], []
    for step in range(WARM_UP + asked.steps):
        started_at = time.perf_counter()
        # The step's loss is read by the host: the device has done all of it then, but for the optimizer's last kernels.
        losses.append(optimize(training, training.order.batch(step), step, 1e-4))
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - started_at)
    speeds = [BATCH * asked.tokens / taken for taken in seconds[WARM_UP:]]
    tokens_per_second = statistics.median(speeds)
    count = parameters(shape)
    flop = 4 * count * tokens_per_second
    record, whose = RECORDS.get((asked.shape, asked.tokens), (None, "none for this shape"))
    say_machine(
        device=training.hardware.device_name, torch=torch.__version__, dtype=training.hardware.dtype_name,
        shape=asked.shape, tokens=asked.tokens, batch=BATCH, rows=asked.rows, packed=training.fast_path.packs,
        fused=fused, first_loss=round(losses[0], 4), last_loss=round(losses[-1], 4),
    )  # fmt: skip
    print(f"N = {count / 1e9:.3f} billion; 4N x {tokens_per_second:,.0f} tokens/s = {flop / 1e12:.1f} TFLOP/s.")
    print(f"The device's own products reach {of_products / 1e12:.1f} TFLOP/s: {flop / of_products:.1%} of that.")
    print(f"Record: {whose}.")
    print(
        json.dumps(
            {
                "benchmark": "training_gpu",
                "device": training.hardware.device_name,
                "shape": asked.shape,
                "tokens": asked.tokens,
                "tokens_per_second": tokens_per_second,
                "spread": round((max(speeds) - min(speeds)) / tokens_per_second, 4),
                "peak_bytes": peak_memory_bytes(device),
                "utilisation": rate and round(flop / rate, 4),
                "record": record,
                "ratio": record and round(tokens_per_second / record, 4),
            }
        ),
        flush=True,
    )


def prepare(asked: argparse.Namespace, shape: Shape) -> tuple[Any, int]:
    """Return a Training of a model of this shape, and how many of its modules are fused."""
    import torch
    from transformers import AutoModelForCausalLM, Qwen2Config

    from machine.facts import available_cores
    from trainer import engine
    from trainer.fast_path import FastPath
    from trainer.hardware import survey
    from trainer.model import prepare as prepare_trainee
    from trainer.spec import Hyperparameters, TrainingSpec
    from trainer.train import Training

    hyperparameters = Hyperparameters(
        max_seq_len=asked.tokens, lora_dim=RANK, lora_alpha=32, per_device_train_batch_size=asked.rows,
        per_device_eval_batch_size=1, gradient_accumulation_steps=max(1, BATCH // asked.rows), learning_rate=1e-4,
        weight_decay=0.0, num_train_epochs=1, lr_scheduler_type="constant",
        gradient_checkpointing=asked.checkpointing,
    )  # fmt: skip
    spec = TrainingSpec(model_path="", hyperparameters=hyperparameters)
    hardware = survey(dtype="auto", threads=available_cores(), local_rank=0)
    config = Qwen2Config(
        hidden_size=shape.width, num_hidden_layers=shape.layers, num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads, intermediate_size=shape.gated, vocab_size=shape.vocabulary,
        max_position_embeddings=32_768, tie_word_embeddings=False,
    )  # fmt: skip
    torch.manual_seed(0)
    with hardware.device:
        causal: Any = AutoModelForCausalLM.from_config(config, dtype=hardware.dtype, attn_implementation="sdpa")
    causal.requires_grad_(False)
    trainee = prepare_trainee(causal, hyperparameters)
    ranks = engine.Ranks(rank=0, local_rank=0, world_size=1)
    engine.join_process_group(ranks, hardware)
    training = Training(
        spec=spec, engine=engine.start_engine(spec, trainee, hardware),
        data=Rows((WARM_UP + asked.steps) * BATCH, asked.tokens, shape.vocabulary), validation=None, hardware=hardware,
        ranks=ranks, total_steps=WARM_UP + asked.steps,
        fast_path=FastPath.find(spec, trainee, hardware, longest=asked.tokens),
    )  # fmt: skip
    return training, sum("forward" in vars(module) for module in trainee.causal.modules())


def parameters(shape: Shape) -> int:
    """Return N: the weights that a token is multiplied with, output layer included."""
    head = shape.width // shape.heads
    attention = shape.width * head * (2 * shape.heads + 2 * shape.kv_heads)
    return shape.layers * (attention + 3 * shape.width * shape.gated) + shape.width * shape.vocabulary


def dense_rate(device_name: str) -> float | None:
    """Return the device's dense bf16 FLOP/s as its maker gives it, or None for one that is not listed."""
    return next((rate for part, rate in DENSE_BF16.items() if part in device_name), None)


def product_rate(hardware: Any) -> float:
    """Return FLOP/s of a large product in the training's format: median of 10."""
    import torch

    size = 8192 if hardware.device.type == "cuda" else 512
    left, right = (torch.randn(size, size, device=hardware.device).to(hardware.dtype) for _ in range(2))
    rates = []
    for _ in range(12):
        started_at = time.perf_counter()
        left @ right
        if hardware.device.type == "cuda":
            torch.cuda.synchronize()
        rates.append(2 * size**3 / (time.perf_counter() - started_at))
    return statistics.median(rates[2:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
