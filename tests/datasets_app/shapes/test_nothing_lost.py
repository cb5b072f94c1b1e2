"""Sets as people publish them: what stands in a row is learned, or it is named, and asked about where it is text."""

import gzip
from typing import Any

import pytest

from datasets_app.shapes.asking import Said, kind_of
from datasets_app.shapes.examples import Example, open_examples
from datasets_app.versions.questions import questions_of
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import Trickle, checked, only_fault, stored
from tests.datasets_app.small_files import said, written

TALK = [("user", "q"), ("assistant", "a")]
LONGER = [*TALK, ("user", "r"), ("assistant", "b")]
PASSAGE = "A passage about lutes."
AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120 Safari/537.36"


@pytest.mark.parametrize(
    ("value", "talk"),
    [
        ({"conversations": ["q", "a", "r", "b"]}, LONGER),  # LIMA
        ({"conversation": [{"input": "q", "output": "a"}, {"input": "r", "output": "b"}]}, LONGER),  # Capybara
        ({"context": "c", "question": "q", "answers": {"text": ["a", "a"], "answer_start": [1, 1]}},
         [("user", "c\nq"), ("assistant", "a")]),  # SQuAD
        ({"instruction": "r", "output": "b", "history": [{"role": "user", "content": "q"},
                                                         {"role": "assistant", "content": "a"}]}, LONGER),
        ({"query": "q", "answer": "a"}, TALK),  # CodeFeedback
        ({"inputs": "q", "targets": "a"}, TALK),  # Aya
        ({"system": "s", "user": "q", "assistant": "a"}, [("system", "s"), *TALK]),
        ([{"role": "user", "parts": ["q"]}, {"role": "model", "parts": ["a"]}], TALK),  # Google's SDK
    ],
)  # fmt: skip
def test_is_read(value: Any, talk: list[tuple[str, str]]) -> None:
    content = written([value] * 2)
    assert said(content) == [talk] * 2
    assert checked(content).unused.counts == {}


@pytest.mark.parametrize(
    ("beside", "name"),
    [
        ({"context": {"contexts": [PASSAGE]}}, "context"),  # PubMedQA
        ({"context": [PASSAGE]}, "context"),
        ({"history": "They spoke of lutes before."}, "history"),
        ({"system_message": "Be very brief."}, "system_message"),
        ({"choices": ["The lute", "The violin"]}, "choices"),
        ({"option_b": "A violin it is"}, "option_b"),
        ({"question_zh": "琉特琴是什么"}, "question_zh"),
        ({"Bemerkung": "Das ist wichtig"}, "Bemerkung"),
        ({"": PASSAGE * 4}, "(no name)"),
    ],
)
def test_text_is_asked_about(beside: dict[str, Any], name: str) -> None:
    report = checked(written([{"question": "q", "answer": "a", **beside}] * 2))
    assert (report.num_rows, report.unused.counts, list(report.unused.asked)) == (2, {name: 2}, [name])


def test_a_list_of_texts_can_be_used() -> None:
    content = written([{"question": "q", "answer": "a", "contexts": ["One text.", "Another text."]}] * 2)
    text = "One text.\nAnother text."
    for use, talk in (("question", [("user", f"{text}\nq"), TALK[1]]), ("system", [("system", text), *TALK])):
        items = open_examples(Trickle(content, 1 << 20), "a.jsonl", {"unused": {"contexts": use}})
        talks = [item.conversation for item in items if isinstance(item, Example)]
        assert [[(m.role, m.content) for m in found.messages] for found in talks if found] == [talk] * 2


@pytest.mark.django_db
def test_texts_inside_of_an_object_can_only_be_left_out(alice: Member) -> None:
    odd = {"question": "q", "answer": "a", "contexts": {"text": PASSAGE}}
    file = stored(alice.team, written([odd] * 2))
    assert [question.choices for question in questions_of(file)] == [("leave_out",)]


def test_two_system_prompts_that_differ_are_named_in_sharegpts_rows_too() -> None:
    turns = [{"from": "system", "value": "s"}, {"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]
    assert only_fault(written([{"system": "t", "conversations": turns}])).kind == "two_system_prompts"
    assert said(written([{"system": "s", "conversations": turns}])) == [[("system", "s"), *TALK]]


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("compute_loss", False, "mask"), ("training", "false", "mask"), ("train_on", 0, "mask"),
        ("is_learned", False, "mask"), ("training_tokens", 0, None), ("train_id", 0, None),
        ("calculate_loss", 0, "mask"), ("header", {"user-agent": AGENT}, None),
        ("training", True, None), ("train_loss", 0.31, None), ("split", "train", None),
        ("liked", False, "verdict"), ("quality", "bad", "verdict"), ("preference", "rejected", "verdict"),
        ("quality", "high", None), ("rating", 4, None), ("sentiment", "negative", None),
    ],
)  # fmt: skip
def test_masks_and_verdicts_by_other_names(key: str, value: Any, found: str | None) -> None:
    kind = kind_of(key, value, Said())
    assert (kind[0] if kind else None) == found


def test_messages_on_rows_of_their_own_are_no_text_to_read_on_from() -> None:
    fault = only_fault(written([{"text": "q", "role": "prompter"}, {"text": "a", "role": "assistant"}]))
    assert fault.kind == "lone_message"


@pytest.mark.parametrize("table", ["question,answer\nq,a\nr\n", "question,answer\nq,a\nr,\n"])
def test_a_row_of_a_table_that_ends_early_has_an_empty_answer(table: str) -> None:
    assert only_fault(table.encode(), "a.csv").kind == "empty_answer"


def test_a_row_of_blanks_is_no_row() -> None:
    assert said(b"question,answer\n , \nq,a\n,\n", "a.csv") == [TALK]


@pytest.mark.parametrize("rest", ["r,b\ns,c\n", ""])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_quote_that_is_never_closed_swallows_no_rows_in_silence(rest: str, name: str) -> None:
    table = f'question,answer\nq,"a ""b"""\nq2,"a2\n{rest}'.encode()
    report = checked(gzip.compress(table) if name.endswith("gz") else table, name)
    assert (report.num_rows, report.num_faults) == (1, 1)
    assert (report.faults[0].kind, report.faults[0].line) == ("quote_not_closed", 3)


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_the_last_quote_may_end_the_file(end: str) -> None:
    assert said(f'question,answer\nq,"a\nb"{end}'.encode(), "a.csv") == [[("user", "q"), ("assistant", "a\nb")]]
