"""Which of the shorter ways this training takes; each asks the model first."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from trainer import shared_prefix
from trainer.data import Conversations, MicroBatch, collate, split_batch
from trainer.dense import Layouts
from trainer.engine import effective_stage
from trainer.fused_lora import join_layers_of_one_input, products_of
from trainer.fused_passes import fuse_passes
from trainer.hardware import ACTIVATION_BYTES, CPU_TOKEN_BUDGET, LARGEST_CPU_BUDGET, Hardware
from trainer.label_loss import LabelLoss
from trainer.model import Trainee
from trainer.packing import begin_packing, pack
from trainer.questions import asleep, whole
from trainer.spec import TrainingSpec


@dataclass(frozen=True, kw_only=True)
class FastPath:
    """How conversations become micro-batches and losses."""

    label_loss: LabelLoss
    packs: bool
    """Whether a micro-batch is one row without padding: see trainer.packing."""
    shares_prefixes: Callable[[], bool]
    """Whether a batch's common beginning may be computed once (trainer.shared_prefix): asked when there is one."""
    token_budget: int
    """Tokens of one micro-batch, padding included."""

    @classmethod
    def find(
        cls,
        spec: TrainingSpec,
        trainee: Trainee,
        hardware: Hardware,
        *,
        longest: int,
        layouts: Layouts | None = None,
    ) -> "FastPath":
        """Ask the model; `longest` is the longest conversation in tokens. `layouts` may have started already."""
        label_loss = LabelLoss(trainee.causal)
        layouts = layouts or begin_layouts(trainee)
        packs = False
        if spec.hyperparameters.zero_stage < 3:  # which has spread the weights that a question needs
            layouts.begin(label_loss.products)
            packs = begin_packing(trainee.causal, label_loss, longest=longest)
            _join_lora_layers(trainee, label_loss)
            with asleep(trainee.causal):
                fuse_passes(trainee.causal)
        layouts.finish()

        @functools.cache
        def shares_prefixes() -> bool:
            return _may_share(spec, trainee, hardware) and shared_prefix.is_exact(
                trainee.causal, label_loss, longest=longest, packs=packs
            )

        on_cpu = hardware.device.type == "cpu"
        return cls(
            label_loss=label_loss,
            packs=packs,
            shares_prefixes=shares_prefixes,
            token_budget=_packed_budget(trainee) if packs and on_cpu else hardware.token_budget,
        )

    def split(
        self, rows: list[int], data: Conversations, *, world_size: int, max_rows: int, start: int = 0
    ) -> list[list[list[int]]]:
        """Return every rank's micro-batches of a batch whose first `start` tokens are computed apart."""
        return split_batch(
            rows,
            data.lengths - start,
            world_size=world_size,
            max_rows=max_rows,
            token_budget=self.token_budget,
            packs=self.packs,
        )

    def micro_batch(self, data: Conversations, rows: list[int], device: torch.device, *, start: int = 0) -> MicroBatch:
        """Read `rows` from token `start` on."""
        return (pack if self.packs else collate)(data, rows, device, start=start)


def begin_layouts(trainee: Trainee) -> Layouts:
    """Begin to lay out the weights of fused layers, which takes about as long as DeepSpeed's start."""
    layouts = Layouts()
    layouts.begin(products_of(trainee.causal))
    return layouts


def _packed_budget(trainee: Trainee) -> int:
    """Return the tokens whose activations take ACTIVATION_BYTES on a CPU, within limits.

    A layer keeps some eight tensors of the model's width and four of the gated layer's.
    """
    config = trainee.causal.config.get_text_config()
    width = config.hidden_size
    wider = getattr(config, "intermediate_size", None) or 4 * width
    of_a_token = config.num_hidden_layers * (8 * width + 4 * wider) * trainee.causal.dtype.itemsize
    return min(LARGEST_CPU_BUDGET, max(CPU_TOKEN_BUDGET, ACTIVATION_BYTES // of_a_token))


def _may_share(spec: TrainingSpec, trainee: Trainee, hardware: Hardware) -> bool:
    """Under ZeRO each parameter's gradient must come with the last pass, and the beginning's pass has none for the last
    layer's output. With dropout all rows would lose the same of it.
    """
    return effective_stage(spec.hyperparameters, trainee, hardware) == 0 and spec.hyperparameters.lora_dropout == 0


@torch.no_grad()
def _join_lora_layers(trainee: Trainee, label_loss: LabelLoss) -> None:
    causal: Any = trainee.causal
    ids = torch.zeros((1, 2), dtype=torch.int64, device=causal.device)
    with asleep(causal):
        join_layers_of_one_input(causal, lambda: label_loss.hidden(causal, whole(ids)))
