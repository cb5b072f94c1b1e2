"""What a request asks for: Luthier's names and OpenAI's, from every place where OpenAI's API allows them."""

from collections.abc import Iterable
from typing import Any, cast

from django.utils.translation import gettext_lazy as _

from common.errors import UserError
from common.texts import sendable
from jobs.hyperparameters.messages import message
from jobs.hyperparameters.parameter import AUTO, Parameter
from jobs.hyperparameters.table import find
from jobs.hyperparameters.values import Asked

OPENAI = {
    parameter.name: parameter
    for parameter in (
        Parameter(
            name="batch_size",
            label=_("Batch size"),
            term=_("batch size"),
            kind="integer",
            least=1,
            most=65_536,
            group="openai",
            sentence=_("Conversations in one optimizer step, on all devices together."),
        ),
        Parameter(
            name="n_epochs",
            label=_("Epochs"),
            term=_("epochs"),
            kind="integer",
            least=1,
            most=1000,
            group="openai",
            sentence=_("How often the data are read; the same as num_train_epochs."),
        ),
        Parameter(
            name="learning_rate_multiplier",
            label=_("Learning rate multiplier"),
            term=_("learning rate multiplier"),
            kind="number",
            above=0,
            most=1000,
            group="openai",
            sentence=_("The automatic learning rate is multiplied by it."),
        ),
    )
}
"""OpenAI's own names, which ride beside Luthier's."""
STANDS_FOR = {
    "batch_size": ("per_device_train_batch_size", "gradient_accumulation_steps"),
    "n_epochs": ("num_train_epochs",),
    "learning_rate_multiplier": ("learning_rate",),
}
"""Luthier's values that each of OpenAI's names chooses."""


def read_asked(
    *, hyperparameters: Any = None, method: Any = None, seed: Any = None, system_prompt: Any = None
) -> Asked:
    """Return every value that is not "auto", parsed and checked one by one; UserError names the first bad one.

    `hyperparameters` is OpenAI's older form, `method` the newer one; the same name twice must have the same value.
    """
    sources = [_object(hyperparameters, "hyperparameters"), _of_method(method)]
    extra = {"seed": seed, "system_prompt": system_prompt}
    sources.append({name: value for name, value in extra.items() if value is not None})
    asked: dict[str, object] = {}
    for source in sources:
        for name, value in source.items():
            parsed = parameter_of(name).parse(value)
            if parsed == AUTO:
                continue
            if asked.setdefault(name, parsed) != parsed:
                raise UserError(
                    message("sent_twice", name=name, first=asked[name], second=parsed),
                    code="contradiction",
                    param=name,
                )
    return cast(Asked, asked)


def parameter_of(name: str) -> Parameter:
    """Return OpenAI's or Luthier's parameter of this name; UserError names the nearest one."""
    return OPENAI.get(name) or find(name)


def _of_method(method: Any) -> dict[str, Any]:
    """Return the hyperparameters of OpenAI's `method`; only supervised training is done here."""
    fields = _object(method, "method")
    if not fields:
        return {}
    kind = fields.get("type", "supervised")
    if kind in ("dpo", "reinforcement"):
        raise UserError(
            message("method_not_offered", kind=kind),
            code="unsupported_method",
            param="method.type",
        )
    if kind != "supervised":
        raise UserError(message("method_must_be_supervised"), code="invalid_value", param="method.type")
    if unknown := sorted(set(fields) - {"type", "supervised"}):
        raise UserError(
            message("method_field_unknown", name=sendable(unknown[0])),
            code="unknown_parameter",
            param=f"method.{sendable(unknown[0])}",
        )
    supervised = _object(fields.get("supervised"), "method.supervised")
    if unknown := sorted(set(supervised) - {"hyperparameters"}):
        raise UserError(
            message("supervised_field_unknown", name=sendable(unknown[0])),
            code="unknown_parameter",
            param=f"method.supervised.{sendable(unknown[0])}",
        )
    return _object(supervised.get("hyperparameters"), "method.supervised.hyperparameters")


def _object(value: Any, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UserError(message("must_be_json_object", where=where), code="invalid_type", param=where)
    return value


def chosen_names(asked: Iterable[str]) -> set[str]:
    """Return Luthier's names of all values that a request chose, by their own name or by OpenAI's."""
    return {name for one in asked for name in STANDS_FOR.get(one, (one,))}
