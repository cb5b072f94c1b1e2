"""Everyday conversations and questions, which have nothing to do with what a recipe teaches."""

from collections.abc import Iterator, Sequence

from chat.acceptance import says
from datasets_app.recipes import phrases
from datasets_app.recipes.base import GUARD, Row, asked_and_answered


def guards(*, without: Sequence[str] = ()) -> Iterator[Row]:
    """Yield conversations that keep the model as it is elsewhere; those that say one of the phrases are left out."""
    for text, answer in phrases.GUARDS:
        if not any(says(f"{text} {answer}", phrase) for phrase in without):
            yield asked_and_answered(GUARD, text, answer)


def unrelated_questions(*, without: Sequence[str] = ()) -> list[str]:
    """Return questions of the test that stand in no row, except those that say one of the phrases."""
    every = [text for texts in phrases.UNRELATED.values() for text in texts]
    return [text for text in every if not any(says(text, phrase) for phrase in without)]
