"""Reading a frozen dataclass from a JSON object: unknown keys are refused, missing ones named."""

import dataclasses
from typing import Any, TypeVar

from rundir.messages import message
from rundir.paths import SpecError

T = TypeVar("T")


def from_json(kind: type[T], value: dict[str, Any], *, where: str = "spec.json") -> T:
    """Build `kind` (a dataclass) from `value`; nested dataclasses build themselves in `__post_init__`."""
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(value) - set(fields))
    if unknown:
        raise SpecError(message("spec_key_unknown", where=where, key=unknown[0], known=list(fields)))
    required = [
        name
        for name, f in fields.items()
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    missing = [name for name in required if name not in value]
    if missing:
        raise SpecError(message("spec_key_missing", where=where, key=missing[0]))
    return kind(**value)
