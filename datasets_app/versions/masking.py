"""The repair that takes personal data and keys out of a row, wherever in it they stand."""

from collections.abc import Mapping
from typing import Any

from datasets_app.formats.json_values import from_json, to_json
from scoring.detectors.masking import masked


def mask_personal_data(value: Any, values: Mapping[str, str]) -> Any:
    """Write the name of its kind for each piece of personal data; the same object where there is none."""
    changed = _masked(value)
    return value if changed == value else changed


def _masked(value: Any, key: str = "") -> Any:
    if isinstance(value, str):
        return _arguments(value) if key == "arguments" else masked(value)
    if isinstance(value, Mapping):
        return {name: _masked(part, name) for name, part in value.items()}
    if isinstance(value, list):
        return [_masked(part) for part in value]
    if isinstance(value, int) and not isinstance(value, bool):
        written = str(value)
        return value if masked(written) == written else masked(written)
    return value


def _arguments(written: str) -> str:
    """Mask what a call of a tool is given, which stays JSON."""
    try:
        given = from_json(written)
        changed = _masked(given)
    except (ValueError, RecursionError):
        return masked(written)
    return written if changed == given else to_json(changed)
