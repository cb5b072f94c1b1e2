"""Excel's first line, which names the character between the cells."""

import pytest

from datasets_app.formats import open_rows
from datasets_app.formats.base import RawRow
from tests.datasets_app.dataset_makers import Trickle, checked, only_fault
from tests.datasets_app.small_files import SMALL, report_of, said

ROWS = "question{0}answer\nWhy{0}Because\nWho{0}Me\n"
TALKS = [[("user", "Why"), ("assistant", "Because")], [("user", "Who"), ("assistant", "Me")]]


def test_of_the_small_file_is_obeyed() -> None:
    report = report_of("r54_sep_line.csv")
    assert set(report.kinds) == {"columns_unknown"}
    assert list(report.sample) == ["Frage", "Antwort"]
    content = (SMALL / "r54_sep_line.csv").read_bytes()
    columns = {"prompt": "Frage", "answer": "Antwort"}
    found = [item for item in open_rows(Trickle(content, 7), "r.csv").items if isinstance(item, RawRow)]
    assert (len(found), found[0].line, checked(content, "r.csv", columns=columns).num_rows) == (12, 3, 12)
    assert found[1].value == {"Frage": "Was kostet das; und wann?", "Antwort": "3,50 €; ab Montag"}


@pytest.mark.parametrize(
    ("first", "separator"),
    [
        ("sep=;\n", ";"),
        ("sep=,\n", ","),
        ("SEP=|\n", "|"),
        ("Sep=\t\n", "\t"),
        ("sep=;\r\n", ";"),
        ("\ufeffsep=;\n", ";"),
        ('"sep=;"\n', ";"),
        ("sep=^\n", "^"),
        ("sep=~ \n", "~"),
        ("sep=:\n", ":"),
        ("sep=§\n", "§"),
        ("sep= \n", " "),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_names_any_character(first: str, separator: str, encoding: str) -> None:
    content = (first + ROWS.format(separator)).encode("utf-8" if first.startswith("\ufeff") else encoding)
    assert said(content, "a.csv") == TALKS


def test_decides_against_what_the_columns_look_like() -> None:
    assert said(b"sep=;\nquestion;answer\na, b, c;d, e, f\n", "a.csv") == [
        [("user", "a, b, c"), ("assistant", "d, e, f")]
    ]
    assert said(b"sep=,\nquestion,answer\na;b;c,d\n", "a.tsv") == [[("user", "a;b;c"), ("assistant", "d")]]


def test_lines_are_counted_with_it() -> None:
    assert only_fault(b"sep=;\nquestion;answer\na;b\nc;\n", "a.csv").line == 4
    assert only_fault(b"sep=;\nquestion;question\na;b\n", "a.csv").line == 2
    fault = only_fault(b"sep=^\nquestion^answer\na^b\nc^d^e\n", "a.csv")
    assert (fault.line, fault.kind) == (4, "too_many_cells")


@pytest.mark.parametrize("first", ["sep=ab", "sep=", "sep", "separator=;", "sep=;;", "xsep=;", "sep=a"])
def test_another_first_line_names_columns(first: str) -> None:
    report = checked(f"{first}\nWhy\n".encode(), "a.csv")
    assert set(report.kinds) == {"columns_unknown"}


@pytest.mark.parametrize("content", [b"sep=;", b"sep=;\n", b"sep=;\n\n", b"sep=;\nquestion;answer\n"])
def test_nothing_behind_it_is_no_rows(content: bytes) -> None:
    assert only_fault(content, "a.csv").kind == "no_rows"


@pytest.mark.parametrize("name", ["a.txt", "a.tsv", "a.tab", "a.csv"])
def test_holds_under_every_name_of_a_table(name: str) -> None:
    assert said(("sep=;\n" + ROWS.format(";")).encode(), name) == TALKS
