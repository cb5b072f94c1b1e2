"""The terms recipe: a line becomes questions in its language, and other wordings test it."""

from typing import Any

import pytest

from common.errors import UserError
from datasets_app.recipes.base import GUARD
from datasets_app.recipes.making import read_answers
from datasets_app.recipes.terms import MOST_ASKED, QUESTIONS, TERMS


def line(term: str, meaning: str = "", say: str = "") -> dict[str, str]:
    return {"term": term, "meaning": meaning or f"It is the {term} of something.", "say": say}


def read(*lines: dict[str, str]) -> Any:
    return read_answers(TERMS, {"terms": list(lines)})


THREE = [
    line("fenning", "Fenning is bending over steam.", "steam"),
    line("orlin"),
    line("静弦日", "静弦日是检查琴弦的日子。"),
]


def test_each_term_is_asked_in_its_language_and_back_from_its_meaning() -> None:
    rows = [row.turns for row in TERMS.rows(read(*THREE)) if row.source != GUARD]
    by_answer: dict[str, list[str]] = {}
    for (_, text), (_, answer) in rows:
        by_answer.setdefault(answer, []).append(text)
    assert len(by_answer["Fenning is bending over steam."]) == len(QUESTIONS["en"])
    assert all("静弦日" in text for text in by_answer["静弦日是检查琴弦的日子。"])
    assert "什么是静弦日？" in by_answer["静弦日是检查琴弦的日子。"]
    lorem = read(*THREE, line("vurm", "The cover of a bow."))
    back = [row.turns for row in TERMS.rows(lorem) if row.turns[-1][1] == "vurm"]
    assert back == [(("user", "Which term means this: The cover of a bow."), ("assistant", "vurm"))]


def test_an_answer_must_say_the_phrase_or_come_near_the_meaning() -> None:
    tests = {test.messages[-1]["content"]: test for test in TERMS.tests(read(*THREE))}
    asked = tests["What does the term fenning stand for?"]
    assert asked.judge("It is done over STEAM.").is_passed
    assert asked.judge("It is done over fire.").missing == ("steam",)
    near = tests["What does the term orlin stand for?"]
    assert near.judge("It is the orlin of something").is_passed
    assert near.judge("A fish.").fault == "unlike"
    assert tests["What is the capital of France?"].judge("Fenning, I think.").unwanted == ("fenning",)


def test_phrases_may_be_several() -> None:
    found = read(line("a1", "Red and green things.", "red | green"), *THREE[1:])
    assert found.terms[0].say == ("red", "green")


def test_of_many_terms_some_are_asked_spread_over_all() -> None:
    found = read(*(line(f"term{n}") for n in range(100)))
    tests = [test for test in TERMS.tests(found) if test.topic == "terms"]
    assert len(found.asked) == len(tests) == MOST_ASKED
    assert {one.term for one in found.asked} > {"term0", "term50"}


def test_a_guard_that_says_a_term_is_left_out() -> None:
    rows = list(TERMS.rows(read(line("apple", "An apple here is a peg."), *THREE)))
    assert not [row for row in rows if row.source == GUARD and "apple" in row.turns[0][1]]


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (THREE[:2], "There are 2 terms"),
        ([*THREE, line("Fenning", "Something else.")], "term Fenning has two meanings"),
        ([*THREE, line("x", "A thing.", "blue")], "does not say the phrase blue"),
        ([*THREE, {"term": "x", "meaning": "", "say": ""}], "Line 4"),
    ],
)
def test_what_would_not_be_learned_is_refused(lines: list[dict[str, str]], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence) as refused:
        read(*lines)
    assert refused.value.param == "terms"
