"""What a talk is: whom it asks with what, and what of it is kept."""

import pytest

from common.errors import UserError
from playground.talks import LONGEST_TALK, MOST_TURNS, Talk, read_turns

TURNS = [{"prompt": "Hi", "left": "Hello.", "right": None}, {"prompt": "Who?", "left": "SmolLM.", "right": "Xiaozhi."}]


def test_each_model_is_asked_with_its_own_answers() -> None:
    talk = Talk.of(turns=TURNS, system="Be brief.")
    said = talk.messages("right", before=2, prompt="And?")
    assert [one["content"] for one in said] == ["Be brief.", "Who?", "Xiaozhi.", "And?"]
    assert len(talk.messages("left", before=2, prompt="And?")) == 6


def test_a_row_teaches_one_answer_alone() -> None:
    row = Talk.of(turns=TURNS).row("left", 1, answer="Xiaozhi.")
    assert row == [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello.", "weight": 0},
        {"role": "user", "content": "Who?"},
        {"role": "assistant", "content": "Xiaozhi."},
    ]


@pytest.mark.parametrize(
    "turns",
    [
        "no list",
        ["no object"],
        [{"left": "a", "right": "b"}],
        [{"prompt": 1, "left": None, "right": None}],
        [{"prompt": "Hi", "left": 2, "right": None}],
        [{"prompt": "Hi", "left": None, "right": None, "middle": "x"}],
    ],
)
def test_what_is_no_turn_is_refused(turns: object) -> None:
    with pytest.raises(UserError) as refused:
        Talk.of(turns=turns)
    assert refused.value.param == "turns"


def test_characters_that_no_text_has_are_replaced_in_answers_and_nothing_else_is() -> None:
    long = "琴" * 5_000
    [turn, other] = Talk.of(
        turns=[{"prompt": long, "left": "a\0b", "right": "\ud800"}, {"prompt": "Hi", "left": long, "right": None}]
    ).turns
    assert (turn.prompt, turn.left, other.left, other.right) == (long, "a\ufffdb", long, None)
    assert (turn.right or "").encode()


def test_is_bounded() -> None:
    one = {"prompt": "Hi", "left": None, "right": None}
    assert len(Talk.of(turns=[one] * MOST_TURNS).turns) == MOST_TURNS
    for turns in ([one] * (MOST_TURNS + 1), [{**one, "left": "x" * LONGEST_TALK}, one]):
        with pytest.raises(UserError, match="at most"):
            Talk.of(turns=turns)


def test_the_last_answers_are_not_lost_by_being_long() -> None:
    asked = {"prompt": "x" * (LONGEST_TALK - 2), "left": None, "right": None}
    answered = {"prompt": "Hi", "left": "y" * 50_000, "right": "z" * 50_000}
    assert len(Talk.of(turns=[asked, answered]).turns) == 2
    with pytest.raises(UserError, match="at most"):
        Talk.of(turns=[asked, answered, {"prompt": "And?", "left": None, "right": None}])


def test_a_hidden_field_that_is_no_json_is_refused() -> None:
    assert read_turns("") == []
    for text in ("{", "[" * 100_000):
        with pytest.raises(UserError):
            read_turns(text)
