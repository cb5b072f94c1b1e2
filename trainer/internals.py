"""The private parts of DeepSpeed, PEFT and Transformers that a training needs: no other module touches them.

What each is taken to mean is written down in tests/trainer/test_trainer_internals.py, for the versions that are pinned.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

MOMENTS = ("exp_avg", "exp_avg_sq")
COUNTERS = ("global_steps", "global_samples", "skipped_steps", "micro_steps")
"""Of DeepSpeed's engine."""
HELD = ("fp32_partitioned_groups_flat", "single_partition_of_fp32_groups", "fp32_groups_flat_partition")
"""Where ZeRO 3, ZeRO 1 and 2, and the bfloat16 optimizer keep their flat fp32 partitions."""


def work_out_once() -> None:
    """Import DeepSpeed, and have it and Transformers work out now what they keep for the rest of the process."""
    import deepspeed
    from transformers.conversion_mapping import get_checkpoint_conversion_mapping

    get_checkpoint_conversion_mapping("llama")
    deepspeed.ops.__compatible_ops__  # noqa: B018 - tries compilers when it is read first


def skip_shared_memory_operator() -> None:
    """Keep DeepSpeed from compiling its shared-memory collectives: a single rank has nobody to share with."""
    import deepspeed
    from deepspeed.accelerator import get_accelerator

    builder = get_accelerator().create_op_builder("ShareMemCommBuilder")
    if builder is not None:
        deepspeed.ops.__compatible_ops__[builder.NAME] = False


def is_spread(weight: Any) -> bool:
    """Whether ZeRO-3 has spread `weight` over the ranks, so that it is not whole here."""
    return hasattr(weight, "ds_id")


def full_shape(weight: Any) -> torch.Size:
    """Return the shape of `weight`, also when ZeRO-3 has spread it."""
    shape: torch.Size = getattr(weight, "ds_shape", weight.shape)
    return shape


def read_state(engine: Any, weight: torch.nn.Parameter, moment: str | None) -> torch.Tensor:
    """Return `weight` whole in fp32, or one of AdamW's moments of it; a collective under ZeRO."""
    from deepspeed.utils import safe_get_full_fp32_param, safe_get_full_optimizer_state

    if not _is_partitioned(weight):
        return weight.data.float() if moment is None else engine.basic_optimizer.state[weight][moment]
    value = safe_get_full_fp32_param(weight) if moment is None else safe_get_full_optimizer_state(weight, moment)
    return value.reshape(full_shape(weight))


def write_state(engine: Any, weight: torch.nn.Parameter, moment: str | None, value: torch.Tensor) -> None:
    """Put `value` where `read_state` finds it; without ZeRO the weight itself is the fp32 one and stays."""
    from deepspeed.utils import safe_set_full_fp32_param, safe_set_full_optimizer_state

    if not _is_partitioned(weight):
        if moment is not None:
            engine.basic_optimizer.state[weight][moment].copy_(value)
        return
    value = value.to(engine.device)
    if moment is None:
        safe_set_full_fp32_param(weight, value)
    else:
        safe_set_full_optimizer_state(weight, value, moment)


def has_moments(engine: Any) -> bool:
    """Whether AdamW's moments exist, which they do after a first step, and can be read."""
    if not engine.basic_optimizer.state:
        return False
    _link_moments(engine)
    return True


def make_moments(engine: Any, applied_steps: int) -> None:
    """Create AdamW's state for the tensors that the optimizer really holds, as if that many steps had been done."""
    optimizer = engine.basic_optimizer
    for held in _held_tensors(engine):
        # DeepSpeed's CPUAdam counts with a plain number, torch with a tensor.
        is_torch = isinstance(optimizer, torch.optim.AdamW)
        step: Any = torch.tensor(float(applied_steps), device=held.device) if is_torch else applied_steps
        optimizer.state[held] = {"step": step, **{moment: torch.zeros_like(held.data) for moment in MOMENTS}}
    _link_moments(engine)


@contextmanager
def forgetting_steps(engine: Any) -> Iterator[None]:
    """Take back what steps at a learning rate of 0 leave behind: moments, counters and fp16's loss scale."""
    scaler = _loss_scaler(engine)
    kept = dict(vars(scaler)) if scaler is not None else {}
    counters = {name: getattr(engine, name) for name in COUNTERS}
    yield
    for state in engine.basic_optimizer.state.values():
        for name, value in state.items():
            if torch.is_tensor(value):
                value.zero_()
            elif isinstance(value, int | float):
                state[name] = 0
    if scaler is not None:
        vars(scaler).update(kept)
    for name, value in counters.items():
        setattr(engine, name, value)


def loss_scale(engine: Any) -> float | None:
    """Return what fp16's losses are multiplied by; None in other number formats."""
    scaler = _loss_scaler(engine)
    return None if scaler is None else float(scaler.cur_scale)


def set_loss_scale(engine: Any, scale: float) -> None:
    """Continue with a loss scale that was found earlier; nothing happens in other number formats than fp16."""
    scaler = _loss_scaler(engine)
    if scaler is not None:
        scaler.cur_scale = scale


@contextmanager
def adapters_off(model: torch.nn.Module) -> Iterator[None]:
    """Have the base answer for a while. PEFT's own switch would take requires_grad from the adapters, which DeepSpeed
    has noted already."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers: list[Any] = [layer for layer in model.modules() if isinstance(layer, BaseTunerLayer)]
    awake = [layer for layer in layers if not layer.disable_adapters]
    for layer in awake:
        layer._disable_adapters = True
    try:
        yield
    finally:
        for layer in awake:
            layer._disable_adapters = False


def use_attention(causal: Any, name: str) -> Callable[[], None]:
    """Let the model compute attention by the function that is registered as `name`; return what undoes it."""
    configs = (causal.config, causal.config.get_text_config())
    own = [config._attn_implementation for config in configs]

    def undo() -> None:
        for config, before in zip(configs, own, strict=True):
            config._attn_implementation = before

    for config in configs:
        config._attn_implementation = name
    return undo


def _is_partitioned(weight: Any) -> bool:
    return is_spread(weight) or hasattr(weight, "_hp_mapping")


def _link_moments(engine: Any) -> None:
    """Let DeepSpeed find the moments by parameter. It does that itself after the first parameter group's first step
    and so misses the moments of every further group (0.19)."""
    if hasattr(engine.optimizer, "_lazy_init_hp_params_optimizer_state"):
        engine.optimizer._hp_optimizer_states_linked = False
        engine.optimizer._lazy_init_hp_params_optimizer_state()


def _held_tensors(engine: Any) -> list[torch.Tensor]:
    """Return what AdamW's state is keyed by: flat fp32 partitions under ZeRO, else the parameters themselves."""
    for name in HELD:
        if hasattr(engine.optimizer, name):
            return list(getattr(engine.optimizer, name))
    return [weight for group in engine.basic_optimizer.param_groups for weight in group["params"]]


def _loss_scaler(engine: Any) -> Any | None:
    return getattr(engine.optimizer, "loss_scaler", None) if engine.fp16_enabled() else None
