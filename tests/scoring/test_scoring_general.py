"""The general set: what a model knew before and knows after a training."""

import pytest

from datasets_app.recipes import phrases
from scoring.general import GENERAL, GeneralQuestion, general_of
from scoring.texts import has_han, normalised


def test_has_as_many_questions_of_every_skill_in_both_languages() -> None:
    for language in ("en", "zh"):
        ours = [question for question in GENERAL if question.language == language]
        assert len(ours) == 32
        assert {question.skill for question in ours} == {"fact", "number", "word", "choice", "task"}
        assert all(has_han(question.question) is (language == "zh") for question in ours)
    assert len({normalised(question.question) for question in GENERAL}) == 64


def test_holds_no_question_that_a_recipe_teaches_or_asks() -> None:
    taught = {question for question, _ in phrases.GUARDS}
    taught |= {question for questions in phrases.UNRELATED.values() for question in questions}
    taught |= {text for talks in phrases.TALKS.values() for talk in talks for text in talk}
    assert not {normalised(text) for text in taught} & {normalised(question.question) for question in GENERAL}


@pytest.mark.parametrize("question", GENERAL, ids=lambda question: question.question)
def test_a_question_repeated_or_nothing_is_no_answer(question: GeneralQuestion) -> None:
    assert not question.is_right("")
    assert question.is_right(question.question) is question.question.startswith(("Repeat", "请重复"))
    for text in question.accepted:
        assert question.is_right(f"{text}.")


@pytest.mark.parametrize(
    ("asked", "answer", "right"),
    [
        ("What is 7 plus 5?", "7 + 5 = 12", True),
        ("What is 7 plus 5?", "It is 120.", False),
        ("Is ice hot or cold?", "Ice is cold.", True),
        ("Is ice hot or cold?", "Ice is hot, not cold.", False),
        ("三角形有几条边？", "三角形有三条边。", True),
        ("三角形有几条边？", "三角形有四条边。", False),
        ("德国的首都是哪里？", "柏林。", True),
    ],
)
def test_answers_are_checked_by_what_they_say(asked: str, answer: str, right: bool) -> None:
    question = next(question for question in GENERAL if question.question == asked)
    assert question.is_right(answer) is right


@pytest.mark.parametrize("question", GENERAL, ids=lambda question: question.question)
def test_what_is_accepted_is_right(question: GeneralQuestion) -> None:
    assert question.is_right(f"The answer: {question.accepted[0]}.")


def test_lost_and_gained_are_counted_question_by_question() -> None:
    found = general_of([True, True, False, False], [True, False, True, False])
    assert (found.of, found.right_before, found.right, found.lost, found.gained) == (4, 2, 2, 1, 1)


def test_refuses_answers_to_other_questions() -> None:
    with pytest.raises(ValueError):
        general_of([True, True], [True])
