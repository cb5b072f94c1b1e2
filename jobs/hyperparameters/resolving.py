"""From what was asked to every value in use: the asked ones, OpenAI's translated, and the automatic ones."""

from dataclasses import dataclass, replace
from typing import cast

from jobs.hyperparameters import automatic
from jobs.hyperparameters.asked import OPENAI
from jobs.hyperparameters.automatic import Reason, Situation
from jobs.hyperparameters.messages import message
from jobs.hyperparameters.parameter import AUTO
from jobs.hyperparameters.values import Asked, Value, Values
from trainer.spec import steps_of

MOST_PER_DEVICE = 8
"""How many conversations at a time each device gets of a batch that was asked for as a whole."""
NOT_RESOLVED = ("data_path", "model_name_or_path")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """world_size x per_device x rounds conversations make one step."""

    world_size: int
    per_device: int
    rounds: int

    @property
    def batch_size(self) -> int:
        return self.world_size * self.per_device * self.rounds


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """Every parameter's value, and why where it is automatic."""

    values: Values
    reasons: dict[str, Reason]
    batch_size: int
    """Conversations of one optimizer step, as far as the devices are known."""
    steps: int
    """About how many optimizer steps are aimed at."""


def resolve(asked: Asked, situation: Situation) -> Resolved:
    """Return all values; `asked` has passed `read_asked` and `check_together`."""
    chosen = {name: value for name, value in asked.items() if name not in OPENAI and name not in NOT_RESOLVED}
    reasons: dict[str, Reason] = {}
    if "n_epochs" in asked:
        chosen["num_train_epochs"] = float(asked["n_epochs"])
    if "batch_size" in asked:
        layout = _of_batch(asked, situation)
        chosen |= {"per_device_train_batch_size": layout.per_device, "gradient_accumulation_steps": layout.rounds}
        # Devices that do not divide the batch stay out of it.
        situation = replace(situation, accelerators=layout.world_size)
        names = {"per_device_train_batch_size", "gradient_accumulation_steps"} - set(asked)
        reasons |= {name: message("batch_as_asked", batch=asked["batch_size"]) for name in names}
    values, found = automatic.resolve(situation, cast(Values, chosen))
    reasons |= found
    if (multiplier := asked.get("learning_rate_multiplier")) is not None:
        values["learning_rate"] = float(f"{values['learning_rate'] * multiplier:.6g}")
        reasons["learning_rate"] = message("rate_multiplied", multiplier=multiplier)
    batch_size = automatic.batch_size(situation, values)
    rows = automatic.training_rows(situation, values)
    steps = steps_of(rows, batch_size=batch_size, epochs=values["num_train_epochs"])
    return Resolved(values=values, reasons=reasons, batch_size=batch_size, steps=steps)


def openai_values(asked: Asked, values: Values, *, batch_size: int | None) -> dict[str, Value | None]:
    """Return OpenAI's names with the values in use: "auto" while they are not known, None where they have none."""
    if not values:
        return {name: cast(Value, asked.get(name, AUTO)) for name in OPENAI}
    epochs = float(values["num_train_epochs"])
    return {
        "batch_size": batch_size,
        "n_epochs": int(epochs) if epochs.is_integer() else None,
        "learning_rate_multiplier": asked.get(
            "learning_rate_multiplier", 1.0 if "learning_rate" not in asked else None
        ),
    }


def _of_batch(asked: Asked, situation: Situation) -> Layout:
    """Lay the asked batch out over the devices, with what was asked of its parts kept."""
    batch_size, most = asked["batch_size"], situation.world_size
    per_device = asked.get("per_device_train_batch_size")
    rounds = asked.get("gradient_accumulation_steps")
    if per_device is None and rounds is None:
        return lay_out(batch_size, devices=most, at_most=MOST_PER_DEVICE)
    rest = lay_out(batch_size // ((per_device or 1) * (rounds or 1)), devices=most, at_most=batch_size)
    left = rest.per_device * rest.rounds
    if rounds is not None:
        return Layout(world_size=rest.world_size, per_device=left, rounds=rounds)
    return Layout(world_size=rest.world_size, per_device=per_device or 1, rounds=left)


def lay_out(batch_size: int, *, devices: int, at_most: int) -> Layout:
    """Lay `batch_size` conversations out over as many of `devices` as divide it, `at_most` at a time on each.

    The product is always `batch_size`: a job that continues on other devices must see the same batches.
    """
    world_size = _largest_divisor(batch_size, devices)
    per_rank = batch_size // world_size
    per_device = _largest_divisor(per_rank, at_most)
    return Layout(world_size=world_size, per_device=per_device, rounds=per_rank // per_device)


def round_up(batch_size: int, *, devices: int) -> int:
    """Return the least multiple of `devices` that is not below `batch_size`, so that none of them idles."""
    return -(-batch_size // devices) * devices


def _largest_divisor(number: int, at_most: int) -> int:
    return next(divisor for divisor in range(min(number, max(1, at_most)), 0, -1) if number % divisor == 0)
