"""Hyperparameters by name, with the type of each value: those that were chosen, and those in use."""

from typing import TypedDict

Value = int | float | str | bool


class Values(TypedDict, total=False):
    """Luthier's hyperparameters; every one is there once a `Situation` has resolved them."""

    effort: str
    num_train_epochs: float
    learning_rate: float
    lora_dim: int
    max_seq_len: int
    system_prompt: str
    validation_split: float
    data_split: str
    per_device_train_batch_size: int
    gradient_accumulation_steps: int
    per_device_eval_batch_size: int
    lr_scheduler_type: str
    warmup_ratio: float
    weight_decay: float
    max_grad_norm: float
    lora_alpha: float
    lora_dropout: float
    use_rslora: bool
    use_dora: bool
    lora_module_name: str
    only_optimize_lora: bool
    gradient_checkpointing: bool
    zero_stage: int
    offload: bool
    early_stopping_patience: int
    early_stopping_threshold: float
    load_best_model_at_end: bool
    save_steps: int
    save_total_limit: int
    seed: int


class Asked(Values, total=False):
    """What a request asks for, parsed; a name that is absent is "auto"."""

    batch_size: int
    n_epochs: int
    learning_rate_multiplier: float
    data_path: str
    model_name_or_path: str
