"""How pages show a state, wherever it is of."""

from typing import TypedDict


class Mark(TypedDict):
    """A word with its colour and icon, as `common/_status.html` draws it."""

    kind: str
    """Of the style sheet: ok, wait, busy, bad, or none."""
    icon: str
    word: str
