"""Which column is what: asked at the top of the page, with names, a proposal and the first row."""

import json
from typing import Any

import pytest
from django.test import Client

from datasets_app.models import TrainingFile
from datasets_app.web.columns import question_of
from tests.datasets_app import dataset_makers
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import recheck, rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
TABLE = b"nr,ask,reply\n" + b"".join(b"%d,What is %d?,It is %d.\n" % (n, n, n) for n in range(12))


def stored(member: Member, content: bytes, filename: str = "columns.csv") -> TrainingFile:
    return dataset_makers.stored(member.team, content, filename, by=member.user)


def columns_of(file: TrainingFile, **given: str) -> dict[str, str]:
    question = question_of(file, given)
    assert question is not None
    return {field.part: field.column for field in question.fields}


class TestQuestion:
    def test_names_the_columns_and_proposes(self, alice: Member) -> None:
        file = stored(alice, TABLE)
        assert columns_of(file) == {"prompt": "ask", "answer": "reply", "system": ""}
        assert columns_of(file, **{"column-prompt": "nr"})["prompt"] == "nr"
        assert columns_of(file, **{"column-prompt": "another"})["prompt"] == ""

    def test_the_order_of_the_columns_is_kept(self, alice: Member) -> None:
        file = stored(alice, b"a column,b\n" + b"q,a\n" * 12)
        assert columns_of(file) == {"prompt": "a column", "answer": "b", "system": ""}

    def test_unknown_names_take_the_first_and_the_last_that_hold_something(self, alice: Member) -> None:
        file = stored(alice, b"".join(json.dumps({"x": "a", "y": "", "z": "b"}).encode() + b"\n" for _ in range(12)))
        assert columns_of(file) == {"prompt": "x", "answer": "z", "system": ""}

    @pytest.mark.parametrize("rows_of", [rows(12), [{"question": "a", "answer": "b"}] * 12])
    def test_is_not_asked_where_the_columns_are_known(self, alice: Member, rows_of: list[Any]) -> None:
        file = stored(alice, dataset_makers.lines_of(*rows_of), "rows.jsonl")
        assert (file.status, question_of(file)) == ("processed", None)

    def test_two_parts_from_one_column_are_no_answer(self, alice: Member) -> None:
        question = question_of(stored(alice, TABLE), {"column-answer": "ask"})
        assert question is not None
        assert not question.is_answered


class TestPage:
    def test_says_it_in_chinese_without_mixing_the_words(self, alice: Member, page: Client) -> None:
        file = stored(alice, TABLE)
        shown = page.get(f"/datasets/{file.pk}", headers={"accept-language": "zh-hans"}).content.decode()
        lead = shown.partition('class="lead-sentence"')[2].partition("</p>")[0]
        assert "columns" not in lead
        assert "&#x27;nr&#x27;, &#x27;ask&#x27;, &#x27;reply&#x27;" in lead

    def test_asks_at_the_top_shows_the_first_row_and_reads_the_file_so(self, alice: Member, page: Client) -> None:
        file = stored(alice, TABLE)
        shown = page.get(f"/datasets/{file.pk}").content.decode()
        assert shown.index("Choose the columns") < shown.index('class="tabs"')
        assert "What is 0?" in shown
        assert "It is 0." in shown
        assert "drop_faulty" not in shown
        page.post(f"/datasets/{file.pk}/read-as", {"column-prompt": "ask", "column-answer": "reply"})
        made = recheck(TrainingFile.objects.get(parent=file))
        assert (made.status, made.num_rows) == ("processed", 12)
        assert "Choose the columns" not in page.get(f"/datasets/{made.pk}").content.decode()

    def test_a_choice_is_shown_before_it_is_taken(self, alice: Member, page: Client) -> None:
        file = stored(alice, TABLE)
        asked = {"column-prompt": "reply", "column-answer": "ask", "column-system": "nr"}
        shown = page.get(f"/datasets/{file.pk}", asked).content.decode()
        assert shown.index(">system<") < shown.index(">user<") < shown.index(">assistant<")
        nothing = page.get(f"/datasets/{file.pk}", asked | {"column-answer": ""}).content.decode()
        assert "Choose a column for the question and one for the answer." in nothing
        assert "Read it this way" not in nothing.partition('class="tabs"')[0]

    def test_what_a_database_cannot_hold_is_replaced(self, alice: Member) -> None:
        rows_of = b'{"a\\u0000": "b\\u0000", "c": "\\ud800"}\n' * 3
        file = stored(alice, rows_of, "rows.jsonl")
        assert columns_of(file) == {"prompt": "a�", "answer": "c", "system": ""}

    def test_names_with_markup_stay_text(self, alice: Member, page: Client) -> None:
        file = stored(alice, b"<b>a</b>,<img src=x>\nq,a\n")
        assert "<img src=x>" not in page.get(f"/datasets/{file.pk}").content.decode()
