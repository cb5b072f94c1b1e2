"""Files as strangers write them: what is read, and what is said of the rest."""

import json
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from chat import Conversation
from datasets_app.checking.one_pass import check_file_content
from datasets_app.checking.report import MOST_FAULTS
from datasets_app.formats import open_rows
from datasets_app.formats.base import RawRow, RowFault
from datasets_app.formats.refusals import refusal_of
from datasets_app.formats.streams import LONGEST_ROW
from datasets_app.shapes.examples import Example, open_examples
from tests.datasets_app.dataset_makers import Trickle, checked, lines_of, only_fault, row, rows
from wording import as_written

SEED_ROW = {
    "id": "1",
    "conversations": [{"from": "user", "value": "你是谁？"}, {"from": "assistant", "value": "小智。"}],
}
ROWS = rows(6)
GOOD = lines_of(*ROWS)


def values(content: bytes, size: int = 1 << 20) -> list[Any]:
    items = open_rows(Trickle(content, size), "x.jsonl").items
    return [item.value if isinstance(item, RawRow) else item for item in items]


def conversations(content: bytes) -> list[tuple[int, Conversation]]:
    items = open_examples(Trickle(content, 1 << 20), "x.jsonl")
    return [(item.line, item.conversation) for item in items if isinstance(item, Example)]


class TestGoodFiles:
    def test_messages_as_json_lines(self) -> None:
        report = checked(GOOD)
        assert (report.format, report.num_rows, report.num_faults, report.details) == ("jsonl", 6, 0, None)
        assert report.statistics["roles"] == {"user": 6, "assistant": 6}
        assert report.statistics["turns"] == 12
        assert report.statistics["longest_row_bytes"] == len(GOOD.splitlines()[0])

    @pytest.mark.parametrize("name", ["article.json", "article.jsonl", "article.txt"])
    @pytest.mark.parametrize("indent", [None, 2])
    def test_the_seeds_array_whatever_the_name_and_layout(self, name: str, indent: int | None) -> None:
        report = checked(json.dumps([SEED_ROW] * 3, ensure_ascii=False, indent=indent).encode(), name)
        assert (report.format, report.num_rows, report.num_faults) == ("json", 3, 0)

    def test_rows_of_an_array_know_their_physical_line(self) -> None:
        content = b"\n[\n" + json.dumps(ROWS[0], indent=1).encode() + b"\n,\n\n" + json.dumps(ROWS[1]).encode() + b"]\n"
        first_end = 3 + json.dumps(ROWS[0], indent=1).count("\n")
        assert [line for line, _ in conversations(content)] == [3, first_end + 3]

    def test_blank_lines_count_and_nothing_more(self) -> None:
        assert [line for line, _ in conversations(b"\n\n" + lines_of(ROWS[0]) + b"  \n" + lines_of(ROWS[1]))] == [3, 5]

    @pytest.mark.parametrize("content", [GOOD, json.dumps(ROWS).encode()])
    def test_bom_crlf_and_a_missing_last_newline(self, content: bytes) -> None:
        changed = b"\xef\xbb\xbf" + content.rstrip().replace(b"\n", b"\r\n")
        assert conversations(changed) == conversations(content)
        assert "\r" not in repr(conversations(changed))

    @pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
    @pytest.mark.parametrize("indent", [None, 1])
    def test_block_borders_change_nothing(self, size: int, indent: int | None) -> None:
        tricky = [row('a "quoted" \\ [bracket', "}{ 你好 \\\\"), SEED_ROW, 12, "text", None, [1, [2]], {}, True, -1.5e3]
        assert values(json.dumps(tricky, indent=indent, ensure_ascii=False).encode(), size) == tricky
        assert values(lines_of(*tricky), size) == tricky

    def test_both_shapes_may_stand_in_one_file(self) -> None:
        assert checked(lines_of(ROWS[0], SEED_ROW)).num_rows == 2

    def test_an_array_too_deep_outside_of_strings_only(self) -> None:
        assert checked(lines_of(row("[" * 500, "{" * 500))).num_faults == 0


BROKEN_ROWS = {
    "not json": (b"this is not json", "not_json"),
    "cut off": (b'{"messages": [{"role": "us', "not_json"),
    "trailing comma": (b'{"messages": [],}', "not_json"),
    "python": (b"{'messages': []}", "not_json"),
    "two values": (b"{} {}", "not_json"),
    "comma at the end": (lines_of(row()).strip() + b",", "not_json"),
    "not a number": (b'{"loss": NaN}', "not_json"),
    "infinity": (b'{"loss": -Infinity}', "not_json"),
    "overflow": (b'{"loss": 1e999}', "not_json"),
    "endless number": (b'{"loss": ' + b"1" * 5000 + b"}", "not_json"),
    "wrong keys": (b'{"foo": "a"}', "wrong_keys"),
    "other shape": (b'{"prompt": "a", "chosen": "b", "rejected": "c"}', "preference_data"),
    "not an object": (b'"text"', "not_an_object"),
    "no assistant": (b'{"messages": [{"role": "user", "content": "hi"}]}', "no_assistant_message"),
    "empty answer": (lines_of(row(answer=" ")).strip(), "empty_answer"),
    "ten megabytes": (lines_of(row("x" * 10_000_000)).strip(), "line_too_long"),
    "deep": (b"[" * 100_000 + b"]" * 100_000, "nested_too_deep"),
    "deep objects": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested_too_deep"),
    "binary": (b'{"messages": "\x00\x01\x02\xff\xfe"}', "binary"),
    "latin-1 in UTF-8": ('{"messages": "你'.encode() + b'\xfc"}', "not_utf8"),
    "half a character": ('{"messages": "你'.encode()[:-1], "truncated_utf8"),
    "surrogate": (b'{"messages": [{"role": "user", "content": "\\ud800"}]}', "content_not_unicode"),
}


class TestBrokenRows:
    @pytest.mark.parametrize("case", BROKEN_ROWS)
    @pytest.mark.parametrize("at", [1, 4, 6])
    def test_one_broken_line_is_named_and_the_others_are_read(self, case: str, at: int) -> None:
        broken, code = BROKEN_ROWS[case]
        lines = GOOD.splitlines()
        lines[at - 1] = broken
        if at == 1 and broken.startswith(b"["):
            pytest.skip("The file would be an array.")
        report = checked(b"\n".join(lines))
        assert [(fault.line, fault.kind) for fault in report.faults] == [(at, code)]
        assert report.num_rows == 5
        fault = report.faults[0]
        assert str(fault.message).endswith(".")
        assert fault.hint
        assert f"Line {at}: " in str(report.details)

    @pytest.mark.parametrize(
        "case",
        [name for name in BROKEN_ROWS if name not in ("cut off", "two values", "comma at the end", "half a character")],
    )
    def test_one_broken_element_of_an_array_is_named(self, case: str) -> None:
        broken, code = BROKEN_ROWS[case]
        elements = GOOD.splitlines()
        elements[2] = broken
        report = checked(b"[" + b",\n".join(elements) + b"]")
        if case == "not json":
            assert report.faults[0].line == 3
        else:
            assert [(fault.line, fault.kind) for fault in report.faults] == [(3, code)]
            assert report.num_rows == 5

    def test_the_field_is_named(self) -> None:
        fault = only_fault(
            lines_of({"messages": [{"role": "user", "content": 5}, {"role": "assistant", "content": "a"}]})
        )
        assert (fault.line, fault.field) == (1, "messages[0].content")

    def test_the_byte_of_a_broken_character_is_named(self) -> None:
        content = b'{"a":"' + "你".encode()[:2]
        fault = only_fault(lines_of(ROWS[0]) + content)
        assert (fault.line, fault.kind) == (2, "truncated_utf8")
        assert "byte 7 of the line" in str(fault.message)

    def test_a_line_just_short_enough_is_read(self) -> None:
        padding = LONGEST_ROW - len(lines_of(row("")).strip())
        assert checked(lines_of(row("x" * padding))).num_faults == 0
        assert only_fault(lines_of(row("x" * (padding + 1)))).kind == "line_too_long"

    def test_only_the_first_faults_are_kept_and_all_are_counted(self) -> None:
        report = checked(b"{}\n" * (MOST_FAULTS + 5) + b"nonsense\n")
        assert len(report.faults) == MOST_FAULTS
        assert report.num_faults == MOST_FAULTS + 6
        assert report.statistics["faults"] == {"wrong_keys": MOST_FAULTS + 5, "not_json": 1}
        assert f"And {MOST_FAULTS + 3:,} more." in str(report.details)

    def test_what_is_said_can_be_written_as_json(self) -> None:
        report = checked(b'{"loss": NaN}\n' * 100)
        assert "None of the 100 rows" in str(report.details)
        json.loads(json.dumps([str(fault.message) for fault in report.faults], allow_nan=False))


class TestOneCauseOneDiagnosis:
    def test_objects_over_several_lines_are_read(self) -> None:
        content = b"\n".join(json.dumps(value, indent=2).encode() for value in ROWS)
        report = checked(content)
        assert (report.format, report.num_rows, report.num_faults) == ("json-objects", 6, 0)
        assert [line for line, _ in conversations(content)] == [1 + 12 * n for n in range(6)]

    def test_an_object_that_does_not_end_is_one_fault(self) -> None:
        content = b"\n".join(json.dumps(value, indent=2).encode() for value in ROWS)
        report = checked(content[:-20])
        assert report.num_rows == 5
        assert [(fault.line, fault.kind) for fault in report.faults] == [(61, "object_not_closed")]

    def test_a_first_line_that_is_cut_off_is_only_that(self) -> None:
        fault = only_fault(b'{"messages": [\n' + lines_of(*ROWS))
        assert (fault.line, fault.kind) == (1, "not_json")

    @pytest.mark.parametrize("content", [b"\n \n", b"[]", b"[\n]\n"])
    def test_no_rows_at_all(self, content: bytes) -> None:
        assert only_fault(content).kind == "no_rows"

    @pytest.mark.parametrize(
        ("example", "code", "word"),
        [
            ({"input": {}, "preferred_output": [], "non_preferred_output": []}, "preference_data", "preference data"),
            ({"prompt": "a", "chosen": "b", "rejected": "c"}, "preference_data", "preference data"),
            ({"item": {"reference_answer": 1}}, "reinforcement_data", "reinforcement"),
            ({"prompt": "a", "completion": "b", "label": True}, "preference_data", "KTO"),
            ({"custom_id": "a", "body": {}}, "batch_requests", "batch of requests"),
        ],
    )
    def test_another_kind_of_data_is_named_once(self, example: dict[str, Any], code: str, word: str) -> None:
        fault = only_fault(lines_of(*[example] * 5))
        assert (fault.line, fault.kind) == (1, code)
        assert word in str(fault.message)

    @pytest.mark.parametrize(
        ("content", "code", "line"),
        [
            (b"[" + GOOD.replace(b"\n", b",\n")[:-2], "array_not_closed", 6),
            (b"[" + GOOD.replace(b"\n", b",\n")[:-2] + b"] x", "text_after_array", 6),
            (b"[" + GOOD.replace(b"\n", b",\n")[:-2] + b",\n]", "not_json", 6),
            (b"[" + GOOD[:-1] + b"]", "not_json", 2),
            (b"[" + GOOD.replace(b"\n", b",\n", 2), "not_json", 4),
            (b'[{"messages": "a\nb"}]', "text_not_closed", 1),
        ],
    )
    def test_a_broken_array(self, content: bytes, code: str, line: int) -> None:
        fault = checked(content).faults[-1]
        assert (fault.kind, fault.line) == (code, line)
        assert fault.is_whole_file
        assert checked(content).num_faults == 1


class TestRefusals:
    @pytest.mark.parametrize(
        ("head", "name", "code", "word"),
        [
            (b"", "a.jsonl", "empty_file", "empty"),
            (GOOD, "a.jsonl.gz", "not_packed", "gzip"),
            (b"PK\x03\x04", "a.docx", "unsupported_office", "Office"),
            (b"BZh91AY", "a.bz2", "unsupported_bzip2", "bzip2"),
            (b"\x80\x04\x95", "a.jsonl", "unsupported_pickle", "pickle"),
            (b"<!DOCTYPE html><html>", "a.jsonl", "web_page", "web page"),
            (b"%PDF-1.7", "a.jsonl", "unsupported_pdf", "PDF"),
            (
                b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 875191\n",
                "a",
                "git_lfs_pointer",
                "875,191",
            ),
        ],
    )
    def test_what_is_never_read_is_named(self, head: bytes, name: str, code: str, word: str) -> None:
        refusal = refusal_of(head, name)
        assert refusal is not None
        assert refusal.code == code
        assert word in str(refusal.message)

    @pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.txt", "a"])
    def test_what_can_be_read_is_not_refused_for_its_name(self, name: str) -> None:
        assert refusal_of(GOOD, name) is None


class TestTime:
    @pytest.mark.parametrize(
        "content",
        [
            b"{}\n" + b"[" * 101 + b'"' + b'\\"' * 2_000_000,
            b"[" + b"[" * 101 + b'"' + b'\\"' * 2_000_000,
            b'["' + b"\\\\" * 1_000_000,
            b"[" + b'"",' * 60_000 + b'"',
            b"[" + b"[]," * 60_000,
            b"{}\n" + b'{"a":' * 90 + b'"' * 100_000,
            b"\n" * 1_000_000,
        ],
    )
    def test_a_file_made_to_be_slow_is_not(self, content: bytes) -> None:
        started = time.process_time()
        checked(content)
        assert time.process_time() - started < 5


class TestMemory:
    @pytest.mark.parametrize("kind", ["lines", "array", "one line"])
    def test_a_large_file_needs_no_more_memory_than_a_small_one(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "large.jsonl"
        _write_large(path, kind, num_bytes=60_000_000)
        tracemalloc.start()
        with path.open("rb") as stream:
            report = check_file_content(stream, filename=path.name)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 25_000_000
        if kind == "one line":
            assert [fault.kind for fault in report.faults] == ["line_too_long"]
        else:
            assert (report.num_faults, report.num_rows) == (0, 60)


def _write_large(path: Path, kind: str, *, num_bytes: int) -> None:
    # Few long rows: the time goes into reading, which is what is measured.
    long = lines_of(row("x" * (num_bytes // 60))).strip()
    with path.open("wb") as file:
        if kind == "one line":
            file.write(b'{"messages": "' + b"x" * num_bytes + b'"}')
            return
        opening, between, ending = (b"[", b",\n", b"]") if kind == "array" else (b"", b"\n", b"")
        file.write(opening)
        for number in range(60):
            file.write((between if number else b"") + long)
        file.write(ending)


def test_faults_say_where_and_what_in_one_sentence() -> None:
    fault = RowFault(line=41, kind="c", message=as_written("The conversation has no assistant message."), hint=None)
    assert str(fault.sentence) == "Line 41: The conversation has no assistant message."
