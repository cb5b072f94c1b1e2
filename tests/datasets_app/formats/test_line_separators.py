"""Characters that some readers take for line ends (U+2028, U+2029, U+0085, form feeds) divide no row and stay."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest
from asgiref.sync import async_to_sync
from django.test import Client

from datasets_app import services
from datasets_app.shapes.examples import Example, open_examples
from tests.datasets_app import dataset_makers
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import body_of, checked, recheck

ODD = "\u2028\u2029\x85"
EVERY = f"{ODD}\x0b\x0c\x1c\x1d\x1e"
"""All that str.splitlines divides at, but for the line ends themselves; the latter ones no workbook may hold."""


def rows(odd: str) -> list[dict[str, str]]:
    return [{"question": f"q{odd}{n}", "answer": f"a{odd}{n}"} for n in range(12)]


def table(found: list[dict[str, str]], separator: str) -> str:
    cells = [["question", "answer"], *[[row["question"], row["answer"]] for row in found]]
    return "".join(f"{separator.join(line)}\r\n" for line in cells)


def workbook(found: list[dict[str, str]]) -> bytes:
    book = openpyxl.Workbook()
    for line in [["question", "answer"], *[[row["question"], row["answer"]] for row in found]]:
        book.active.append(line)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def parquet(found: list[dict[str, str]]) -> bytes:
    written = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(found), written)
    return written.getvalue()


def messages(found: list[dict[str, str]]) -> list[dict[str, Any]]:
    return [dataset_makers.row(row["question"], row["answer"]) for row in found]


def lines(values: list[Any], *, is_ascii: bool = False) -> bytes:
    return "".join(f"{json.dumps(value, ensure_ascii=is_ascii)}\n" for value in values).encode()


def zipped(name: str, content: bytes) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr(name, content)
    return written.getvalue()


FORMATS: dict[str, Callable[[], bytes]] = {
    "lines.jsonl": lambda: lines(rows(EVERY)),
    "escaped.jsonl": lambda: lines(rows(EVERY), is_ascii=True),
    "messages.jsonl": lambda: lines(messages(rows(EVERY))),
    "array.json": lambda: json.dumps(rows(EVERY), ensure_ascii=False, indent=1).encode(),
    "objects.json": lambda: "\n".join(json.dumps(row, ensure_ascii=False, indent=1) for row in rows(EVERY)).encode(),
    "wide.json": lambda: json.dumps(rows(EVERY), ensure_ascii=False).encode("utf-16"),
    "commas.csv": lambda: table(rows(EVERY), ",").encode(),
    "semicolons.csv": lambda: table(rows(EVERY), ";").encode(),
    "tabs.tsv": lambda: table(rows(EVERY), "\t").encode(),
    "unicode.txt": lambda: table(rows(EVERY), "\t").encode("utf-16"),
    "book.xlsx": lambda: workbook(rows(ODD)),
    "columns.parquet": lambda: parquet(rows(EVERY)),
    "packed.csv.gz": lambda: gzip.compress(table(rows(EVERY), ",").encode()),
    "packed.zip": lambda: zipped("a.jsonl", lines(messages(rows(EVERY)))),
}


@pytest.mark.parametrize("name", FORMATS)
def test_rows_stay_whole_and_characters_as_they_are(name: str) -> None:
    content = FORMATS[name]()
    report = checked(content, name)
    assert (report.num_rows, report.num_faults) == (12, 0)
    found = [item.conversation for item in open_examples(io.BytesIO(content), name) if isinstance(item, Example)]
    texts = [{"question": c.messages[0].content, "answer": c.messages[1].content} for c in found if c is not None]
    assert texts == rows(ODD if name.endswith(".xlsx") else EVERY)


def test_plain_text_is_divided_at_line_ends_alone() -> None:
    content = "".join(f"Line{EVERY}{n}\r\n" for n in range(12)).encode()
    assert checked(content, "book.txt").num_rows == 12
    items = list(open_examples(io.BytesIO(content), "book.txt"))
    assert [item.text for item in items if isinstance(item, Example)] == [f"Line{EVERY}{n}" for n in range(12)]


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["lines.jsonl", "messages.jsonl", "commas.csv", "unicode.txt"])
class TestStored:
    def test_rows_are_shown_and_downloaded_as_they_are(self, alice: Member, name: str) -> None:
        file = dataset_makers.stored(alice.team, FORMATS[name](), name, by=alice.user)
        shown = services.page_of_rows(file, limit=20).rows
        kept = [row.example.conversation.to_openai() for row in shown if row.example and row.example.conversation]
        assert kept == [row["messages"] for row in messages(rows(EVERY))]
        reply = Client().get(f"/api/v1/files/{file.pk}/examples", headers=alice.headers)
        content = async_to_sync(body_of)(reply)
        assert [json.loads(line)["messages"] for line in content.split(b"\n") if line] == kept

    def test_repaired_and_split_versions_keep_them(self, alice: Member, name: str) -> None:
        found = FORMATS[name]()
        file = dataset_makers.stored(alice.team, found, name, by=alice.user)
        parts = services.split_file(file=file, shares={"train": 0.5, "test": 0.5}, seed=0, by=alice.user)
        texts = []
        for part in parts.values():
            with services.open_file(recheck(part)) as stream:
                examples = [e.conversation for e in open_examples(stream, part.filename) if isinstance(e, Example)]
            texts += [c.messages[0].content for c in examples if c is not None]
        assert sorted(map(str, texts)) == sorted(row["question"] for row in rows(EVERY))
