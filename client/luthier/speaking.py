"""English, or Chinese where the locale says so. What people read stands in English in the source."""

from __future__ import annotations

import json
import os
from functools import lru_cache
from pathlib import Path

VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")
CHINESE = "zh-hans"


def language() -> str:
    """Return the language of this process: the first of its variables that says one decides, as everywhere."""
    said = next((os.environ[name] for name in VARIABLES if os.environ.get(name)), "")
    return CHINESE if said.lower().startswith("zh") else "en"


def _(text: str) -> str:
    """Return a sentence in the reader's language."""
    return words().get(text, text) if language() == CHINESE else text


def ngettext(one: str, many: str, count: int) -> str:
    """Return the sentence for `count`, in the reader's language; Chinese has one for all."""
    return _(one if count == 1 else many)


@lru_cache(maxsize=1)
def words() -> dict[str, str]:
    """Return the Chinese of every English sentence."""
    found: dict[str, str] = json.loads((Path(__file__).parent / "zh.json").read_text("utf-8"))
    return found
