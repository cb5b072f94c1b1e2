"""DeepSpeed: process group, configuration, engine."""

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from trainer import internals
from trainer.hardware import Hardware
from trainer.model import Trainee
from trainer.spec import Hyperparameters, TrainingSpec

BETAS = (0.9, 0.999)
EPSILON = 1e-8


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """This process among those that train together."""

    rank: int
    local_rank: int
    world_size: int

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    @classmethod
    def from_environment(cls) -> "Ranks":
        """Read RANK, LOCAL_RANK and WORLD_SIZE as torchrun, DeepSpeed and `trainer.launch` set them."""
        return cls(
            rank=int(os.environ.get("RANK", "0")),
            local_rank=int(os.environ.get("LOCAL_RANK", "0")),
            world_size=int(os.environ.get("WORLD_SIZE", "1")),
        )


def join_process_group(ranks: Ranks, hardware: Hardware) -> None:
    """Make this process one of `ranks.world_size`; alone, it is a group of one that needs no port."""
    import deepspeed

    backend = "nccl" if hardware.device.type == "cuda" else "gloo"
    os.environ.setdefault("LOCAL_RANK", str(ranks.local_rank))  # DeepSpeed reads it from there only
    logging.getLogger("DeepSpeed").setLevel(logging.WARNING)
    if ranks.world_size == 1:
        internals.skip_shared_memory_operator()
        if not torch.distributed.is_initialized():
            store = torch.distributed.HashStore()
            torch.distributed.init_process_group(backend, store=store, rank=0, world_size=1)
    deepspeed.init_distributed(backend, verbose=False)


def effective_stage(hyperparameters: Hyperparameters, trainee: Trainee, hardware: Hardware) -> int:
    """Return the ZeRO stage that runs: 16-bit weights need the fp32 master that DeepSpeed keeps from stage 1 on."""
    if uses_master_weights(trainee, hardware):
        return max(1, hyperparameters.zero_stage)
    return hyperparameters.zero_stage


def uses_master_weights(trainee: Trainee, hardware: Hardware) -> bool:
    """Whether the trained weights are 16-bit with an fp32 copy. LoRA on a bfloat16 base is kept in fp32 itself."""
    if hardware.dtype == torch.float32:
        return False
    return hardware.dtype == torch.float16 or trainee.result == "model"


def start_engine(spec: TrainingSpec, trainee: Trainee, hardware: Hardware) -> Any:
    """Return the DeepSpeed engine around `trainee.model`, with AdamW over what is trainable."""
    import deepspeed

    hyperparameters = spec.hyperparameters
    groups = _decay_groups(trainee, hyperparameters.weight_decay)
    # ZeRO-Offload brings an AdamW of its own that computes on the host; it is named in the configuration.
    optimizer = (
        None
        if hyperparameters.offload
        else torch.optim.AdamW(groups, lr=hyperparameters.learning_rate, betas=BETAS, eps=EPSILON, fused=True)
    )
    engine, *_ = deepspeed.initialize(
        model=trainee.model,
        optimizer=optimizer,
        model_parameters=groups,
        config=configuration(spec, trainee, hardware),
        dist_init_required=False,
    )
    return engine


def configuration(spec: TrainingSpec, trainee: Trainee, hardware: Hardware) -> dict[str, Any]:
    """Return DeepSpeed's configuration. Accumulation is 1 there: `train.py` says itself which pass is the last."""
    hyperparameters = spec.hyperparameters
    stage = effective_stage(hyperparameters, trainee, hardware)
    zero: dict[str, Any] = {"stage": stage}
    config: dict[str, Any] = {
        "train_micro_batch_size_per_gpu": hyperparameters.per_device_train_batch_size,
        "gradient_accumulation_steps": 1,
        "gradient_clipping": hyperparameters.max_grad_norm,
        "zero_optimization": zero,
        "zero_allow_untested_optimizer": True,
        "steps_per_print": None,
    }
    if hyperparameters.offload:
        zero["offload_optimizer"] = {"device": "cpu"}
        if stage == 3:
            zero["offload_param"] = {"device": "cpu"}
        config["optimizer"] = {
            "type": "AdamW",
            "params": {"lr": hyperparameters.learning_rate, "betas": list(BETAS), "eps": EPSILON},
        }
    if uses_master_weights(trainee, hardware):
        config[{torch.bfloat16: "bf16", torch.float16: "fp16"}[hardware.dtype]] = {"enabled": True}
        config["data_types"] = {"grad_accum_dtype": "fp32"}
    return config


def sum_over_ranks(values: list[float], ranks: Ranks, device: torch.device) -> list[float]:
    """Return the sums over all ranks, in fp64."""
    if ranks.world_size == 1:
        return values
    total = torch.tensor(values, dtype=torch.float64, device=device)
    torch.distributed.all_reduce(total)
    return [float(value) for value in total]


def agree_on(choice: Path | None, ranks: Ranks) -> Path | None:
    """Return rank 0's choice on every rank."""
    if ranks.world_size == 1:
        return choice
    chosen = [choice]
    torch.distributed.broadcast_object_list(chosen, src=0)
    return chosen[0]


def _decay_groups(trainee: Trainee, weight_decay: float) -> list[dict[str, Any]]:
    """Return parameter groups: biases and norms (one dimension) do not decay."""
    weights = list(trainee.trainable().values())
    groups = [
        {"params": [weight for weight in weights if weight.dim() >= 2], "weight_decay": weight_decay},
        {"params": [weight for weight in weights if weight.dim() < 2], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]
