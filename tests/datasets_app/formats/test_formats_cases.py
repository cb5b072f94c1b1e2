"""Real files of people who do this work, each with its right outcome; their sources stand in cases/SOURCES.md."""

from pathlib import Path

import pytest

from chat import Conversation
from datasets_app.checking.one_pass import check_file_content
from datasets_app.formats.refusals import refusal_of
from datasets_app.shapes.examples import Example, open_examples
from tests.datasets_app.dataset_makers import checked

CASES = Path(__file__).parents[1] / "cases"


def path_of(number: int) -> Path:
    return next(CASES.glob(f"{number:02}_*"))


def conversations(number: int) -> list[Conversation]:
    path = path_of(number)
    with path.open("rb") as stream:
        found = [item for item in open_examples(stream, path.name) if isinstance(item, Example)]
    return [example.conversation for example in found if example.conversation is not None]


def texts(conversation: Conversation) -> list[tuple[str, str | None]]:
    return [(message.role, message.content) for message in conversation.messages]


@pytest.mark.parametrize(
    ("number", "format", "shape", "rows", "faults"),
    [
        (1, "json", "conversations", 500, 0),
        (2, "json", "alpaca", 91, 0),
        (4, "jsonl", "paired_turns", 3, 0),
        (5, "jsonl", "query_response", 3, 0),
        (6, "jsonl", "messages", 10, 0),
        (7, "jsonl", "messages", 4, 1),
        (8, "jsonl", "messages", 86, 0),
        (15, "jsonl", "prompt_completion", 10, 0),
        (19, "jsonl", "preference", 0, 1),
        (23, "jsonl", "reinforcement", 0, 1),
        (24, "csv", "alpaca", 3, 0),
        (33, "csv", "text", 6, 0),
        (34, "parquet", "messages", 525, 0),
        (35, "xlsx", "q_a", 246, 0),
        (36, "jsonl", "question_answer", 5, 0),
        (37, "text", "text", 50, 0),
        (43, "jsonl", "", 0, 100),
        (44, "json", "", 0, 1),
    ],
)
def test_outcome(number: int, format: str, shape: str, rows: int, faults: int) -> None:
    path = path_of(number)
    assert refusal_of(path.read_bytes()[:65536], path.name) is None
    report = checked(path.read_bytes(), path.name)
    assert (report.format, report.shape, report.num_rows, report.num_faults) == (format, shape, rows, faults)


def test_unfilled_placeholders_are_noted() -> None:
    report = checked(path_of(2).read_bytes(), "identity.json")
    assert report.note_kinds == {"unfilled_placeholders": 85}


def test_a_code_stays_text_and_rounds_stay_in_order() -> None:
    assert [texts(c)[0] for c in conversations(4) if c.messages[0].role == "system"] == [("system", "00000")]
    assert [len(c.messages) for c in conversations(4)][-1] in (6, 7)
    third = texts(conversations(5)[2])
    assert [role for role, _ in third if role != "system"] == ["user", "assistant"] * 3


def test_a_missing_question_is_told_with_its_line() -> None:
    report = checked(path_of(7).read_bytes(), "toy.jsonl")
    assert [(fault.line, fault.kind) for fault in report.faults] == [(4, "answer_without_question")]


def test_tool_calls_keep_their_own_arguments() -> None:
    found = conversations(8)
    without_content = [c for c in found if c.messages[-1].content is None]
    assert len(without_content) == 36
    for conversation in found:
        for message in conversation.messages:
            for call in message.tool_calls:
                assert "null" not in call["function"]["arguments"]


def test_carriage_returns_end_lines_and_nothing_else() -> None:
    assert "\r" not in repr([texts(c) for c in conversations(15)])


@pytest.mark.parametrize(("number", "word"), [(19, "preference"), (23, "reinforcement")])
def test_other_kinds_of_data_are_named(number: int, word: str) -> None:
    report = checked(path_of(number).read_bytes(), path_of(number).name)
    assert word in str(report.details)
    assert report.use == word


def test_cells_are_text() -> None:
    every = repr([texts(c) for c in conversations(24)])
    assert "00000" in every
    assert "3.3" in every
    assert "nan" not in every
    assert [c.messages[0].role for c in conversations(24)].count("system") == 1


def test_a_python_literal_is_never_evaluated() -> None:
    path = path_of(33)
    with path.open("rb") as stream:
        examples = [item for item in open_examples(stream, path.name) if isinstance(item, Example)]
    assert all(example.text for example in examples)
    assert "datetime" not in repr([example.text for example in examples])


def test_nested_parquet_keeps_its_letters() -> None:
    every = repr([texts(c) for c in conversations(34)])
    assert all(letter in every for letter in "çğışöü")
    assert {len(c.messages) for c in conversations(34)} == {4, 6, 8}


def test_a_workbook_under_a_chinese_name_tells_its_repetitions(tmp_path: Path) -> None:
    path = path_of(35)
    with path.open("rb") as stream:
        report = check_file_content(stream, filename=path.name, index_folder=tmp_path / "index")
    assert report.num_rows == 246
    assert report.note_kinds == {"repeated_row": 3}


def test_a_mark_at_the_beginning_is_no_part_of_the_first_key() -> None:
    assert texts(conversations(36)[0])[0][0] == "user"


@pytest.mark.parametrize(("number", "code", "word"), [(39, "git_lfs_pointer", "875,191"), (41, "empty_file", "empty")])
def test_refused_at_once(number: int, code: str, word: str) -> None:
    path = path_of(number)
    refusal = refusal_of(path.read_bytes(), path.name)
    assert refusal is not None
    assert refusal.code == code
    assert word in str(refusal.message)


def test_a_log_by_mistake_has_one_reason() -> None:
    report = checked(path_of(43).read_bytes(), "log.jsonl")
    assert "None of the 100 rows" in str(report.details)
    assert len(report.kinds) == 1
