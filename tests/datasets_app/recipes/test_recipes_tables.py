"""Tables as people paste, write and upload them."""

import io
from typing import Any

import pytest

from datasets_app.recipes.base import Field, QuestionnaireError
from datasets_app.recipes.tables import checked_rows, rows_of_file, rows_of_text, text_of_rows

PAIRS = Field(
    name="examples", kind="table", label="Examples", columns={"text": "Text", "label": "Label"}, most=40, most_rows=3
)
TERMS = Field(
    name="terms", kind="table", label="Terms", columns={"term": "Term", "meaning": "Meaning", "say": "Must say"},
    may_be_empty=("say",),
)  # fmt: skip
BOTH = [{"text": "Buy now, cheap", "label": "spam"}, {"text": "See you", "label": "ham"}]


@pytest.mark.parametrize(
    "text",
    [
        "Buy now, cheap\tspam\nSee you\tham\n",
        "Text\tLabel\nBuy now, cheap\tspam\n\nSee you\tham",
        "Buy now, cheap => spam\nSee you => ham",
        "Buy now, cheap→spam\r\nSee you → ham",
        "Buy now, cheap -> spam\nSee you->ham",
        '"Buy now, cheap",spam\nSee you,ham\n',
        'text,label\n"Buy now, cheap",spam\nSee you,ham',
    ],
)
def test_pasted_from_a_spreadsheet_written_by_hand_or_as_csv(text: str) -> None:
    assert rows_of_text(text, PAIRS) == BOTH


def test_a_cell_may_have_lines_where_a_spreadsheet_quotes_it() -> None:
    assert rows_of_text('"a\nb"\tspam\nc\tham', PAIRS)[0] == {"text": "a\nb", "label": "spam"}


def test_a_column_may_be_left_out_where_it_may_be_empty() -> None:
    assert rows_of_text("LoRA => A small adapter.", TERMS) == [
        {"term": "LoRA", "meaning": "A small adapter.", "say": ""}
    ]
    assert rows_of_text("LoRA => A small adapter. => small", TERMS)[0]["say"] == "small"


@pytest.mark.parametrize(
    ("text", "line"), [("a => b\nonly this", 2), ("a\tb\tc", 1), ("a\tb\n\n\tc", 3), (f"a\t{'b' * 41}", 1)]
)
def test_a_line_that_is_no_row_is_named(text: str, line: int) -> None:
    with pytest.raises(QuestionnaireError, match=f"Line {line}") as refused:
        rows_of_text(text, PAIRS)
    assert refused.value.field == "examples"


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ('label,text\nspam,"Buy now, cheap"\nham,See you\n', "a.csv"),
        ("A\tB\nBuy now, cheap\tspam\nSee you\tham\n", "a.tsv"),
        ('{"text": "Buy now, cheap", "label": "spam"}\n{"text": "See you", "label": "ham"}\n', "a.jsonl"),
    ],
)
def test_an_uploaded_table_is_read_by_its_headings_or_its_order(content: str, name: str) -> None:
    assert rows_of_file(io.BytesIO(content.encode()), name, PAIRS) == BOTH


def test_an_uploaded_table_has_an_end() -> None:
    with pytest.raises(QuestionnaireError, match="more than 3 rows"):
        rows_of_file(io.BytesIO(b"text,label\n" + b"a,b\n" * 9), "a.csv", PAIRS)


@pytest.mark.parametrize("value", ["text", [1], [{"text": "a"}], [{"text": "a", "label": "b"}] * 4])
def test_json_is_held_to_the_same(value: Any) -> None:
    with pytest.raises(QuestionnaireError):
        checked_rows(value, PAIRS)
    assert checked_rows([{"text": " a ", "label": "b"}], PAIRS) == [{"text": "a", "label": "b"}]


def test_rows_as_text_are_read_back() -> None:
    rows = [{"text": 'She said "no"\nand left\t.', "label": "a => b"}, {"text": "x, y", "label": "c"}]
    assert rows_of_text(text_of_rows(rows), PAIRS) == rows


@pytest.mark.parametrize("text", ["a\tb\0", f"a\t{'b' * 200_000}"])
def test_what_is_no_table_is_refused(text: str) -> None:
    with pytest.raises(QuestionnaireError):
        rows_of_text(text, PAIRS)


def test_another_arrow_may_stand_inside_of_a_cell() -> None:
    assert rows_of_text("x -> y => maths", PAIRS) == [{"text": "x -> y", "label": "maths"}]
