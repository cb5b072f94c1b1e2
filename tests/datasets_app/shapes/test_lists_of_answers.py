"""Rows with a list of questions and one of answers."""

from typing import Any

import pytest

from tests.datasets_app.dataset_makers import checked, only_fault
from tests.datasets_app.small_files import SMALL, said, written

TALK = [("user", "q"), ("assistant", "a")]


class TestLists:
    def test_of_questions_and_answers_are_rounds(self) -> None:
        rounds = [("user", "q1"), ("assistant", "a1"), ("user", "q2"), ("assistant", "a2")]
        assert said((SMALL / "i_parallel.jsonl").read_bytes()) == [rounds]

    @pytest.mark.parametrize(("first", "second"), [
        ("input", "output"), ("prompt", "completion"), ("question", "answer"), ("instruction", "output"),
        ("query", "response"), ("instruction", "response"), ("q", "a"), ("问题", "回答"),
    ])  # fmt: skip
    def test_under_every_name(self, first: str, second: str) -> None:
        value = {first: ["1", "2", "3"], second: ["a", "b", "c"], "system": "s"}
        roles = [
            ("user", "1"),
            ("assistant", "a"),
            ("user", "2"),
            ("assistant", "b"),
            ("user", "3"),
            ("assistant", "c"),
        ]
        assert said(written([value])) == [[("system", "s"), *roles]]

    @pytest.mark.parametrize(
        ("value", "talk"),
        [
            ({"input": ["q"], "output": ["a"]}, TALK),
            ({"input": "q", "output": ["a"]}, TALK),
            ({"input": ["q"], "output": "a"}, TALK),
            ({"input": [1, 2.50], "output": ["a", "b"]},
             [("user", "1"), ("assistant", "a"), ("user", "2.5"), ("assistant", "b")]),
            ({"query": ["q", "r"], "response": ["a", "b"], "history": [["o", "p"]]},
             [("user", "o"), ("assistant", "p"), *TALK, ("user", "r"), ("assistant", "b")]),
            ({"instruction": ["q"], "input": "more", "output": ["a"]}, [("user", "q\nmore"), ("assistant", "a")]),
        ],
    )  # fmt: skip
    def test_of_one_and_of_numbers(self, value: dict[str, Any], talk: list[tuple[str, str]]) -> None:
        assert said(written([value])) == [talk]
        assert checked(written([value])).unused.counts == {}

    @pytest.mark.parametrize(
        ("value", "code", "field"),
        [
            ({"input": ["q", "r"], "output": ["a"]}, "lists_differ", "input"),
            ({"input": ["q", "r"], "output": "a"}, "lists_differ", "input"),
            ({"input": ["q"], "output": ["a", "b"]}, "several_answers", "output"),
            ({"input": "q", "output": ["a", "b"]}, "several_answers", "output"),
            ({"input": ["q"] * 101, "output": ["a"] * 101}, "columns_as_lists", "input"),
            ({"input": [], "output": ["a"]}, "empty_question", "input"),
            ({"input": "q", "output": []}, "empty_answer", "output"),
            ({"input": ["q", ""], "output": ["a", "b"]}, "empty_question", "input"),
            ({"input": ["q", "r"], "output": ["", "b"]}, "empty_answer", "output[0]"),
        ],
    )
    def test_that_do_not_fit_are_named(self, value: dict[str, Any], code: str, field: str) -> None:
        fault = only_fault(written([value]))
        assert (fault.kind, fault.field) == (code, field)

    def test_the_sentence_helps(self) -> None:
        fault = only_fault(written([{"input": ["q", "r"], "output": ["a"]}]))
        assert str(fault.message) == "input has 2 texts and output has 1, but every question needs its answer."
        assert str(fault.hint) == "Give both the same number."
