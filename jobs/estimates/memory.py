"""How much memory a training takes on each device, by arithmetic, before anything has been tried.

Weights, gradients and AdamW's state follow Rajbhandari et al. 2020 (ZeRO); activations follow Korthikanti et al. 2022
("Reducing Activation Recomputation in Large Transformer Models"): 34 bytes per token, layer and hidden unit in 16 bits
without the attention scores, which no current kernel keeps.
"""

from dataclasses import dataclass

from catalogue.models import BaseModel
from jobs.hyperparameters import Values

TRAINED_BYTES = 16
"""Of a trained parameter: fp32 weight and gradient, and AdamW's two moments."""
ACTIVATION_BYTES = 34
"""Per token, layer and hidden unit, in 16 bits; twice as much in fp32."""
KEPT_BYTES = 2
"""The same where activations are computed again: only each layer's input is kept."""
LORA_WIDTHS = 20
"""Rows and columns of all linear layers of a block together, in hidden units: four of attention, three of the MLP."""
GPU_TOKENS = 16_384
"""The most tokens that the trainer takes at a time on a GPU, unless one conversation is longer."""
CPU_TOKENS = (512, 2048)
"""Between these on a CPU, by the activations that CPU_BYTES hold."""
CPU_BYTES = 2 * 2**30
"""So much a CPU's activations may take, and so much the copies of a frozen base that are laid out for its products."""
LABELS_AT_ONCE, WORDS_AT_ONCE = 4096, {"cpu": 4096, "cuda": 16_384}
"""Of the logits, where the output layer is not trained: they are made piece by piece."""
OVERHEAD_BYTES = {"cpu": 700_000_000, "cuda": 1_200_000_000}
"""Libraries on a CPU; CUDA's context and the allocator's rest on a GPU."""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Bytes on each device."""

    weights: int
    trained: int
    activations: int
    overhead: int

    @property
    def total(self) -> int:
        return self.weights + self.trained + self.activations + self.overhead


def memory_of(base: BaseModel, values: Values, *, device_kind: str, world_size: int) -> Memory:
    """Return what one device needs for `values`; within about a third of what is measured."""
    wide = 2 if device_kind == "cuda" else 4
    stage, offload = int(values["zero_stage"]), bool(values["offload"])
    trained = _trained_parameters(base, values)
    is_whole = trained >= base.parameters
    held = TRAINED_BYTES * trained
    if offload:
        held = (KEPT_BYTES if stage == 3 else 2) * trained
    elif stage > 0:
        held = held // world_size
    weights = 0 if is_whole and stage == 3 else wide * base.parameters // (world_size if stage == 3 else 1)
    copies = 0 if device_kind == "cuda" or _trains_base(values) or stage == 3 else 2 * weights
    return Memory(
        weights=weights + (copies if copies <= CPU_BYTES else 0),
        trained=held,
        activations=_activations(base, values, device_kind=device_kind, wide=wide),
        overhead=OVERHEAD_BYTES[device_kind],
    )


def _trained_parameters(base: BaseModel, values: Values) -> int:
    rank = int(values["lora_dim"])
    adapter = rank * base.num_layers * LORA_WIDTHS * base.hidden_size
    return adapter + base.parameters if _trains_base(values) else adapter


def _trains_base(values: Values) -> bool:
    return int(values["lora_dim"]) == 0 or not values["only_optimize_lora"]


def _activations(base: BaseModel, values: Values, *, device_kind: str, wide: int) -> int:
    length, layers = int(values["max_seq_len"]), base.num_layers
    per_unit = ACTIVATION_BYTES * wide // 2
    recomputes = values["gradient_checkpointing"]
    kept = layers * (KEPT_BYTES * wide // 2 if recomputes else per_unit) * base.hidden_size
    most = GPU_TOKENS if device_kind == "cuda" else min(CPU_TOKENS[1], max(CPU_TOKENS[0], CPU_BYTES // (kept or 1)))
    tokens = max(length, min(int(values["per_device_train_batch_size"]) * length, most))
    blocks = tokens * (kept + (base.hidden_size * per_unit if recomputes else 0))
    words, labels = base.vocab_size, tokens
    if not _trains_base(values):
        words, labels = min(words, WORDS_AT_ONCE[device_kind]), min(tokens, LABELS_AT_ONCE)
    return int(blocks + labels * words * (wide + 4))
