"""One parameter of a training: its name, what it accepts, and how a person is told what it does."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from common.errors import UserError
from jobs.texts import is_storable

AUTO = "auto"
Check = Callable[[Any], str | None]
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
    choices: tuple[str, ...] = ()
    check: Check | None = None
    managed: Any = None
    """Why Luthier sets it by itself; None: it is yours to set."""
    accepts: tuple[Any, ...] = ()
    """Of a managed parameter: values that say "you set it", besides "auto"."""
    is_basic: bool = False
    """True: on the form without "Advanced"."""

    def parse(self, value: Any) -> Any:
        """Return `value` in its own type; UserError says what is accepted. "auto" stays "auto"."""
        if value is None or value == AUTO:
            return AUTO
        if self.managed is not None:
            if value in self.accepts:
                return AUTO
            raise self._error(f"{self.name} cannot be set: {self.managed}", code="managed_parameter")
        parsed = _PARSERS[self.kind](value)
        if parsed is _NOT:
            raise self._refusal(value)
        if self.choices and parsed not in self.choices:
            raise self._refusal(value)
        if self.check is not None and (accepted := self.check(parsed)) is not None:
            raise self._error(f"{self.name} is {_shown(value)}; {accepted}", code="invalid_value")
        if self.kind in ("integer", "number") and not self._is_in_range(parsed):
            raise self._refusal(value)
        return parsed

    @property
    def accepted(self) -> str:
        """Say in words which values are accepted, beside "auto"."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.kind == "boolean":
            return "true or false"
        if self.kind == "text":
            return "a text"
        kind = "a whole number" if self.kind == "integer" else "a number"
        bounds = [
            f"{word} {_number(bound)}"
            for word, bound in (
                ("at least", self.least),
                ("above", self.above),
                ("at most", self.most),
                ("below", self.below),
            )
            if bound is not None
        ]
        return f"{kind}, {' and '.join(bounds)}" if bounds else kind

    def _is_in_range(self, value: float) -> bool:
        return (
            (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def _refusal(self, value: Any) -> UserError:
        return self._error(
            f'{self.name} is {_shown(value)}; it must be {self.accepted}, or "auto".', code="invalid_value"
        )

    def _error(self, message: str, *, code: str) -> UserError:
        return UserError(message, code=code, param=self.name)


_NOT = object()


def _integer(value: Any) -> Any:
    number = _any_number(value)
    if number is _NOT or number != int(number):
        return _NOT
    return int(number)


def _any_number(value: Any) -> Any:
    """Return an int or a finite float, also from a form's text."""
    if isinstance(value, bool):
        return _NOT
    if isinstance(value, str) and len(value) <= 40:
        try:
            value = float(value) if not value.strip().lstrip("+-").isdigit() else int(value)
        except ValueError:
            return _NOT
    if not isinstance(value, int | float) or (isinstance(value, float) and not math.isfinite(value)):
        return _NOT
    return value


def _float(value: Any) -> Any:
    number = _any_number(value)
    try:
        return _NOT if number is _NOT else float(number)
    except OverflowError:
        return _NOT


def _boolean(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    words = {"true": True, "false": False, "1": True, "0": False, "on": True, "off": False}
    return words.get(str(value).strip().lower(), _NOT) if isinstance(value, str | int) else _NOT


def _text(value: Any) -> Any:
    return value if isinstance(value, str) and is_storable(value) else _NOT


_PARSERS: dict[str, Callable[[Any], Any]] = {
    "integer": _integer,
    "number": _float,
    "boolean": _boolean,
    "choice": _text,
    "text": _text,
}


def _number(value: float) -> str:
    return f"{value:g}" if abs(value) < 1e6 else str(int(value))


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
