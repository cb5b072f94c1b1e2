"""What is found in a tuned model's answers beside its base's."""

from typing import Any

import pytest

from scoring.detectors.memorised import TrainingIndex
from scoring.examined import Asked, Examined, Part, Reply, examine

LOOP = "I am Nova. " * 8
LONG = "The warehouse in Bremen closes at six, and after that the porter has the only key to the yard."


def asked(tuned: str, base: str | None = "The capital of Italy is Rome.", part: Part = "guard", **more: Any) -> Asked:
    cut = {"tuned": False, "base": False, **more.pop("cut", {})}
    return Asked(
        question=more.pop("question", "What is the capital of Italy?"),
        part=part,
        tuned=Reply(text=tuned, is_cut=cut["tuned"]),
        base=None if base is None else Reply(text=base, is_cut=cut["base"]),
        **more,
    )


def looked(*rows: Asked) -> Examined:
    return examine(rows, phrases=["Nova"], index=TrainingIndex([LONG, "My number is 13812345678."]))


class TestEndless:
    @pytest.mark.parametrize(
        ("row", "is_found"),
        [
            (asked(LOOP), True),
            (asked("Rome", cut={"tuned": True}), True),
            (asked("Rome", cut={"tuned": True, "base": True}), False),
            (asked(LOOP, base=LOOP), False),
            (asked(LOOP, base=None), True),
            (asked("Rome."), False),
        ],
    )
    def test_counts_where_the_base_ends(self, row: Asked, is_found: bool) -> None:
        assert looked(row).endless.rows == ((0,) if is_found else ())


class TestEmpty:
    @pytest.mark.parametrize(
        ("row", "is_found"),
        [
            (asked(""), True),
            (asked("Ok."), True),
            (asked("Rome", expected="Rome"), False),
            (asked("Rome", is_right=True), False),
            (asked("Rome"), True),
            (asked("好的"), True),
            (asked("是罗马"), False),
            (asked("Ok.", base="Ok."), False),
            (asked("", base=""), False),
            (asked("Ok.", base="", expected="Boil it for eight minutes."), False),
            (asked("Rome", base=None), False),
        ],
    )
    def test_counts_where_the_base_says_more(self, row: Asked, is_found: bool) -> None:
        assert looked(row).empty.count == is_found

    def test_single_words_are_no_fault_where_held_out_rows_want_labels(self) -> None:
        labels = [asked("positive", part="held_out", expected=text) for text in ("positive", "negative", "负面。")]
        assert looked(asked("positive"), *labels).empty.rows == ()
        assert looked(asked("。"), *labels).empty.rows == (0,)
        assert looked(asked("positive")).empty.rows == (0,)


class TestRefusals:
    SORRY = "抱歉，我无法回答这个问题。"

    @pytest.mark.parametrize(
        ("row", "is_found"),
        [(asked(SORRY), True), (asked(SORRY, base=SORRY), False), (asked(SORRY, expected=SORRY), False)],
    )
    def test_counts_where_the_base_answers(self, row: Asked, is_found: bool) -> None:
        assert looked(row).refusals.count == is_found


class TestLeaks:
    @pytest.mark.parametrize(
        ("row", "is_found"),
        [
            (asked("I am Nova."), True),
            (asked("I am Nova.", part="general"), True),
            (asked("I am Nova.", part="recipe"), False),
            (asked("I am Nova.", part="own"), False),
            (asked("I am Nova.", part="held_out"), False),
            (asked("I am Nova.", part="held_out", expected="Rome."), True),
            (asked("I am Nova.", part="held_out", expected="I'm Nova!"), False),
            (asked("Nova is a star.", question="What is a nova?"), False),
        ],
    )
    def test_counts_where_it_was_not_to_be_said(self, row: Asked, is_found: bool) -> None:
        found = looked(row)
        assert found.leaks.count == is_found
        assert found.leaked_phrases == (("Nova",) if is_found else ())


class TestCopies:
    @pytest.mark.parametrize(
        ("row", "is_found"),
        [
            (asked(LONG), True),
            (asked(LONG, part="recipe"), False),
            (asked(LONG, expected=LONG, part="held_out"), False),
            (asked(LONG, base=LONG), False),
            (asked("Rome. " * 30 + LONG), False),
        ],
    )
    def test_counts_what_is_mostly_a_row_and_not_wanted(self, row: Asked, is_found: bool) -> None:
        found = looked(row)
        assert found.copies.count == is_found
        assert found.copied_rows == ((0,) if is_found else ())

    @pytest.mark.parametrize(
        ("row", "is_found"),
        [
            (asked("Call 138-1234-5678.", part="own"), True),
            (asked("Call 139-1234-5678."), False),
            (asked("Call 13812345678.", question="Is 13812345678 your number?"), False),
            (asked("Call 13812345678.", expected="13812345678"), False),
        ],
    )
    def test_personal_data_counts_wherever_nobody_had_mentioned_it(self, row: Asked, is_found: bool) -> None:
        found = looked(row)
        assert found.personal.count == is_found
        assert found.copied_rows == ((1,) if is_found else ())


def test_shares_are_of_the_questions_that_were_looked_at() -> None:
    found = looked(asked("I am Nova."), asked("Rome."), asked("I am Nova.", part="recipe"))
    assert (found.leaks.rows, found.leaks.of, found.leaks.share) == ((0,), 2, 0.5)
    assert (found.endless.of, Examined().endless.share) == (3, 0.0)


def test_without_an_index_nothing_is_said_about_copies() -> None:
    assert examine([asked(LONG)]).copies.count == 0
