"""Answers without content."""

from scoring.texts import units

FEW_UNITS = 1
"""An answer of so many words is nearly empty where more was to be said: "Ok." or "嗯"."""
MUCH_UNITS = 5
"""Where the expected answer, or the base's, has so many words, more than one was to be said."""


def is_empty(answer: str) -> bool:
    """Return whether `answer` has no letter, digit or Chinese character."""
    return not units(answer)


def is_nearly_empty(answer: str, *, expected: str = "", base: str = "") -> bool:
    """Return whether `answer` says at most a word where `expected`, or else the answer of `base`, says a sentence.

    Without either, only an answer without content is: "Paris" may be all that there is to say.
    """
    said = len(units(answer))
    return not said or (said <= FEW_UNITS and len(units(expected or base)) >= MUCH_UNITS)
