"""Wishes that contradict one another, or that this model, data or pool cannot honour, refused with the reason."""

from typing import Any

from common.errors import UserError
from jobs.hyperparameters.automatic import needs_validation

ONLY_WITH_LORA = ("lora_alpha", "lora_dropout", "use_rslora", "use_dora", "lora_module_name")


def check_together(asked: dict[str, Any], *, context_length: int, device_kind: str, has_validation_file: bool) -> None:
    """Raise UserError for the first combination of asked values that cannot be honoured."""
    _check_lora(asked)
    _check_devices(asked, device_kind)
    _check_schedule(asked)
    _check_batch(asked)
    _check_data(asked, context_length, has_validation_file)
    _check_validation(asked, has_validation_file)


def check_names(asked: dict[str, Any], *, model_names: set[str], file_names: set[str]) -> None:
    """Raise UserError when model_name_or_path or data_path names something else than model and training_file do."""
    for name, field, known in (
        ("model_name_or_path", "model", model_names),
        ("data_path", "training_file", file_names),
    ):
        if name in asked and asked[name] not in known:
            raise _refused(name, f"{name} names something else than {field}. Leave {name} out, or make them agree.")


def _check_lora(asked: dict[str, Any]) -> None:
    if asked.get("lora_dim") != 0:
        return
    for name in ONLY_WITH_LORA:
        if name in asked:
            raise _refused(name, f"{name} has no effect with lora_dim 0, which trains every parameter. Leave it out.")
    if asked.get("only_optimize_lora"):
        raise _refused(
            "only_optimize_lora", "only_optimize_lora cannot be true with lora_dim 0: there is no adapter to optimize."
        )


def _check_devices(asked: dict[str, Any], device_kind: str) -> None:
    if not asked.get("offload"):
        return
    if device_kind == "cpu":
        raise _refused(
            "offload", "offload moves the optimizer from GPU memory to the host, and this pool has CPU cores only."
        )
    if asked.get("zero_stage") == 0:
        raise _refused("offload", "offload needs zero_stage 1, 2 or 3, since it moves what ZeRO has partitioned.")


def _check_schedule(asked: dict[str, Any]) -> None:
    if asked.get("lr_scheduler_type") == "constant" and asked.get("warmup_ratio"):
        raise _refused(
            "warmup_ratio", "warmup_ratio has no effect on lr_scheduler_type constant. Choose constant_with_warmup."
        )
    if "learning_rate_multiplier" in asked and "learning_rate" in asked:
        raise _refused(
            "learning_rate_multiplier",
            "learning_rate_multiplier multiplies the automatic learning rate, and learning_rate was given. Send one.",
        )
    epochs = asked.get("num_train_epochs")
    if "n_epochs" in asked and epochs is not None and epochs != asked["n_epochs"]:
        raise _refused("n_epochs", "n_epochs and num_train_epochs mean the same and were sent differently. Send one.")


def _check_batch(asked: dict[str, Any]) -> None:
    if "batch_size" not in asked:
        return
    parts = [asked[name] for name in ("per_device_train_batch_size", "gradient_accumulation_steps") if name in asked]
    if len(parts) == 2:
        raise _refused(
            "batch_size",
            "batch_size counts the conversations of one step on all devices, as per_device_train_batch_size and "
            "gradient_accumulation_steps do together. Leave one of the three out.",
        )
    if parts and asked["batch_size"] % parts[0]:
        raise _refused(
            "batch_size",
            f"batch_size counts the conversations of one step on all devices; {asked['batch_size']} is no multiple of "
            f"{parts[0]}. Send batch_size alone.",
        )


def _check_data(asked: dict[str, Any], context_length: int, has_validation_file: bool) -> None:
    if asked.get("max_seq_len", 0) > context_length:
        raise _refused(
            "max_seq_len",
            f"max_seq_len is {asked['max_seq_len']}, and this model reads at most {context_length} tokens.",
        )
    if has_validation_file and asked.get("validation_split"):
        raise _refused(
            "validation_split",
            "validation_split takes conversations from the training file, and a validation_file was given. Send one.",
        )


def _check_validation(asked: dict[str, Any], has_validation_file: bool) -> None:
    """Refuse what follows the validation loss where nothing is kept aside to look at."""
    if asked.get("early_stopping_patience") and asked.get("load_best_model_at_end") is False:
        raise _refused(
            "load_best_model_at_end",
            "load_best_model_at_end is false, and early stopping ends behind the best step. Leave it out, or set "
            "early_stopping_patience to 0.",
        )
    if asked.get("early_stopping_threshold") and not asked.get("early_stopping_patience"):
        raise _refused(
            "early_stopping_threshold",
            "early_stopping_threshold has no effect without early_stopping_patience. Send a patience too, such as 3.",
        )
    if has_validation_file or asked.get("validation_split") != 0:
        return
    for name in ("early_stopping_patience", "load_best_model_at_end", "lr_scheduler_type"):
        if needs_validation({name: asked.get(name) or 0}):
            raise _refused(
                name,
                f"{name} needs conversations to check with, and validation_split is 0. Leave validation_split out, or "
                "send a validation_file.",
            )


def _refused(name: str, message: str) -> UserError:
    return UserError(message, code="cannot_be_honoured", param=name)
