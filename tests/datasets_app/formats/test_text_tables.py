"""Tables that are saved under the name of a text, as Excel's "Unicode text", are tables; prose is not."""

import io
from pathlib import Path

import pytest
from django.test import Client

from datasets_app.checking.one_pass import check_file_content
from datasets_app.formats.streams import HEAD_BYTES
from datasets_app.models import TrainingFile
from datasets_app.shapes.examples import Example, open_examples
from datasets_app.web.columns import question_of
from tests.datasets_app import dataset_makers
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import Trickle, checked, recheck

EXCEL = (Path(__file__).parents[1] / "cases/small/r54_excel_unicode_text.txt").read_bytes()
FRAGE = "Frage\tAntwort\r\nWie heißt du?\tJürgen\r\nWoher?\tKöln\r\n"
TABLES = {
    "excel": (EXCEL, ["Frage", "Antwort"], 12),
    "utf-16-be": (f"\ufeff{FRAGE}".encode("utf-16-be"), ["Frage", "Antwort"], 2),
    "utf-8 with its mark": (f"\ufeff{FRAGE}".encode(), ["Frage", "Antwort"], 2),
    "text of a German Windows": (FRAGE.encode("windows-1252"), ["Frage", "Antwort"], 2),
    "text of an old Mac": (b"Frage\tAntwort\rA?\tB\rC?\tD\r", ["Frage", "Antwort"], 2),
    "an index without a name": (b"\tFrage\tAntwort\n0\ta\tb\n1\tc\td\n", ["", "Frage", "Antwort"], 2),
    "no names": (b"Go.\tVa !\tCC-BY\nHi.\tSalut !\tCC-BY\n", ["A", "B", "C"], 2),
    "quotes that enclose nothing": (
        b'"Run" he said.\tCours !\nHi, "you".\tSalut\n',
        ["A", "B"],
        2,
    ),
    "semicolons": ("Frage;Antwort\nWas kostet es?;3,50 €\nUnd, wann?;heute\n".encode(), ["Frage", "Antwort"], 2),
    "commas": (b"ask,reply\nq1,r1\nq2,r2\n", ["ask", "reply"], 2),
    "commas and quotes": ('标题,正文\n"a, b","c\nd"\n"e","f"\n'.encode(), ["标题", "正文"], 2),
    "a title": (b"My table\t\nFrage\tAntwort\nA?\tB\n", ["A", "B"], 3),
    "an empty column": (b"Frage\tAntwort\t\nA?\tB\t\nC?\tD\t\n", ["Frage", "Antwort", ""], 2),
    "JSON in cells": (b'Frage\tAntwort\nA?\t{"x": 1}\nC?\t{"x": 2}\n', ["Frage", "Antwort"], 2),
    "bars": (b"question|reply\nq1|r1\n", ["question", "reply"], 1),
    "blank lines first": (b"\n\nFrage\tAntwort\nA?\tB\n\nC?\tD\n", ["Frage", "Antwort"], 2),
}
PROSE = {
    "indented": b"\tIt was a dark night.\n\tThe rain fell.\n\tNobody came.\n",
    "verses": b"Roses are red, violets are blue\nSugar is sweet, so are you\nHoney is gold, and skies too\n",
    "Chinese verses": "春眠不觉晓,处处闻啼鸟\n夜来风雨声,花落知多少\n床前明月光,疑是地上霜\n".encode(),
    "a program": b"int f(int a, int b) {\n\treturn a;\n}\nvoid g(int x, int y) {\n\tf(x, y);\n}\n",
    "a table of Markdown": b"| a | b |\n|---|---|\n| c | d |\n",
    "a chat in a template": b"<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\nA<|im_end|>\n",
    "a numbered list": b"1.\tFirst this.\n2.\tThen that.\n3.\tAnd so on.\n",
    "points": "•\tFirst this.\n•\tThen that.\n".encode(),
    "a single line": b"one\ttwo\n",
    "a tab here and there": b"Once upon a time\tthere was\na king.\nHe had\ta daughter\tand a son.\n",
}


class TestTables:
    @pytest.mark.parametrize("name", TABLES)
    def test_columns_are_asked_about(self, name: str) -> None:
        content, columns, num_rows = TABLES[name]
        report = checked(content, "export.txt")
        assert (report.format, list(report.sample)) == ("csv", columns)
        assert report.kinds == {"columns_unknown": num_rows}

    @pytest.mark.parametrize("size", [1, 7])
    def test_however_it_comes(self, size: int) -> None:
        assert check_file_content(Trickle(EXCEL, size), filename="export.txt").kinds == {"columns_unknown": 12}

    def test_every_cell_stays_as_it_is(self) -> None:
        reading = {"columns": {"prompt": "Frage", "answer": "Antwort"}}
        found = [item.conversation for item in open_examples(io.BytesIO(EXCEL), "r.txt", reading)]  # type: ignore[union-attr]
        texts = [tuple(m.content for m in c.messages) for c in found if c is not None]
        assert texts[1:4] == [
            ("Was kostet das; und wann?", "3,50 €; ab Montag"),
            ("Er sagte „Tür\"", "Grüße"),
            ("Zeile\neins", "007"),
        ]  # fmt: skip

    def test_a_first_line_that_is_no_header_is_a_row(self) -> None:
        reading = {"columns": {"prompt": "A", "answer": "B"}}
        content = TABLES["quotes that enclose nothing"][0]
        items = list(open_examples(io.BytesIO(content), "fra.txt", reading))
        first = items[0]
        assert isinstance(first, Example)
        assert first.conversation is not None
        assert [m.content for m in first.conversation.messages] == ['"Run" he said.', "Cours !"]

    def test_known_columns_need_no_question(self) -> None:
        report = checked("问题\t回答\r\n你是谁？\t我是小智。\r\n你好？\t你好！\r\n".encode("gb18030"), "faq.txt")
        assert (report.shape, report.use, report.num_rows, report.num_faults) == ("问题_回答", "chat", 2, 0)

    def test_a_row_with_too_many_cells_is_named(self) -> None:
        report = checked(b"question\tanswer\nA?\tB\nC?\tD\tE\nF\tG\n", "faq.txt")
        assert [(fault.line, fault.kind) for fault in report.faults] == [(3, "too_many_cells")]
        report = checked(b"Hi.\tSalut.\n" * 20 + b"a\tb\tc\n", "fra.txt", columns={"prompt": "A", "answer": "B"})
        assert (report.num_rows, str(report.faults[0].message)) == (
            20,
            "The row has 3 cells, but the first line has 2.",
        )

    def test_a_table_longer_than_what_is_looked_at(self) -> None:
        rows = "".join(f'Frage {n}?\t"eine\nlange Antwort {n}"\n' for n in range(5000))
        assert len(rows) > HEAD_BYTES
        report = checked(f"Frage\tAntwort\n{rows}".encode(), "faq.txt")
        assert report.kinds == {"columns_unknown": 5000}


@pytest.mark.parametrize("name", PROSE)
def test_prose_is_no_table(name: str) -> None:
    report = checked(PROSE[name], "book.txt")
    assert (report.format, report.use, report.num_faults) == ("text", "text", 0)


@pytest.mark.django_db
@pytest.mark.usefixtures("plain_static")
class TestPage:
    def test_asks_which_is_what(self, alice: Member, page: Client) -> None:
        file = dataset_makers.stored(alice.team, EXCEL, "export.txt", by=alice.user)
        question = question_of(file)
        assert question is not None
        assert {field.part: field.column for field in question.fields if field.column} == {
            "prompt": "Frage", "answer": "Antwort",
        }  # fmt: skip
        page.post(f"/datasets/{file.pk}/read-as", {"column-prompt": "Frage", "column-answer": "Antwort"})
        made = recheck(TrainingFile.objects.get(parent=file))
        assert (made.status, made.num_rows, made.use) == ("processed", 12, "chat")

    def test_who_wants_a_text_reads_it_as_one(self, alice: Member, page: Client) -> None:
        file = dataset_makers.stored(alice.team, b"Chapter 1\t12\nChapter 2\t15\n", "contents.txt", by=alice.user)
        assert "This is not a table: read it as text" in page.get(f"/datasets/{file.pk}").content.decode()
        page.post(f"/datasets/{file.pk}/read-as", {"format": "text"})
        made = recheck(TrainingFile.objects.get(parent=file))
        assert (made.status, made.num_rows, made.use) == ("processed", 2, "text")

    def test_a_csv_is_a_table(self, alice: Member, page: Client) -> None:
        file = dataset_makers.stored(alice.team, b"a,b\nq,r\n", "columns.csv", by=alice.user)
        assert "read it as text" not in page.get(f"/datasets/{file.pk}").content.decode()
