"""One parameter of a training: its name, what it accepts, and how its effect is explained to people."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from common.errors import UserError
from common.texts import is_storable
from jobs.hyperparameters.messages import message
from wording import Message

AUTO = "auto"
Check = Callable[[Any], Message | None]
"""Returns what is accepted instead, or None when the value is good."""


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """Declared once; the form, the API and the documentation read it."""

    name: str
    """The name at the API and on the command line."""
    label: Any
    """The plain word."""
    term: Any
    """The field's technical term."""
    kind: str
    """integer, number, boolean, choice or text."""
    sentence: Any
    """What more of it does, what less."""
    group: str
    """goal, data, adapter, speed, hardware or managed."""
    least: float | None = None
    most: float | None = None
    above: float | None = None
    """An open lower bound."""
    below: float | None = None
    """An open upper bound."""
    longest: int | None = None
    """Characters of a text, which `check` counts."""
    choices: tuple[str, ...] = ()
    check: Check | None = None
    managed: Message | None = None
    """Why Luthier sets it itself; None: the user may set it."""
    accepts: tuple[Any, ...] = ()
    """Of a managed parameter: values that say "you set it", besides "auto"."""

    def from_text(self, text: str) -> Any:
        """Return what a form's field says: the number or the truth that is written there, else the text itself."""
        if self.kind in ("integer", "number"):
            return _number_in(text)
        return _TRUTHS.get(text.lower(), text) if self.kind == "boolean" else text

    def parse(self, value: Any) -> Any:
        """Return `value`, as JSON has it, in its own type; UserError says what is accepted. "auto" stays "auto"."""
        if value is None or value == AUTO:
            return AUTO
        if self.managed is not None:
            if value in self.accepts:
                return AUTO
            refused = message("cannot_be_set", name=self.name, reason=self.managed)
            raise UserError(refused, code="managed_parameter", param=self.name)
        parsed = _PARSERS[self.kind](value)
        if parsed is _NOT:
            raise self._refusal(value)
        if self.choices and parsed not in self.choices:
            raise self._refusal(value)
        if self.check is not None and (accepted := self.check(parsed)) is not None:
            refused = message("text_refused", name=self.name, value=_shown(value), accepted=accepted)
            raise UserError(refused, code="invalid_value", param=self.name)
        if self.kind in ("integer", "number") and not self._is_in_range(parsed):
            raise self._refusal(value)
        return parsed

    @property
    def accepted(self) -> Message:
        """Say which values are accepted, beside "auto"."""
        if self.choices:
            return message("one_of", choices=self.choices)
        if self.kind == "boolean":
            return message("true_or_false")
        if self.kind == "text":
            return message("a_text")
        kind = message("a_whole_number") if self.kind == "integer" else message("any_number")
        limits = {"at_least": self.least, "above": self.above, "at_most": self.most, "below": self.below}
        bounds = [message(code, bound=_number(limit)) for code, limit in limits.items() if limit is not None]
        if len(bounds) == 2:
            return message("number_between", kind=kind, lower=bounds[0], upper=bounds[1])
        return message("bounded_number", kind=kind, bound=bounds[0]) if bounds else kind

    def _is_in_range(self, value: float) -> bool:
        return (
            (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def _refusal(self, value: Any) -> UserError:
        refused = message("value_refused", name=self.name, value=_shown(value), accepted=self.accepted)
        return UserError(refused, code="invalid_value", param=self.name)


_NOT = object()


def _integer(value: Any) -> Any:
    number = _any_number(value)
    if number is _NOT or number != int(number):
        return _NOT
    return int(number)


def _any_number(value: Any) -> Any:
    """Return an int or a finite float."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and not (isinstance(value, float) and not math.isfinite(value)) else _NOT


def _float(value: Any) -> Any:
    number = _any_number(value)
    try:
        return _NOT if number is _NOT else float(number)
    except OverflowError:
        return _NOT


def _boolean(value: Any) -> Any:
    return value if isinstance(value, bool) else _NOT


def _text(value: Any) -> Any:
    return value if isinstance(value, str) and is_storable(value) else _NOT


_PARSERS: dict[str, Callable[[Any], Any]] = {
    "integer": _integer,
    "number": _float,
    "boolean": _boolean,
    "choice": _text,
    "text": _text,
}


_TRUTHS = {"true": True, "false": False, "1": True, "0": False, "on": True, "off": False}


def _number_in(text: str) -> int | float | str:
    if len(text) > 40:
        return text
    try:
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    except ValueError:
        return text


def _number(value: float) -> str:
    return f"{value:g}" if abs(value) < 1e6 else str(int(value))


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
