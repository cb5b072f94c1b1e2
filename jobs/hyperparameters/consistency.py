"""Values that contradict one another, or that this model, data or pool cannot honour, refused with the reason."""

from typing import cast

from common.errors import UserError
from jobs.hyperparameters.automatic import needs_validation
from jobs.hyperparameters.messages import message
from jobs.hyperparameters.values import Asked, Values
from wording import Message

ONLY_WITH_LORA = ("lora_alpha", "lora_dropout", "use_rslora", "use_dora", "lora_module_name")


def check_together(asked: Asked, *, context_length: int, device_kind: str, has_validation_file: bool) -> None:
    """Raise UserError for the first combination of asked values that cannot be honoured."""
    _check_lora(asked)
    _check_devices(asked, device_kind)
    _check_schedule(asked)
    _check_batch(asked)
    _check_data(asked, context_length, has_validation_file)
    _check_validation(asked, has_validation_file)


def check_names(asked: Asked, *, model_names: set[str], file_names: set[str]) -> None:
    """Raise UserError when model_name_or_path or data_path names something else than model and training_file do."""
    for name, field, known in (
        ("model_name_or_path", "model", model_names),
        ("data_path", "training_file", file_names),
    ):
        if name in asked and asked.get(name) not in known:
            raise _refused(name, message("names_something_else", name=name, field=field))


def _check_lora(asked: Asked) -> None:
    if asked.get("lora_dim") != 0:
        return
    for name in ONLY_WITH_LORA:
        if name in asked:
            raise _refused(name, message("no_effect_without_lora", name=name))
    if asked.get("only_optimize_lora"):
        raise _refused("only_optimize_lora", message("no_adapter_to_optimize"))


def _check_devices(asked: Asked, device_kind: str) -> None:
    if not asked.get("offload"):
        return
    if device_kind == "cpu":
        raise _refused("offload", message("offload_needs_gpus"))
    if asked.get("zero_stage") == 0:
        raise _refused("offload", message("offload_needs_zero"))


def _check_schedule(asked: Asked) -> None:
    if asked.get("lr_scheduler_type") == "constant" and asked.get("warmup_ratio"):
        raise _refused("warmup_ratio", message("warmup_without_effect"))
    if "learning_rate_multiplier" in asked and "learning_rate" in asked:
        raise _refused("learning_rate_multiplier", message("rate_and_multiplier"))
    epochs = asked.get("num_train_epochs")
    if "n_epochs" in asked and epochs is not None and epochs != asked["n_epochs"]:
        raise _refused("n_epochs", message("epochs_differ"))


def _check_batch(asked: Asked) -> None:
    if "batch_size" not in asked:
        return
    both = asked.get("per_device_train_batch_size"), asked.get("gradient_accumulation_steps")
    parts = [part for part in both if part is not None]
    if len(parts) == 2:
        raise _refused("batch_size", message("batch_and_both_parts"))
    if parts and asked["batch_size"] % parts[0]:
        raise _refused("batch_size", message("batch_no_multiple", batch=asked["batch_size"], part=parts[0]))


def _check_data(asked: Asked, context_length: int, has_validation_file: bool) -> None:
    if asked.get("max_seq_len", 0) > context_length:
        raise _refused(
            "max_seq_len", message("longer_than_context", asked=asked["max_seq_len"], context=context_length)
        )
    if has_validation_file and asked.get("validation_split"):
        raise _refused("validation_split", message("split_beside_file"))


def _check_validation(asked: Asked, has_validation_file: bool) -> None:
    """Refuse what follows the validation loss where nothing is kept aside to look at."""
    if asked.get("early_stopping_patience") and asked.get("load_best_model_at_end") is False:
        raise _refused("load_best_model_at_end", message("early_stopping_without_best"))
    if asked.get("early_stopping_threshold") and not asked.get("early_stopping_patience"):
        raise _refused("early_stopping_threshold", message("threshold_without_patience"))
    if has_validation_file or asked.get("validation_split") != 0:
        return
    for name in ("early_stopping_patience", "load_best_model_at_end", "lr_scheduler_type"):
        if needs_validation(cast(Values, {name: asked.get(name) or 0})):
            raise _refused(name, message("nothing_to_check_with", name=name))


def _refused(name: str, reason: Message) -> UserError:
    return UserError(reason, code="cannot_be_honoured", param=name)
