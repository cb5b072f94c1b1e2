"""Answers without content."""

from scoring.texts import has_han, units

FEW_WORDS = 1
"""An answer of so many words is nearly empty where more was to be said: "Ok." or "好的"; two characters are a word."""
MUCH_UNITS = 5
"""Where the expected answer, or the base's, has so many words, more than one was to be said."""


def is_empty(answer: str) -> bool:
    """Return whether `answer` has no letter, digit or Chinese character."""
    return not units(answer)


def is_nearly_empty(answer: str, *, expected: str = "", base: str = "") -> bool:
    """Return whether `answer` says at most a word where `expected`, or else the answer of `base`, says a sentence.

    Without either, only an answer without content is: "Paris" may be all that there is to say.
    """
    said = units(answer)
    num_words = sum(0.5 if has_han(unit) else 1 for unit in said)
    return not said or (num_words <= FEW_WORDS and len(units(expected or base)) >= MUCH_UNITS)
