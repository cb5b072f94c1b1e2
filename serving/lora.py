"""Many LoRA adapters over one model in one batch (grouped LoRA).

For the adapters present in a batch, their A matrices are side by side in one matrix and so do their B matrices:
two plain products serve all rows, and between them a 0/1 mask keeps of each row only its own adapter's ranks. A row of
the base keeps none, so exactly nothing is added to it. This is the idea of Punica and S-LoRA (arXiv 2310.18547,
2311.03285) in the form that suits small batches on a CPU.

DoRA (arXiv 2402.09353) scales each output of a layer as a whole, W x + s B A x, by a constant c = m / |W + s B A|: c
goes into B, and rows of such an adapter get (c - 1) W x besides, those of others exactly nothing.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from serving.faults import AdapterRefused
from serving.messages import message
from serving.packed import PackedLinear

BASE = 0
"""The adapter number of rows that the base answers."""

_KEY = re.compile(
    r"base_model\.model\.(?P<module>.+)\.(?:lora_(?P<side>[AB])\.weight|lora_(?P<size>magnitude_vector)(?:\.weight)?)"
)
_UNSUPPORTED = {
    "lora_bias": "a bias on LoRA",
    "modules_to_save": "whole modules saved beside LoRA (modules_to_save)",
    "trainable_token_indices": "trained token embeddings",
    "fan_in_fan_out": "transposed weights (fan_in_fan_out)",
    "layer_replication": "replicated layers",
    "megatron_config": "Megatron layers",
    "use_qalora": "QALoRA",
    "alora_invocation_tokens": "activated LoRA",
    "target_parameters": "LoRA on bare parameters (target_parameters)",
    "use_bdlora": "block-diagonal LoRA",
    "arrow_config": "Arrow routing",
}


@dataclass(frozen=True, kw_only=True)
class AdapterConfig:
    """What adapter_config.json says that the engine needs."""

    alpha: float | None
    """None: as large as the rank."""
    alpha_by_module: dict[str, float]
    """By patterns of module names, where it differs."""
    use_rslora: bool
    use_dora: bool


@dataclass(frozen=True)
class Low:
    """One adapter's update of one linear layer: `x @ a @ b`, the scale already in `b`."""

    a: torch.Tensor
    """[in, rank]."""
    b: torch.Tensor
    """[rank, out]."""
    stretch: torch.Tensor | None = None
    """[out], of DoRA: how many times the layer's own output, without its bias, is added."""


class GroupedLora:
    """The loaded adapters of `model`, and the hooks that add their updates to its linear layers."""

    def __init__(self, model: nn.Module, *, dtype: torch.dtype, device: torch.device) -> None:
        self._linears = {
            name: module for name, module in model.named_modules() if isinstance(module, (nn.Linear, PackedLinear))
        }
        self._like = torch.empty(0, dtype=dtype, device=device)
        self._adapters: dict[int, dict[str, Low]] = {}
        self._hooked: dict[str, _Site] = {}
        self._active: tuple[int, ...] = ()
        self._rows: list[int] = []
        self._next = BASE + 1

    def add(self, folder: Path) -> int:
        """Load the PEFT adapter in `folder` and return its number; AdapterRefused says what is not supported."""
        lows = self._read(folder)
        number, self._next = self._next, self._next + 1
        self._adapters[number] = lows
        for name in lows:
            if name not in self._hooked:
                self._hooked[name] = _Site(self._linears[name], self._like)
        self._active, self._rows = (), []  # a new site must learn what is active, too
        return number

    def has(self, number: int) -> bool:
        """True for the base and for every loaded adapter."""
        return number == BASE or number in self._adapters

    def memory_bytes(self, number: int) -> int:
        """Return what an adapter takes in memory."""
        lows = self._adapters[number].values()
        parts = [part for low in lows for part in (low.a, low.b, low.stretch) if part is not None]
        return sum(part.numel() * part.element_size() for part in parts)

    def remove(self, number: int) -> None:
        """Forget an adapter; no row of a later pass may name it."""
        del self._adapters[number]
        self._active, self._rows = (), []
        for site in self._hooked.values():
            site.clear()

    def select(self, rows: Sequence[int]) -> None:
        """Say which adapter each row of the next pass belongs to."""
        if list(rows) == self._rows:
            return
        self._rows = list(rows)
        active = tuple(sorted({number for number in rows if number != BASE}))
        if active != self._active:
            self._active = active
            for name, site in self._hooked.items():
                site.load(
                    [(number, self._adapters[number][name]) for number in active if name in self._adapters[number]]
                )
        membership: dict[tuple[tuple[int, int], ...], torch.Tensor | None] = {}
        for site in self._hooked.values():
            if site.blocks not in membership:
                membership[site.blocks] = _membership(site.blocks, rows, site.like)
            site.keep = membership[site.blocks]
            site.stretch_rows(rows)

    def _read(self, folder: Path) -> dict[str, Low]:
        config = _read_config(folder)
        tensors = _read_tensors(folder)
        sides: dict[str, dict[str, torch.Tensor]] = {}
        for key, tensor in tensors.items():
            match = _KEY.fullmatch(key)
            if match is None:
                raise AdapterRefused(message("adapter_tensor_unknown", folder=folder.name, tensor=repr(key)))
            sides.setdefault(match["module"], {})[match["side"] or match["size"]] = tensor
        if not sides:
            raise AdapterRefused(message("adapter_empty", folder=folder.name))
        return {name: self._low(name, pair, config, folder) for name, pair in sides.items()}

    def _low(self, name: str, pair: dict[str, torch.Tensor], config: AdapterConfig, folder: Path) -> Low:
        linear = self._linears.get(name)
        if linear is None:
            raise AdapterRefused(message("adapter_layer_unknown", folder=folder.name, layer=repr(name)))
        has = {"folder": folder.name, "parts": sorted(pair), "layer": repr(name)}
        if config.use_dora and set(pair) != {"A", "B", "magnitude_vector"}:
            raise AdapterRefused(message("adapter_dora_update_incomplete", **has))
        if not config.use_dora and set(pair) != {"A", "B"}:
            raise AdapterRefused(message("adapter_update_incomplete", **has))
        a, b = pair["A"], pair["B"]
        if a.shape[1] != linear.in_features or b.shape[0] != linear.out_features or a.shape[0] != b.shape[1]:
            raise AdapterRefused(
                message(
                    "adapter_shapes_differ",
                    layer=repr(name),
                    a=str(list(a.shape)),
                    b=str(list(b.shape)),
                    inputs=linear.in_features,
                    outputs=linear.out_features,
                )
            )
        scale = _scale(config, name, a.shape[0])
        like = self._like
        # The scale is applied in fp32, before any rounding to the model's dtype.
        wide = b.float() * scale
        stretch = None
        if "magnitude_vector" in pair:
            share = _share(pair["magnitude_vector"], linear, wide @ a.float(), name, folder)
            wide, stretch = wide * share[:, None], (share - 1).to(like)
        return Low(a=a.float().t().contiguous().to(like), b=wide.t().contiguous().to(like), stretch=stretch)


class _Site:
    """One linear layer that some adapter changes."""

    def __init__(self, linear: nn.Module, like: torch.Tensor) -> None:
        self.blocks: tuple[tuple[int, int], ...] = ()
        """(adapter, rank) of the blocks that are now side by side."""
        self.keep: torch.Tensor | None = None
        """[rows, ranks], 1 where the rank belongs to the row's adapter; None: every row keeps everything."""
        self.like = like
        self._a: torch.Tensor | None = None
        self._b: torch.Tensor | None = None
        self._stretches: dict[int, torch.Tensor] = {}
        """Of the active adapters, by number."""
        self._stretch: torch.Tensor | None = None
        """[rows, out], or [1, out] where all rows are one adapter's; None: none of them has one."""
        linear.register_forward_hook(self._add)

    def load(self, lows: list[tuple[int, Low]]) -> None:
        self.blocks = tuple((number, low.a.shape[1]) for number, low in lows)
        self._stretches = {number: low.stretch for number, low in lows if low.stretch is not None}
        self._stretch = None
        if not lows:
            self._a = self._b = None
        elif len(lows) == 1:
            self._a, self._b = lows[0][1].a, lows[0][1].b
        else:
            self._a = torch.cat([low.a for _, low in lows], dim=1)
            self._b = torch.cat([low.b for _, low in lows], dim=0)

    def stretch_rows(self, rows: Sequence[int]) -> None:
        """Learn which row belongs to which adapter."""
        if not self._stretches:
            return
        none = torch.zeros_like(next(iter(self._stretches.values())))
        found = [self._stretches.get(number, none) for number in rows]
        same = all(one is found[0] for one in found)
        self._stretch = found[0][None] if same else torch.stack(found)

    def clear(self) -> None:
        self.load([])
        self.keep = None

    def _add(self, module: Any, args: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
        if self._a is None or self._b is None:
            return output
        x = args[0]
        low = x @ self._a
        if self.keep is not None:
            low = low * (self.keep if low.dim() == 2 else self.keep[:, None, :])
        if self._stretch is not None:
            own = output if module.bias is None else output - module.bias
            output = output.addcmul(own, self._stretch if output.dim() == 2 else self._stretch[:, None, :])
        output.view(-1, output.shape[-1]).addmm_(low.view(-1, low.shape[-1]), self._b)
        return output


def _share(
    magnitude: torch.Tensor, linear: nn.Linear | PackedLinear, update: torch.Tensor, name: str, folder: Path
) -> torch.Tensor:
    """Return DoRA's c = m / |W + update| of each output, in fp32; AdapterRefused where m does not fit the layer."""
    if magnitude.shape != (linear.out_features,):
        raise AdapterRefused(
            message(
                "adapter_magnitudes_differ",
                layer=repr(name),
                shape=str(list(magnitude.shape)),
                outputs=linear.out_features,
                folder=folder.name,
            )
        )
    weight = linear.weight.detach().to(update) + update
    return magnitude.to(update) / torch.linalg.vector_norm(weight, dim=1)


def _membership(blocks: tuple[tuple[int, int], ...], rows: Sequence[int], like: torch.Tensor) -> torch.Tensor | None:
    if not blocks or (len(blocks) == 1 and all(number == blocks[0][0] for number in rows)):
        return None
    owner = [number for number, rank in blocks for _ in range(rank)]
    keep = torch.tensor(rows)[:, None] == torch.tensor(owner, dtype=torch.int64)[None, :]
    return keep.to(device=like.device, dtype=like.dtype)


def _read_config(folder: Path) -> AdapterConfig:
    try:
        config = json.loads((folder / "adapter_config.json").read_bytes())
    except FileNotFoundError:
        raise AdapterRefused(message("adapter_config_missing", folder=folder.name)) from None
    except (OSError, ValueError):
        raise AdapterRefused(message("adapter_config_unreadable", folder=folder.name)) from None
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        kind = config.get("peft_type") if isinstance(config, dict) else None
        raise AdapterRefused(message("adapter_kind_unsupported", folder=folder.name, type=repr(kind)))
    for key, words in _UNSUPPORTED.items():
        if config.get(key):
            raise AdapterRefused(message("adapter_part_unsupported", folder=folder.name, part=words))
    if config.get("bias", "none") != "none":
        raise AdapterRefused(message("adapter_biases_unsupported", folder=folder.name, bias=repr(config["bias"])))
    return AdapterConfig(
        alpha=config.get("lora_alpha"),
        alpha_by_module=config.get("alpha_pattern") or {},
        use_rslora=bool(config.get("use_rslora")),
        use_dora=bool(config.get("use_dora")),
    )


def _read_tensors(folder: Path) -> dict[str, torch.Tensor]:
    """Read adapter_model.safetensors; a pickle (adapter_model.bin) is never opened, since it can run code."""
    path = folder / "adapter_model.safetensors"
    try:
        return load_file(path)
    except FileNotFoundError:
        raise AdapterRefused(message("adapter_weights_missing", folder=folder.name)) from None
    except (OSError, SafetensorError):
        raise AdapterRefused(message("adapter_weights_damaged", file=path.name, folder=folder.name)) from None


def _scale(config: AdapterConfig, module: str, rank: int) -> float:
    """Return alpha / rank, or alpha / sqrt(rank) with rsLoRA; `alpha_pattern` overrides by module name."""
    alpha = rank if config.alpha is None else config.alpha
    for pattern, value in config.alpha_by_module.items():
        if re.match(rf"(.*\.)?({pattern})$", module):
            alpha = value
            break
    return float(alpha) / (rank**0.5 if config.use_rslora else rank)
