"""What to change when memory runs out: step by step, and never the batch that one optimizer step learns from."""

from dataclasses import dataclass

from jobs.hyperparameters.messages import message
from jobs.hyperparameters.values import Asked, Values
from wording import Message


@dataclass(frozen=True, kw_only=True)
class MemorySaving:
    """One step of the ladder."""

    changes: Values
    """Hyperparameters with their new values."""
    message: Message
    """What is done, and what it costs."""


def next_saving(values: Values, asked: Asked, *, device_kind: str, world_size: int) -> MemorySaving | None:
    """Return the next thing to try with less memory than `values` take; None when nothing is left.

    In this order: fewer conversations at a time in more rounds, recomputing activations, spreading over devices, the
    host's memory. What the user has switched off by name stays off.
    """
    per_device = int(values["per_device_train_batch_size"])
    if per_device > 1:
        fewer = per_device // 2
        return MemorySaving(
            changes={
                "per_device_train_batch_size": fewer,
                "gradient_accumulation_steps": -(-int(values["gradient_accumulation_steps"]) * per_device // fewer),
            },
            message=message("fewer_at_once", fewer=fewer, before=per_device),
        )
    if not values["gradient_checkpointing"] and asked.get("gradient_checkpointing") is not False:
        return MemorySaving(
            changes={"gradient_checkpointing": True},
            message=message("activations_twice"),
        )
    stage = int(values["zero_stage"])
    if world_size > 1 and stage < 3 and "zero_stage" not in asked:
        higher = 2 if stage < 2 else 3
        return MemorySaving(
            changes={"zero_stage": higher},
            message=message("spread_more", stage=higher),
        )
    if device_kind == "cuda" and not values["offload"] and asked.get("offload") is not False:
        return MemorySaving(
            changes={"offload": True, "zero_stage": max(2, stage)},
            message=message("optimizer_in_host_memory"),
        )
    return None
