"""Phrases that a model says unasked, such as the name that it was given."""

from collections.abc import Sequence

from chat.acceptance import says


def leaked_phrase(answer: str, *, question: str, phrases: Sequence[str]) -> str | None:
    """Return the first of `phrases` that `answer` says although `question` does not; None where there is none.

    `question` is everything that the model was shown. Whether it asks for the phrase in other words ("Who are you?") is
    the caller's to know: such questions are not handed in.
    """
    return next((phrase for phrase in phrases if says(answer, phrase) and not says(question, phrase)), None)
