"""Excel workbooks: blank stretches cost nothing, and no cell is lost in silence."""

import io
import time
import zipfile
from collections.abc import Callable

import openpyxl
import pytest
from django.test import Client

from datasets_app import services
from datasets_app.checking.notes import notes_of
from datasets_app.formats import open_rows
from datasets_app.formats.base import RawRow
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import checked, only_fault, recheck, stored
from tests.datasets_app.small_files import said

LAST = 1_048_576
HEAD = [["question", "answer"], ["q0", "a0"]]


def book(*rows: list[object], more: str = "", change: Callable[[str], str] = str) -> bytes:
    """Return a workbook of `rows`, with `more` XML behind the last of them."""
    made, plain, content = openpyxl.Workbook(), io.BytesIO(), io.BytesIO()
    for row in rows:
        made.worksheets[0].append(row)
    made.save(plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as target:
        for part in source.infolist():
            text = source.read(part)
            if part.filename.endswith("sheet1.xml"):
                text = change(text.decode().replace("</sheetData>", f"{more}</sheetData>")).encode()
            target.writestr(part, text)
    return content.getvalue()


def cell(place: str, text: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


def row(number: int, *texts: str) -> str:
    cells = "".join(cell(f"{letter}{number}", text) for letter, text in zip("ABC", texts, strict=False))
    return f'<row r="{number}">{cells}</row>'


def lines(content: bytes) -> list[tuple[int, dict[str, str]]]:
    return [
        (item.line, item.value) for item in open_rows(io.BytesIO(content), "a.xlsx").items if isinstance(item, RawRow)
    ]


BLANK = {
    "nothing": "",
    "rows of a height": '<row r="{0}" spans="1:2" ht="15"/>',
    "rows of formats": '<row r="{0}"><c r="A{0}" s="1"/><c r="B{0}" s="1"/></row>',
    "rows of open cells": '<row r="{0}" ht="15"><c r="A{0}" s="1"></c></row>',
    "empty rows": '<row r="{0}"></row>',
}


@pytest.mark.parametrize("kind", BLANK)
def test_a_million_blank_rows_take_a_moment(kind: str) -> None:
    filling = "".join(BLANK[kind].format(number) for number in range(3, LAST)) if BLANK[kind] else ""
    content = book(*HEAD, more=filling + row(LAST, "q1", "a1"))
    started = time.process_time()
    found = lines(content)
    assert time.process_time() - started < 3
    assert found == [(2, {"question": "q0", "answer": "a0"}), (LAST, {"question": "q1", "answer": "a1"})]


@pytest.mark.parametrize(
    "more",
    [
        row(3) + row(4, "q1", "a1") + row(5),
        '<row r="3"><c r="A3"/></row>' + row(9, "q1", "a1"),
        '<row spans="1:2" r="3"/>' + row(4, "q1", "a1"),
        f'<row r="3"><c r="A3" s="0"/>{cell("B3", "")}</row>' + row(4, "q1", "a1"),
        "".join(f'<row r="{n}"/>' for n in range(3, 90_000)) + row(90_000, "q1", "a1") + '<row r="90001"/>',
        '<row r="3">' + '<c r="A3" s="1"/>' * 9000 + "</row>" + row(4, "q1", "a1"),
        '<row r="3"><!-- <row r="4"/> --></row>' + row(5, "q1", "a1"),
    ],
    ids=range(7),
)  # fmt: skip
def test_blank_rows_between_change_nothing(more: str) -> None:
    assert [value for _, value in lines(book(*HEAD, more=more))] == [
        {"question": "q0", "answer": "a0"},
        {"question": "q1", "answer": "a1"},
    ]


def test_a_text_that_looks_like_a_row_stays() -> None:
    text = '<![CDATA[<row r="3"/>]]>'
    assert lines(book(*HEAD, more=row(3, "q1", text)))[1][1]["answer"] == '<row r="3"/>'


def test_rows_beyond_what_the_sheet_says_of_its_size_are_read() -> None:
    content = book(*HEAD, ["q1", "a1"], change=lambda text: text.replace('ref="A1:B3"', 'ref="A1:B2"'))
    assert len(said(content, "a.xlsx")) == 2


class TestColumns:
    def test_two_of_one_name_are_refused(self) -> None:
        fault = only_fault(book(["question", "answer", "answer"], ["q", "a", "b"]), "a.xlsx")
        assert (fault.kind, fault.line) == ("column_twice", 1)

    def test_cells_without_a_name_are_told(self) -> None:
        content = book([*HEAD[0], None, "id"], ["q", "a", "more", 1, "beyond"], ["q", "a", None, 2])
        report = checked(content, "a.xlsx")
        assert (report.num_rows, dict(report.unused.counts)) == (2, {"id": 2, "C": 1, "E": 1})

    def test_names_may_begin_late(self) -> None:
        assert said(book([], [None, "question", "answer"], [None, "q", "a"]), "a.xlsx") == [
            [("user", "q"), ("assistant", "a")]
        ]

    def test_too_many_are_refused(self) -> None:
        assert only_fault(book([f"c{n}" for n in range(600)], ["x"] * 600), "a.xlsx").kind == "too_many_columns"


class TestSheets:
    @pytest.fixture
    def content(self) -> bytes:
        made, content = openpyxl.Workbook(), io.BytesIO()
        made.worksheets[0].title = "Talks"
        for sheet, rows in ((made.worksheets[0], [*HEAD, HEAD[1]]), (made.create_sheet("Blank"), [[]])):
            for cells in rows:
                sheet.append(cells)
        made.create_sheet("More").append(["A remark"])
        made.save(content)
        return content.getvalue()

    def test_that_are_not_read_are_named(self, content: bytes) -> None:
        report = checked(content, "a.xlsx")
        assert (report.num_rows, report.num_faults, report.num_notes) == (2, 0, 1)
        assert str(report.notes[0].sentence) == "Only the sheet 'Talks' is read, and not 'More'."

    @pytest.mark.django_db
    def test_their_note_is_no_row(self, alice: Member, content: bytes) -> None:
        file = stored(alice.team, content, "a.xlsx", by=alice.user)
        assert (file.status, file.num_rows) == ("processed", 2)
        assert {note.kind: note.count for note in notes_of(file)} == {"sheets_not_read": 1, "repeated_row": 1}
        made, outcome = services.repair_file(file=file, names=["drop_repeated"], by=alice.user)
        assert outcome is not None
        assert (recheck(made).num_rows, outcome.num_dropped) == (1, 1)

    @pytest.mark.django_db
    @pytest.mark.usefixtures("plain_static")
    def test_the_page_links_to_no_rows_of_their_note(self, alice: Member, page: Client, content: bytes) -> None:
        file = stored(alice.team, content, "a.xlsx", by=alice.user)
        html = page.get(f"/datasets/{file.pk}?tab=faults").content.decode()
        assert "Only the sheet &#x27;Talks&#x27; is read" in html
        assert "kind=repeated_row" in html
        assert "kind=sheets_not_read" not in html
