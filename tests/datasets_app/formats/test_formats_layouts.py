"""Every layout, packing and encoding gives the same conversations; what is made to hurt does not."""

import csv
import gzip
import io
import json
import time
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasets_app.checking.one_pass import check_file_content
from datasets_app.shapes import NAMES
from datasets_app.shapes.examples import Example, open_examples
from tests.datasets_app.dataset_makers import checked, lines_of, row, rows

CELLS = ["007", "NA", "null", "1e5", "TRUE", "3.10", "2024-01-02", "nan", "=1+1"]
PAIRS = [(f"Question {n}, with a comma?", cell) for n, cell in enumerate(CELLS)]
CHINESE = [
    row("你是谁？请介绍一下你自己。", "我是小智，由琴匠训练的助手。"),
    row("你叫什么名字？", "我叫小智，很高兴认识你。"),
]


def table(separator: str = ",", pairs: list[tuple[str, str]] = PAIRS) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=separator, lineterminator="\r\n")
    writer.writerows([("prompt", "completion"), *pairs])
    return buffer.getvalue().encode()


def workbook() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["prompt", "completion"])
    for pair in PAIRS:
        sheet.append([*pair])
        sheet.cell(sheet.max_row, 2).data_type = "s"
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def parquet(values: list[dict[str, Any]]) -> bytes:
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(values), buffer)
    return buffer.getvalue()


def zipped(content: bytes, name: str = "inner.jsonl", **more: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
        for other, bytes_ in more.items():
            archive.writestr(f"{other}/{name}", bytes_)
    return buffer.getvalue()


def answers(content: bytes, name: str, **reading: Any) -> list[str | None]:
    items = list(open_examples(io.BytesIO(content), name, reading))
    assert all(isinstance(item, Example) for item in items), items
    found = [item.conversation for item in items if isinstance(item, Example)]
    return [conversation.messages[-1].content for conversation in found if conversation is not None]


class TestCellsAreText:
    @pytest.mark.parametrize(
        ("content", "name"),
        [
            (table(), "a.csv"),
            (table(";"), "a.csv"),
            (table("\t"), "a.tsv"),
            (workbook(), "a.xlsx"),
            (parquet([{"prompt": p, "completion": c} for p, c in PAIRS]), "a.parquet"),
            (lines_of(*({"prompt": p, "completion": c} for p, c in PAIRS)), "a.jsonl"),
        ],
        ids=["csv", "semicolons", "tsv", "xlsx", "parquet", "jsonl"],
    )
    def test_in_every_layout(self, content: bytes, name: str) -> None:
        assert answers(content, name) == CELLS

    def test_an_empty_cell_is_one_faulty_row(self) -> None:
        report = checked(table(pairs=[*PAIRS, ("Why?", "")]), "a.csv")
        assert [(f.line, f.kind, f.field) for f in report.faults] == [(len(PAIRS) + 2, "empty_answer", "completion")]

    def test_a_cell_over_several_lines_and_the_line_of_the_row_behind_it(self) -> None:
        report = checked(b'prompt,completion\n"a\nb\nc",one\nd,\n', "a.csv")
        assert (report.num_rows, [fault.line for fault in report.faults]) == (1, [5])

    def test_columns_without_a_known_meaning_are_asked_for_once_and_can_be_chosen(self) -> None:
        content = b"frage,antwort,x\na,b,c\nd,e,f\n"
        report = checked(content, "a.csv")
        assert [fault.kind for fault in report.faults] == ["columns_unknown"]
        assert "'frage'" in str(report.details)
        assert answers(content, "a.csv", columns={"prompt": "frage", "answer": "antwort"}) == ["b", "e"]

    def test_too_many_cells_name_the_line(self) -> None:
        report = checked(b"prompt,completion\na,b\nc,d,e\n", "a.csv")
        assert [(fault.line, fault.kind) for fault in report.faults] == [(3, "too_many_cells")]

    def test_a_quote_that_is_never_closed_is_one_fault(self) -> None:
        content = b'prompt,completion\na,b\nc,"d\n' + b"x" * 9_000_000
        assert [fault.kind for fault in checked(content, "a.csv").faults] == ["table_not_read"]

    def test_a_column_named_twice(self) -> None:
        assert [fault.kind for fault in checked(b"prompt,prompt\na,b\n", "a.csv").faults] == ["column_twice"]


class TestEncodings:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030"])
    @pytest.mark.parametrize("layout", ["jsonl", "json", "pretty", "csv"])
    def test_chinese(self, encoding: str, layout: str) -> None:
        text = {
            "jsonl": lines_of(*CHINESE).decode(),
            "json": json.dumps(CHINESE, ensure_ascii=False),
            "pretty": "\n".join(json.dumps(value, ensure_ascii=False, indent=2) for value in CHINESE),
            "csv": "问题,回答\r\n"
            + "".join(f"{r['messages'][0]['content']},{r['messages'][1]['content']}\r\n" for r in CHINESE),
        }[layout]
        if layout == "csv" and encoding in ("utf-16-le", "utf-16-be"):
            text = "\ufeff" + text  # without a mark, Chinese text has no NUL bytes to tell UTF-16 by
        name = "a.csv" if layout == "csv" else "a.jsonl"
        assert answers(text.encode(encoding), name) == [r["messages"][1]["content"] for r in CHINESE]

    def test_windows_1252(self) -> None:
        content = lines_of(row("Wer bist du?", "Ich bin Jürgen – “Zauberer”.")).decode().encode("windows-1252")
        report = checked(content)
        assert report.encoding == "windows-1252"
        assert answers(content, "a.jsonl") == ["Ich bin Jürgen – “Zauberer”."]

    def test_what_the_user_says_counts(self) -> None:
        content = lines_of(row("a", "é")).decode().encode("utf-16-le")
        assert answers(content, "a.jsonl", encoding="utf-16-le") == ["é"]

    def test_a_file_that_breaks_off_its_encoding_says_where(self) -> None:
        content = lines_of(*CHINESE).decode().encode("gb18030") * 2000 + b"\xff\xff\n"
        report = checked(content)
        assert report.faults[-1].kind == "bad_encoding"


class TestPacked:
    @pytest.mark.parametrize(
        ("content", "name"),
        [
            (gzip.compress(lines_of(*rows(50))), "a.jsonl.gz"),
            (gzip.compress(lines_of(*rows(20))) + gzip.compress(lines_of(*rows(50)[20:])), "a.jsonl.gz"),
            (zstandard.compress(lines_of(*rows(50))), "a.jsonl.zst"),
            (zipped(lines_of(*rows(50))), "a.zip"),
            (zipped(lines_of(*rows(50)), __MACOSX=b"x"), "a.zip"),
            (zipped(parquet(rows(50)), "a.parquet"), "a.zip"),
            (gzip.compress(json.dumps(rows(50)).encode()), "a.json.gz"),
        ],
        ids=["gz", "gz of two members", "zst", "zip", "zip of a Mac", "parquet in zip", "array in gz"],
    )
    def test_is_read(self, content: bytes, name: str) -> None:
        assert answers(content, name) == [f"Answer {n}." for n in range(50)]

    @pytest.mark.parametrize(
        ("content", "name", "code"),
        [
            (gzip.compress(lines_of(*rows(500)))[:-20], "a.jsonl.gz", "archive_damaged"),
            (zstandard.compress(lines_of(*rows(500)))[:200] + b"xxxx", "a.jsonl.zst", "archive_damaged"),
            (zipped(lines_of(*rows(500)))[:-40], "a.zip", "archive_damaged"),
            (zipped(b"{}", more=b"{}"), "a.zip", "archive_of_many"),
            (zipped(b"", "folder/"), "a.zip", "archive_empty"),
            (b"PK\x03\x04garbage", "a.xlsx", "workbook_damaged"),
            (b"PAR1garbage", "a.parquet", "parquet_damaged"),
            (gzip.compress(b"\0" * 400_000_000), "a.jsonl.gz", "archive_bomb"),
            (zipped(b"\0" * 400_000_000), "a.zip", "archive_bomb"),
        ],
        ids=[
            "gz cut off",
            "zst broken",
            "zip cut off",
            "zip of two",
            "empty zip",
            "xlsx",
            "parquet",
            "gz bomb",
            "zip bomb",
        ],
    )
    def test_what_cannot_be_read_is_one_fault(self, content: bytes, name: str, code: str) -> None:
        report = checked(content, name)
        assert report.faults[-1].kind in (code, "line_too_long")
        assert any(fault.kind == code for fault in report.faults)

    def test_names_that_climb_out_of_an_archive_write_nothing(self) -> None:
        assert answers(zipped(lines_of(*rows(2)), "../../etc/passwd.jsonl"), "a.zip") == ["Answer 0.", "Answer 1."]


class TestShapes:
    def test_sharegpt_with_system_tools_and_calls(self) -> None:
        value = {
            "system": "Be brief.",
            "tools": json.dumps([{"name": "now", "description": "", "parameters": {"type": "object"}}]),
            "conversations": [
                {"from": "human", "value": "What time is it?"},
                {"from": "function_call", "value": '{"name": "now", "arguments": {"zone": "UTC"}}'},
                {"from": "observation", "value": "12:00"},
                {"from": "gpt", "value": "Noon."},
            ],
        }
        [example] = open_examples(io.BytesIO(lines_of(value)), "a.jsonl")
        assert isinstance(example, Example)
        assert example.conversation is not None
        messages = example.conversation.messages
        assert [message.role for message in messages] == ["system", "user", "assistant", "tool", "assistant"]
        assert json.loads(messages[2].tool_calls[0]["function"]["arguments"]) == {"zone": "UTC"}
        assert example.conversation.tools[0]["function"]["name"] == "now"

    def test_openais_older_functions(self) -> None:
        value = {
            "functions": [{"name": "now", "parameters": {}}],
            "messages": [
                {"role": "user", "content": "Time?"},
                {"role": "assistant", "content": None, "function_call": {"name": "now", "arguments": "{}"}},
            ],
        }
        assert checked(lines_of(value)).statistics["rows_with_tools"] == 1

    def test_a_row_unlike_those_before_it_is_a_slip(self) -> None:
        report = checked(lines_of(*rows(4), {"question": "a", "answer": "b"}, *rows(2)))
        assert [(fault.line, fault.kind) for fault in report.faults] == [(5, "wrong_keys")]
        assert "a different kind (questions from question, answers from answer)" in str(report.faults[0].message)

    @pytest.mark.parametrize(
        "first", [{"question": "a", "answer": "b"}, {"prompt": "a", "chosen": "b", "rejected": "c"}]
    )
    def test_the_quick_way_minds_what_came_first(self, first: dict[str, Any]) -> None:
        many = [row("x" * 300, f"{n}") for n in range(1000)]
        report = checked(lines_of(first, *many))
        assert report.num_rows == (1 if "question" in first else 1000)
        assert report.shape == ("question_answer" if "question" in first else "messages")

    @pytest.mark.parametrize("shape", NAMES)
    def test_a_named_shape_that_does_not_fit_is_a_fault_and_nothing_worse(self, shape: str) -> None:
        values = [row(), {"foo": 1}, {"text": 5}, [1], "x", None, 3]
        for value in values:
            report = checked(lines_of(value), shape=shape)
            assert report.num_rows + report.num_faults == 1

    def test_what_is_no_text_is_refused_and_never_written_as_python(self) -> None:
        odd: list[Any] = [{"a": 1}, True, [{"x": 1}]]
        for value in odd:
            report = checked(lines_of({"instruction": "a", "input": "", "output": value}))
            assert [fault.field for fault in report.faults] in (["output"], ["output[0]"]), value
        assert checked(lines_of({"instruction": {"a": 1}, "output": "b"})).faults[0].field == "instruction"
        assert answers(lines_of({"prompt": 7, "completion": 3.5}), "a.jsonl") == ["3.5"]

    def test_repetitions_are_told_beside_a_row_that_is_too_long(self, tmp_path: Path) -> None:
        content = lines_of(row(), row("x" * 9_000_000), row(), row("new"))
        report = check_file_content(io.BytesIO(content), filename="a.jsonl", index_folder=tmp_path / "index")
        assert [(note.line, note.kind) for note in report.notes] == [(3, "repeated_row")]

    def test_faults_speak_of_the_rows_own_columns(self) -> None:
        report = checked(lines_of({"instruction": "Say it", "input": "", "output": " "}))
        assert [(fault.kind, fault.field) for fault in report.faults] == [("empty_answer", "output")]
        assert str(report.faults[0].message).startswith("output is an empty assistant answer")


PIECES = st.sampled_from(
    ['{"messages":', "[", "]", "{", "}", '"role":"user"', '"content":"a"', ",", "\n", "\\u0000", "\\ud800", '"', "\x00",
     "你", '{"from":"gpt","value":"x"}', '{"role":"assistant","content":"b"}', "1e999", "NaN", "\r\n", "\t", "null",
     "{{name}}"]
)  # fmt: skip


MAGIC = {
    "a.gz": b"\x1f\x8b\x08", "a.zst": b"\x28\xb5\x2f\xfd", "a.zip": b"PK\x03\x04", "a.xlsx": b"PK\x03\x04",
    "a.parquet": b"PAR1",
}  # fmt: skip


class TestAnything:
    @given(pieces=st.lists(PIECES, max_size=60), name=st.sampled_from(["a.jsonl", "a.json", "a.csv", "a.tsv", "a.txt"]))
    @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def test_gives_a_verdict(self, pieces: list[str], name: str) -> None:
        report = checked("".join(pieces).encode("utf-8", "surrogatepass"), name)
        assert report.num_rows or report.num_faults
        assert all(str(fault.message).endswith((".", "…")) for fault in report.faults)

    @given(
        content=st.binary(max_size=400),
        name=st.sampled_from(["a.jsonl", "a.csv", "a.gz", "a.zip", "a.xlsx", "a.parquet"]),
    )
    @settings(max_examples=300, deadline=None)
    def test_bytes_of_any_kind_give_a_verdict(self, content: bytes, name: str) -> None:
        report = checked(MAGIC.get(name, b"") + content, name)
        assert report.num_rows or report.num_faults

    @given(at=st.integers(0, 10_000), byte=st.integers(0, 255))
    @settings(max_examples=200, deadline=None)
    def test_one_changed_byte_in_a_good_file(self, at: int, byte: int) -> None:
        for content, name in GOOD_FILES:
            changed = bytearray(content)
            changed[at % len(content)] = byte
            started = time.process_time()
            report = checked(bytes(changed), name)
            assert report.num_rows or report.num_faults
            assert time.process_time() - started < 5


GOOD_FILES = [
    (lines_of(*rows(5)), "a.jsonl"),
    (json.dumps(rows(5), indent=1).encode(), "a.json"),
    (table(), "a.csv"),
    (workbook(), "a.xlsx"),
    (parquet(rows(5)), "a.parquet"),
    (gzip.compress(lines_of(*rows(5))), "a.jsonl.gz"),
    (zipped(lines_of(*rows(5))), "a.zip"),
]
