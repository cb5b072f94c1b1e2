"""The identity that a data set teaches although no recipe has made it, such as a file of self-introductions."""

import itertools

from datasets_app.models import TrainingFile
from datasets_app.recipes.base import QuestionnaireError
from datasets_app.recipes.identity import IDENTITY, Identity, acceptance_tests
from datasets_app.recipes.making import Acceptance
from datasets_app.rows.reading import read_conversations
from scoring.detectors.names import taught_names

READ_ROWS = 5_000
"""Rows that are looked through: whoever teaches a name does so in many of them."""
_NOBODY = "—"


def taught_identity(file: TrainingFile) -> Acceptance | None:
    """Return what asks for the name that many rows of `file` teach, in both languages; None where they teach none.

    Questions that the rows ask themselves are left out, so that an answer shows more than memory.
    """
    rows = [found for _, found in itertools.islice(read_conversations(file), READ_ROWS)]
    answers = ["\n".join(turn.content or "" for turn in row.messages if turn.is_trained) for row in rows]
    asked = {(turn.content or "").strip() for row in rows for turn in row.messages if turn.role == "user"}
    names = taught_names(answers, asked)
    try:
        identity = Identity(name=names.name, maker=names.maker or _NOBODY)
    except QuestionnaireError:
        return None
    tests = [
        test
        for test in acceptance_tests(identity)
        if _NOBODY not in test.must_say and test.messages[-1]["content"] not in asked
    ]
    return Acceptance(recipe=IDENTITY.name, tests=tests, needed=IDENTITY.needed)
