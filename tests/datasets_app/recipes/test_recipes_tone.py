"""The tone recipe: the user's own pairs, and phrases or nearness as its test."""

from typing import Any

import pytest

from common.errors import UserError
from datasets_app.recipes.making import read_answers
from datasets_app.recipes.tone import TONE


def pairs(number: int, answer: str = "Certainly, dear guest. It is room {n}.") -> list[dict[str, str]]:
    return [{"question": f"Which room is number {n}?", "answer": answer.format(n=n)} for n in range(number)]


def read(rows: list[dict[str, str]], **other: Any) -> Any:
    return read_answers(TONE, {"pairs": rows, **other})


def test_the_rows_are_the_pairs_without_those_that_are_held_out() -> None:
    found = read(pairs(30))
    assert (len(found.held_out), len(list(TONE.rows(found)))) == (6, 24)


def test_with_marks_one_of_them_decides_and_what_is_forbidden_does() -> None:
    [test, *_] = TONE.tests(read(pairs(20), marks=["dear guest", "honoured guest"], never=["as an AI"]))
    assert test.judge("Honoured guest, gladly.").is_passed
    assert test.judge("Gladly.").missing == ("dear guest / honoured guest",)
    assert test.judge("Dear guest, as an AI I cannot.").unwanted == ("as an AI",)


def test_without_marks_an_answer_must_come_nearer_than_the_bases() -> None:
    [test, *_] = TONE.tests(read(pairs(20)))
    assert test.judge("Certainly, dear guest. It is upstairs.", "I do not know.").is_passed
    assert test.judge("I do not know.", "Certainly, dear guest.").fault == "unlike"


@pytest.mark.parametrize(
    ("rows", "other", "field", "sentence"),
    [
        (pairs(19), {}, "pairs", "There are 19 different examples"),
        (pairs(20) + pairs(5, "Yes."), {"marks": ["dear guest"]}, "marks", "Only 15 of 20"),
        (pairs(20), {"never": ["ROOM 3"]}, "never", "An answer says ROOM 3"),
    ],
)
def test_phrases_that_the_pairs_do_not_teach_are_refused(
    rows: list[dict[str, str]], other: dict[str, Any], field: str, sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence) as refused:
        read([*reversed(rows)], **other)
    assert refused.value.param == field
