"""The automatic value of every parameter, from the model, the data and the devices; each with its reason.

This is the one place of these rules. They come from trials with a 135M model (an identity of some 100 short rows: rank
8, alpha 32, rate 1.2e-3, batch 2, four rounds: more and smaller steps taught it best; at 2e-3, and after two rounds, it
said its name unasked; other goals: 1e-3, batch 8) and, for large models, from the published rule for LoRA,
rate = 5e-4 x (2000 / hidden size)^0.08.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from jobs.hyperparameters.messages import message
from jobs.hyperparameters.values import Values
from trainer.spec import FOLLOWING, steps_of
from wording import Message

FEW_ROWS = 200
MANY_ROWS = 10_000
SMALL_MODEL = 300_000_000
MEDIUM_MODEL = 1_000_000_000
LEAST_STEPS = 200
"""Fewer steps than this teach nothing reliably, however few rows there are: after two rounds a small model says its new
name well, and also where it should not; what stands against that it keeps after four."""
MOST_EPOCHS = 10
NEEDED_SHARE, NEEDED_ROWS, NEEDED_AT_MOST = 0.1, 20, 0.3
"""Kept aside where the validation loss decides something: a tenth, of few conversations some 20, at most 30 %."""
EFFORTS = ("fast", "balanced", "best")
"""What a job may spend to learn better, least first."""
FULL_RATE_SHARE = 0.1
"""Training every parameter needs about a tenth of LoRA's rate."""


@dataclass(frozen=True, kw_only=True)
class Situation:
    """Facts, as far as they are known."""

    parameters: int
    """Weights of the base model; 0 when unknown."""
    hidden_size: int
    context_length: int
    """In tokens."""
    rows: int
    """Conversations in the training file, before any split."""
    longest_tokens: int | None = None
    """An upper bound of the longest conversation, in tokens; None when unknown."""
    goal: str = ""
    """What the data is for: its recipe, such as "identity", "text" to read on from plain text, "" for conversations."""
    by_recipe: Mapping[str, Any] = field(default_factory=dict)
    """What that recipe says of automatic values."""
    is_one_text: bool = False
    """The rows are lines of one text, which are read on from one to the next."""
    has_validation_file: bool = False
    has_system_messages: bool = False
    """True when some conversation begins with its own system message."""
    own_system_prompt: str | None = None
    """What the model's template slips in before conversations without a system message."""
    own_prompt_is_removable: bool = True
    device_kind: str = "cpu"
    """cpu or cuda."""
    accelerators: int = 1
    """Devices that a training will have at most; on CPU all cores are one rank."""

    @property
    def world_size(self) -> int:
        return self.accelerators if self.device_kind == "cuda" else 1


Reason = Message
Rule = Callable[[Situation, Values], tuple[object, Reason]]


def training_rows(situation: Situation, chosen: Values) -> int:
    """Return about how many conversations are trained on after both splits."""
    from_split = [float(part) for part in str(chosen.get("data_split", "1,0,0")).split(",")]
    share = from_split[0] / sum(from_split) * (1 - float(chosen.get("validation_split", 0)))
    return max(1, round(situation.rows * share))


def resolve(situation: Situation, chosen: Values) -> tuple[Values, dict[str, Reason]]:
    """Return every automatic parameter's value beside the `chosen` ones, and the reasons of the automatic ones.

    Rules see what was chosen and what earlier rules have said, in the order of RULES.
    """
    found: dict[str, object] = dict(chosen)
    values = cast(Values, found)
    reasons: dict[str, Reason] = {}
    if "per_device_train_batch_size" in chosen and "gradient_accumulation_steps" not in chosen:
        # A batch of one's own is the batch: no rounds are added to it.
        found["gradient_accumulation_steps"], reasons["gradient_accumulation_steps"] = 1, message("one_round")
    for name, rule in RULES.items():
        if name in situation.by_recipe and name not in (*found, "validation_split"):
            found[name], reasons[name] = situation.by_recipe[name], message("by_recipe")
        elif name not in found:
            found[name], reasons[name] = rule(situation, values)
    return values, reasons


def learning_rate(situation: Situation, chosen: Values) -> tuple[float, Reason]:
    """Return the rate for this model and amount of data, rounded to two digits."""
    reason: Reason
    rate = 5e-4 * (2000 / max(1, situation.hidden_size)) ** 0.08
    few = training_rows(situation, chosen) < FEW_ROWS
    if situation.parameters < SMALL_MODEL and situation.goal == "identity":
        rate, reason = rate * 2.2, message("rate_identity")
    elif situation.parameters < SMALL_MODEL:
        rate, reason = (rate * 2.2, message("rate_small_few")) if few else (rate * 1.8, message("rate_small"))
    elif situation.parameters < MEDIUM_MODEL:
        rate, reason = (rate * 2, message("rate_medium_few")) if few else (rate * 1.4, message("rate_medium"))
    else:
        reason = message("rate_large", hidden_size=situation.hidden_size)
    if not chosen["lora_dim"]:
        rate, reason = rate * FULL_RATE_SHARE, message("rate_full")
    elif not chosen["only_optimize_lora"]:
        rate, reason = rate * FULL_RATE_SHARE, message("rate_with_base")
    return float(f"{rate:.1e}"), reason


def num_train_epochs(situation: Situation, chosen: Values) -> tuple[float, Reason]:
    """Return the epochs of a balanced job, about half of them for a fast one and twice as many for the best.

    Plain text stays as it is: more readings are learned by heart.
    """
    epochs, reason = _balanced_epochs(situation, chosen)
    if chosen["effort"] == "fast":
        return (float(math.ceil(epochs / 2)) if epochs >= 2 else epochs / 2), message("epochs_fast", epochs=epochs)
    if chosen["effort"] == "best" and situation.goal != "text":
        return 2 * epochs, message("epochs_best", epochs=epochs)
    return epochs, reason


def _balanced_epochs(situation: Situation, chosen: Values) -> tuple[float, Reason]:
    """Return enough epochs for LEAST_STEPS on few rows, and fewer the more rows there are."""
    rows = training_rows(situation, chosen)
    if situation.goal == "text":
        return (3.0 if rows < FEW_ROWS else 1.0), message("epochs_text")
    if rows < FEW_ROWS:
        batch = batch_size(situation, chosen)
        needed = math.ceil(LEAST_STEPS / math.ceil(rows / batch))
        return float(min(MOST_EPOCHS, max(2, needed))), message("epochs_few", rows=rows, steps=LEAST_STEPS)
    if rows < 2_000:
        return (2.0 if situation.parameters < SMALL_MODEL else 3.0), message("epochs_some", rows=rows)
    if rows < MANY_ROWS:
        return 2.0, message("epochs_some", rows=rows)
    return 1.0, message("epochs_many", rows=rows)


def wanted_batch_size(situation: Situation, chosen: Values) -> int:
    """Return how many conversations one optimizer step should see, on all devices together."""
    rows = training_rows(situation, chosen)
    if rows < FEW_ROWS:
        return 2 if situation.parameters < MEDIUM_MODEL else 4
    return 8 if rows < MANY_ROWS else 16


def batch_size(situation: Situation, chosen: Values) -> int:
    """Return the conversations per optimizer step that the chosen values make."""
    per_device = int(chosen["per_device_train_batch_size"])
    return per_device * int(chosen["gradient_accumulation_steps"]) * situation.world_size


def _per_device(situation: Situation, chosen: Values) -> tuple[int, Reason]:
    wanted = wanted_batch_size(situation, chosen)
    rounds = int(chosen.get("gradient_accumulation_steps", 1))
    most = 8 if situation.device_kind == "cpu" or situation.parameters < 3 * MEDIUM_MODEL else 2
    value = max(1, min(most, wanted // (rounds * situation.world_size)))
    return value, message("steps_suit_rows", batch=wanted, rows=training_rows(situation, chosen))


def _rounds(situation: Situation, chosen: Values) -> tuple[int, Reason]:
    wanted = wanted_batch_size(situation, chosen)
    per_device = int(chosen["per_device_train_batch_size"])
    return max(1, wanted // (per_device * situation.world_size)), message("rounds_make_steps", batch=wanted)


def _lora_dim(situation: Situation, chosen: Values) -> tuple[int, Reason]:
    rows = situation.rows
    if rows < 1_000:
        rank, reason = 8, message("rank_few", rows=rows)
    else:
        rank, reason = (
            (16, message("rank_some", rows=rows)) if rows < MANY_ROWS else (32, message("rank_many", rows=rows))
        )
    return (2 * rank, message("rank_best", rank=rank)) if chosen["effort"] == "best" else (rank, reason)


def longest_automatic(device_kind: str) -> int:
    """Return the most tokens of a row that are chosen automatically."""
    return 1024 if device_kind == "cpu" else 4096


def _max_seq_len(situation: Situation, chosen: Values) -> tuple[int, Reason]:
    most = min(situation.context_length, longest_automatic(situation.device_kind))
    longest = None if situation.is_one_text else situation.longest_tokens
    if longest is None or longest >= most:
        return most, message("length_most", tokens=most, device=situation.device_kind)
    return min(most, max(64, 64 * math.ceil(longest / 64))), message("length_longest", tokens=longest)


def needs_validation(values: Values) -> bool:
    """Whether something among these values follows the validation loss."""
    stops = int(values.get("early_stopping_patience", 0)) > 0
    return stops or bool(values.get("load_best_model_at_end")) or values.get("lr_scheduler_type") in FOLLOWING


def _load_best(situation: Situation, chosen: Values) -> tuple[bool, Reason]:
    if int(chosen["early_stopping_patience"]) > 0:
        return True, message("best_early")
    if chosen["effort"] == "best" and (situation.has_validation_file or chosen["validation_split"]):
        return True, message("best_effort")
    return False, message("best_last")


def _validation_split(situation: Situation, chosen: Values) -> tuple[float, Reason]:
    if situation.has_validation_file:
        return 0.0, message("validation_by_file")
    if needs_validation(chosen):
        share = round(min(NEEDED_AT_MOST, max(NEEDED_SHARE, NEEDED_ROWS / max(1, situation.rows))), 2)
        return share, message("validation_needed", percent=round(100 * share))
    if situation.goal == "identity":
        return 0.0, message("validation_identity")
    if "validation_split" in situation.by_recipe:
        return float(situation.by_recipe["validation_split"]), message("validation_recipe")
    if situation.rows < FEW_ROWS:
        return 0.0, message("validation_few", rows=situation.rows)
    return (0.05, message("validation_some")) if situation.rows < MANY_ROWS else (0.01, message("validation_many"))


def _only_lora(situation: Situation, chosen: Values) -> tuple[bool, Reason]:
    return (True, message("lora_only")) if chosen["lora_dim"] else (False, message("no_lora"))


def _warmup(situation: Situation, chosen: Values) -> tuple[float, Reason]:
    if chosen["lr_scheduler_type"] == "constant":
        return 0.0, message("warmup_constant")
    return 0.1, message("warmup_tenth")


def _zero_stage(situation: Situation, chosen: Values) -> tuple[int, Reason]:
    trains_base = not chosen["lora_dim"] or not chosen["only_optimize_lora"]
    if chosen.get("offload"):
        return 2, message("zero_offload")
    if situation.device_kind == "cpu" or situation.world_size == 1:
        return 0, message("zero_one")
    if trains_base:
        return (3 if situation.parameters > 7 * MEDIUM_MODEL else 2), message("zero_base")
    if situation.parameters > 30 * MEDIUM_MODEL:
        return 3, message("zero_large")
    return 0, message("zero_lora")


def _checkpointing(situation: Situation, chosen: Values) -> tuple[bool, Reason]:
    if situation.device_kind == "cuda" and situation.parameters >= 3 * MEDIUM_MODEL:
        return True, message("recompute_large")
    return False, message("recompute_not")


def _save_steps(situation: Situation, chosen: Values) -> tuple[int, Reason]:
    """Return a tenth of the steps, at least 10, so that a failure never costs more than that."""
    batch, epochs = batch_size(situation, chosen), chosen["num_train_epochs"]
    steps = steps_of(training_rows(situation, chosen), batch_size=batch, epochs=epochs)
    return min(1000, max(10, math.ceil(steps / 10))), message("save_tenth", steps=steps)


def _eval_batch(situation: Situation, chosen: Values) -> tuple[int, Reason]:
    return int(chosen["per_device_train_batch_size"]), message("batch_as_training")


def _system_prompt(situation: Situation, chosen: Values) -> tuple[str, Reason]:
    if situation.goal == "text":
        return "default", message("system_text")
    if situation.own_system_prompt is None:
        return "default", message("system_nothing")
    if situation.has_system_messages:
        return "default", message("system_in_data")
    if not situation.own_prompt_is_removable:
        return "default", message("system_fixed")
    return "none", message("system_slipped_in", text=situation.own_system_prompt[:200])


def _always(value: object, reason: Reason) -> Rule:
    return lambda situation, chosen: (value, reason)


RULES: dict[str, Rule] = {
    "effort": _always("balanced", message("effort_balanced")),
    "data_split": _always("1,0,0", message("split_all")),
    "validation_split": _validation_split,
    "system_prompt": _system_prompt,
    "max_seq_len": _max_seq_len,
    "lora_dim": _lora_dim,
    "only_optimize_lora": _only_lora,
    "lora_module_name": _always("all-linear", message("modules_all")),
    "lora_alpha": _always(32.0, message("alpha_for_every_rank")),
    "lora_dropout": _always(0.0, message("no_dropout")),
    "use_rslora": _always(False, message("plain_scale")),
    "use_dora": _always(False, message("plain_lora")),
    "early_stopping_patience": _always(0, message("no_early_stopping")),
    "early_stopping_threshold": _always(0.0, message("every_progress")),
    "load_best_model_at_end": _load_best,
    "per_device_train_batch_size": _per_device,
    "gradient_accumulation_steps": _rounds,
    "per_device_eval_batch_size": _eval_batch,
    "num_train_epochs": num_train_epochs,
    "learning_rate": learning_rate,
    "lr_scheduler_type": _always("cosine", message("cosine_schedule")),
    "warmup_ratio": _warmup,
    "weight_decay": _always(0.0, message("no_decay")),
    "max_grad_norm": _always(1.0, message("usual_clip")),
    "gradient_checkpointing": _checkpointing,
    "offload": _always(False, message("no_offload")),
    "zero_stage": _zero_stage,
    "save_steps": _save_steps,
    "save_total_limit": _always(3, message("keep_three")),
    "seed": _always(0, message("same_seed")),
}
