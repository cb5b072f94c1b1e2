"""LoRA's linear layers as functions: the same arithmetic as PEFT's, without its passes over whole activations.

PEFT multiplies by the base, by A and by B, scales, and adds; each of these and of their gradients reads and writes a
tensor of the layer's full width. Here the narrow products are added by the wide ones while those are written, and only
the layer's input and `A x^T` (rank high) are kept for the backward pass. It is what Unsloth and Liger do on GPUs.

Layers that are given the same tensor (query, key and value; gate and up) are one function together: A's products are
then one, and so is the gradient of what they were given.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from machine.facts import Ability
from trainer.dense import Dense
from trainer.native import passes, serves

ADAPTER = "default"


def fuse(model: nn.Module) -> int:
    """Replace the forward pass of every LoRA layer that allows it, while it trains; return how many these are.

    Left to PEFT are layers with dropout, DoRA or a trained base weight, and every pass outside of training.
    """
    layers = [layer for layer in model.modules() if _is_plain(layer)]
    for layer in layers:
        _join([layer])
    return len(layers)


def join_layers_of_one_input(model: nn.Module, look: Callable[[], object]) -> int:
    """Make fused layers that get the same tensor one function together; return how many functions there are.

    `look()` passes a few tokens through the model, which shows what each layer gets: no name is relied on.
    """
    calls: list[tuple[Any, torch.Tensor]] = []

    def note(layer: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        calls.append((layer, inputs[0]))

    fused = _fused_layers(model)
    hooks = [layer.register_forward_pre_hook(note) for layer in fused]
    try:
        look()
    finally:
        for hook in hooks:
            hook.remove()
    called_once = {id(layer) for layer in fused if sum(seen is layer for seen, _ in calls) == 1}
    groups: list[list[Any]] = []
    last = None
    for layer, given in calls:
        if id(layer) not in called_once:
            continue
        if groups and given is last and _agree(groups[-1][0], layer):
            groups[-1].append(layer)
        else:
            groups.append([layer])
        last = given
    for group in groups:
        _join(group)
    return len(groups)


def products_of(model: nn.Module) -> list[Dense]:
    """Return the products with base weights of all fused layers."""
    return [layer.forward.product for layer in _fused_layers(model)]


def _fused_layers(model: nn.Module) -> list[Any]:
    return [layer for layer in model.modules() if isinstance(getattr(layer, "forward", None), _Fused)]


def _is_plain(layer: Any) -> bool:
    from peft.tuners.lora import Linear

    if not isinstance(layer, Linear):
        return False
    base = layer.get_base_layer()
    return (
        type(base) is nn.Linear
        and not base.weight.requires_grad
        and not (base.bias is not None and base.bias.requires_grad)
        and list(layer.lora_A) == [ADAPTER]
        and isinstance(layer.lora_dropout[ADAPTER], nn.Identity)
        and layer.lora_A[ADAPTER].bias is None
        and layer.lora_B[ADAPTER].bias is None
        and not layer.lora_variant
    )


def _agree(one: Any, other: Any) -> bool:
    return bool(one.scaling[ADAPTER] == other.scaling[ADAPTER])


def _join(layers: list[Any]) -> None:
    group = _Group(layers)
    for number, layer in enumerate(layers):
        layer.forward = _Fused(group, number)


@dataclass(kw_only=True)
class _Waiting:
    """What the first layer of a group has made for the others."""

    given: torch.Tensor
    outputs: dict[int, torch.Tensor] = field(default_factory=dict)


class _Group:
    """LoRA layers that are computed together."""

    def __init__(self, layers: list[Any]) -> None:
        self.layers = layers
        self.products = [_product_of(layer) for layer in layers]
        self._waiting: _Waiting | None = None

    def output(self, number: int, x: torch.Tensor) -> torch.Tensor:
        waiting = self._waiting
        if waiting is None or waiting.given is not x or number not in waiting.outputs:
            made = self._compute(slice(None) if number == 0 else slice(number, number + 1), x)
            if number > 0 or len(made) == 1:
                return made[0]
            waiting = self._waiting = _Waiting(given=x, outputs=dict(enumerate(made)))
        found = waiting.outputs.pop(number)
        if not waiting.outputs:
            self._waiting = None
        return found

    def _compute(self, part: slice, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        layers = self.layers[part]
        matrices = [side[ADAPTER].weight for layer in layers for side in (layer.lora_A, layer.lora_B)]
        made: tuple[torch.Tensor, ...] = _FusedLora.apply(x, layers[0].scaling[ADAPTER], self.products[part], *matrices)  # type: ignore[no-untyped-call]
        return made


def _product_of(layer: Any) -> Dense:
    """Return the layer's product with its base, which may be laid out already."""
    if isinstance(layer.forward, _Fused):
        return layer.forward.product
    base = layer.get_base_layer()
    return Dense(base.weight, base.bias)


@dataclass(frozen=True)
class _Fused:
    """The forward pass of one layer of a group."""

    group: _Group
    number: int

    @property
    def product(self) -> Dense:
        return self.group.products[self.number]

    def __call__(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        layer = self.group.layers[self.number]
        if not layer.training or layer.disable_adapters or layer.merged or args or kwargs:
            plain: torch.Tensor = type(layer).forward(layer, x, *args, **kwargs)
            return plain
        return self.group.output(self.number, x)


class _FusedLora(torch.autograd.Function):
    """`x W^T + bias + scale (x A^T) B^T` of several layers: x [..., in], W [out, in], A [rank, in], B [out, rank].

    A and B may be wider than the rest (fp32 beside bf16): products are then computed in x's format, and the gradients
    that A and B get are in their own. Narrow matrices have their long side last: their products are two to four
    times as fast on CPUs that way.
    """

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, scale: float, products: list[Dense], *matrices: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        matrices_a, matrices_b = matrices[::2], matrices[1::2]
        rows = x.reshape(-1, x.shape[-1])
        ranks = [len(a) for a in matrices_a]
        a = torch.cat(matrices_a).to(x.dtype)
        low = _narrow(rows, a, scale)
        made, wide_b = [], []
        for product, b, low_of_layer in zip(products, matrices_b, low.split(ranks, dim=1), strict=True):
            wide_b.append(b.t().to(x.dtype).contiguous())
            out = product.there(rows).addmm_(low_of_layer, wide_b[-1])
            made.append(out.view(*x.shape[:-1], -1))
        ctx.save_for_backward(rows, low, a, *wide_b)
        ctx.scale, ctx.products, ctx.ranks, ctx.shape = scale, products, ranks, x.shape
        ctx.formats = [(a.dtype, b.dtype) for a, b in zip(matrices_a, matrices_b, strict=True)]
        return tuple(made)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[Any, ...]:
        rows, low, a, *wide_b = ctx.saved_tensors
        wide = [grad.reshape(-1, grad.shape[-1]) for grad in grads]
        said = torch.empty_like(low)
        grads_b = [
            _narrow_and_gather(grad, b, ctx.scale, low_of_layer, said_of_layer)
            for grad, b, low_of_layer, said_of_layer in zip(
                wide, wide_b, low.split(ctx.ranks, dim=1), said.split(ctx.ranks, dim=1), strict=True
            )
        ]
        grad_x: torch.Tensor | None = None
        if ctx.needs_input_grad[0]:
            for grad, product in zip(wide, ctx.products, strict=True):
                grad_x = product.back(grad, grad_x)
            assert grad_x is not None
            grad_x = grad_x.addmm_(said, a).view(ctx.shape)
        of_layers: list[torch.Tensor | None] = []
        for grad_a, grad_b, formats in zip(_gather(rows, said).split(ctx.ranks), grads_b, ctx.formats, strict=True):
            of_layers += [grad_a.to(formats[0]), grad_b.t().to(formats[1])]
        return grad_x, None, None, *of_layers


def _narrow(rows: torch.Tensor, a: torch.Tensor, scale: float) -> torch.Tensor:
    """Return `scale * rows a^T`, [tokens, rank]."""
    return passes.narrow(rows, a, scale) if serves(rows, Ability.NATIVE_NARROW) else (a @ rows.t()).mul_(scale).t()


def _narrow_and_gather(
    wide: torch.Tensor, b: torch.Tensor, scale: float, low: torch.Tensor, said: torch.Tensor
) -> torch.Tensor:
    """Write `scale * wide b^T` into `said`, [tokens, rank], and return `low^T wide`, [rank, width]."""
    if serves(wide, Ability.NATIVE_NARROW):
        return passes.narrow_and_gather(wide, b, scale, low, said)
    said.copy_((b @ wide.t()).mul_(scale).t())
    return low.t() @ wide


def _gather(rows: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
    return passes.gather(rows, said) if serves(rows, Ability.NATIVE_NARROW) else said.t() @ rows
