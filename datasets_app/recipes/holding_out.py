"""Which of somebody's examples are kept for the test."""

import hashlib
import math
from collections.abc import Sequence


def held_out_of(texts: Sequence[str], *, share: float, least: int, most: int) -> set[str]:
    """Return the texts to keep for the test: a share of them, from `least` to `most`.

    A text's own content decides, so that they are the same in any order, and an example that is added moves few.
    """
    number = min(most, max(least, math.floor(len(texts) * share)))
    return set(sorted(set(texts), key=_place)[:number])


def _place(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
