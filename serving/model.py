"""Loading the model: from safetensors, without remote code, in the dtype that this device is good at."""

import contextlib
import itertools
import json
import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil
import torch
from safetensors import SafetensorError, safe_open
from transformers import CONFIG_MAPPING, AutoModelForCausalLM
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from machine.answers import can
from machine.facts import Ability, available_cores
from serving.faults import ServingFault
from serving.messages import finite, message
from serving.packed import pack_linears
from serving.slots import SlotPool, UnknownAttention
from wording import Message

log = logging.getLogger("serving")

ATTENTION = "luthier_slots_{}"
"""Transformers finds an attention by name; each pool has its own."""
_numbers = itertools.count()

DType = Literal["auto", "float32", "bfloat16", "float16"]


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A model ready to be stepped through its slots."""

    model: Any
    pool: SlotPool
    device: torch.device
    dtype: torch.dtype
    max_model_len: int

    @property
    def vocab_size(self) -> int:
        """Tokens of the model's vocabulary; one that also sees images says so of its text part."""
        return int(self.model.config.get_text_config().vocab_size)


def use_threads(threads: int | None) -> int:
    """Bind torch to `threads`, or to the cores that this process may run on; return their number."""
    count = threads or available_cores()
    torch.set_num_threads(count)
    return count


def choose_dtype(wanted: DType, device: torch.device, folder: Path) -> torch.dtype:
    """Return the dtype in which to serve the model in `folder`.

    "auto" on a CPU is fp32: a bf16 replica differed from the fp32 training by 0.24 of the logits' scale where an fp32
    one differed by 0.00002, which is enough to change answers. bf16 is taken where the processor has the units and
    fp32 weights would fill more than half of the free memory.
    """
    if wanted != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[wanted]
    if device.type == "cuda":
        return torch.bfloat16 if can(Ability.GPU_BF16) else torch.float16
    is_large = _num_weights(folder) * 4 * 2 > psutil.virtual_memory().available
    return torch.bfloat16 if is_large and can(Ability.BF16_UNITS) else torch.float32


def load_model(folder: Path, *, dtype: torch.dtype, device: torch.device, max_slots: int, max_model_len: int) -> Loaded:
    """Load `folder` and give it the slot pool's attention; ServingFault says what is wrong with it."""
    _check_folder(folder)
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, local_files_only=True, trust_remote_code=False, use_safetensors=True
        )
        model.to(device).eval().requires_grad_(False)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        if is_out_of_memory(error):
            raise
        log.exception("The model in %s cannot be loaded.", folder)
        raise ServingFault("model_broken", message("model_cannot_be_loaded", folder=folder.name)) from error
    known = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    longest = min(max_model_len, known or max_model_len)
    pool = SlotPool(max_slots=max_slots, max_length=longest)
    attention = ATTENTION.format(next(_numbers))
    ALL_ATTENTION_FUNCTIONS.register(attention, pool.attend)
    reference = _plain_logits(model, device)
    model.set_attn_implementation(attention)
    if device.type == "cpu":
        pack_linears(model, dtype)
    loaded = Loaded(model=model, pool=pool, device=device, dtype=dtype, max_model_len=longest)
    _keep_last_positions(loaded)
    _check_attention(loaded, reference)
    return loaded


def is_out_of_memory(error: BaseException) -> bool:
    """True for the several ways in which torch says that memory ran out."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in str(error)


def forward(loaded: Loaded, tokens: torch.Tensor, positions: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
    """Run one pass over `tokens` [rows, tokens]; return fp32 logits [rows, vocabulary] at each row's `last`."""
    loaded.model.last_positions = last
    out = loaded.model(input_ids=tokens, position_ids=positions, cache=loaded.pool, use_cache=True)
    logits: torch.Tensor = out.logits[:, -1]
    return logits.float()


def _keep_last_positions(loaded: Loaded) -> None:
    """Let the output layer see one position a row: the vocabulary product is most of a small model's prefill."""

    def select(module: torch.nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        hidden = args[0]
        if hidden.shape[1] == 1:
            return args
        rows = torch.arange(hidden.shape[0], device=hidden.device)
        return (hidden[rows, loaded.model.last_positions][:, None], *args[1:])

    loaded.model.get_output_embeddings().register_forward_pre_hook(select)


_CHECK_TOKENS = (1, 2, 3, 5, 8)


def _plain_logits(model: Any, device: torch.device) -> torch.Tensor:
    tokens = torch.tensor([_CHECK_TOKENS], device=device)
    with torch.inference_mode():
        logits: torch.Tensor = model(input_ids=tokens, use_cache=False).logits[0, -1]
    return logits.float()


def _check_attention(loaded: Loaded, reference: torch.Tensor) -> None:
    """Prefill and decode a few tokens in slots and compare with Transformers' own pass.

    An architecture whose layers keep another kind of state would otherwise answer fluently and wrongly.
    """
    head = torch.tensor([_CHECK_TOKENS[:-1]], device=loaded.device)
    tail = torch.tensor([[_CHECK_TOKENS[-1]]], device=loaded.device)
    try:
        with torch.inference_mode():
            step = loaded.pool.begin([0], [0], head.shape[1], loaded.device)
            forward(loaded, head, step.positions, torch.tensor([head.shape[1] - 1], device=loaded.device))
            step = loaded.pool.begin([0], [head.shape[1]], 1, loaded.device)
            logits = forward(loaded, tail, step.positions, torch.tensor([0], device=loaded.device))[0]
    except UnknownAttention as error:
        raise ServingFault(
            "model_unsupported", _unsupported(loaded, message("attention_unknown", part=repr(error.part)))
        ) from error
    except (NotImplementedError, AttributeError, TypeError, AssertionError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise
        log.exception("The model does not run as the engine runs it.")
        raise ServingFault("model_unsupported", _unsupported(loaded, message("pass_ends_in_an_error"))) from error
    difference = float((logits - reference).abs().max() / reference.std())
    limit = 0.01 if loaded.dtype == torch.float32 else 0.3
    if not difference <= limit:
        raise ServingFault(
            "model_unsupported", _unsupported(loaded, message("logits_differ", difference=finite(difference)))
        )


def _unsupported(loaded: Loaded, reason: Message) -> Message:
    return message("model_computed_otherwise", type=repr(loaded.model.config.model_type), reason=reason)


def _check_folder(folder: Path) -> None:
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except FileNotFoundError:
        raise ServingFault("model_broken", message("model_config_missing", folder=folder.name)) from None
    except (OSError, ValueError):
        raise ServingFault("model_broken", message("model_config_unreadable", folder=folder.name)) from None
    if not isinstance(config, dict):
        raise ServingFault("model_broken", message("model_config_not_an_object", folder=folder.name))
    if config.get("model_type") == "qwen":
        raise ServingFault("model_unsupported", message("model_first_generation_qwen", folder=folder.name))
    if "auto_map" in config and str(config.get("model_type")) not in CONFIG_MAPPING:
        kind = repr(config.get("model_type"))
        raise ServingFault("model_unsupported", message("served_model_needs_code", folder=folder.name, type=kind))
    if not any(folder.glob("*.safetensors")):
        raise ServingFault("model_broken", message("model_without_safetensors", folder=folder.name))


def _num_weights(folder: Path) -> int:
    """Count the weights from the files' headers; a broken file counts nothing here and is named when it is loaded."""
    count = 0
    for path in folder.glob("*.safetensors"):
        with contextlib.suppress(OSError, SafetensorError), safe_open(path, framework="pt") as weights:
            for name in weights.keys():  # noqa: SIM118
                count += math.prod(weights.get_slice(name).get_shape())
    return count
