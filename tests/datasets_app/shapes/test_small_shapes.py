"""Conversations in the layouts of many hands: an array a line, and what else people bring."""

import json
from pathlib import Path
from typing import Any

import pytest

from datasets_app import services
from datasets_app.rows.pages import page_of_rows
from datasets_app.tokens.tokenising import RawLines, rows_of
from tests.datasets_app import dataset_makers
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import checked, recheck, row, rows
from tests.datasets_app.small_files import SMALL, report_of, said, written

Q, A = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
TALK = [("user", "q"), ("assistant", "a")]


class TestOneArrayALine:
    def test_is_one_conversation_a_line(self) -> None:
        content = (SMALL / "a_bare.jsonl").read_bytes()
        assert (report_of("a_bare.jsonl").num_rows, report_of("a_bare.jsonl").format) == (10, "jsonl")
        assert said(content)[3] == [("user", "q3"), ("assistant", "a3")]

    @pytest.mark.parametrize(
        "content",
        [
            written([[Q, A]]),
            written([[Q, A]] * 3).rstrip(),
            b"\xef\xbb\xbf" + written([[Q, A]] * 3).replace(b"\n", b"\r\n"),
            b"\n\n" + written([[Q, A], [Q, A]]),
            written([[{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]] * 2),
            written([[Q, A], {"messages": [Q, A]}, [Q, A]]),
            written([{"messages": [Q, A]}, [Q, A]]),
            written([[{"messages": [Q, A]}]] * 2),
            b"\n".join(json.dumps([Q, A], indent=2).encode() for _ in range(3)),
            json.dumps([Q, A], indent=2).encode(),
            json.dumps([[Q, A], [Q, A]]).encode(),
            json.dumps([[Q, A], [Q, A]], indent=1).encode(),
            json.dumps([[Q, A], {"messages": [Q, A]}]).encode(),
        ],
        ids=range(13),
    )
    def test_however_it_is_written(self, content: bytes) -> None:
        found = said(content)
        assert found
        assert all(talk == TALK for talk in found)

    def test_a_first_line_longer_than_what_is_looked_at(self) -> None:
        long = "x" * 200_000
        for first in ([{"role": "user", "content": long}, A], [Q, {"role": "assistant", "content": long}]):
            assert len(said(written([first, [Q, A]]))) == 2

    def test_an_array_of_rows_is_still_one(self) -> None:
        for value in (rows(3), [{"instruction": "i", "output": "o"}] * 3):
            assert checked(json.dumps(value).encode()).format == "json"
            assert checked(json.dumps(value, indent=1).encode()).num_rows == 3

    @pytest.mark.parametrize(
        ("line", "code"),
        [
            (b'[{"role": "user", "content": "q"}]', "no_assistant_message"),
            (b'[{"role": "user", "content": "q"}, 7]', "not_a_message"),
            (b'[{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}', "not_json"),
            (b"[]", "not_an_object"),
            (b'[{"messages": []}, {"messages": []}]', "not_an_object"),
            (b'["q", "a"]', "not_an_object"),
        ],
    )
    def test_a_line_that_is_no_conversation_is_named(self, line: bytes, code: str) -> None:
        report = checked(written([[Q, A]] * 2) + line + b"\n" + written([[Q, A]]))
        assert [(fault.line, fault.kind) for fault in report.faults] == [(3, code)]
        assert report.num_rows == 3

    def test_the_trainer_reads_the_same(self) -> None:
        block = RawLines(first_line=1, content=written([[Q, A], row("q", "a")]))
        found: list[Any] = [talk for _, talk in rows_of(block, {}, "a.jsonl")]
        assert [[m.content for m in talk.messages] for talk in found] == [["q", "a"]] * 2

    @pytest.mark.django_db
    def test_is_shown_and_repaired(self, alice: Member) -> None:
        content = written([[Q, A], [{"role": "User", "content": "q"}, {"role": "bot", "content": "b"}]])
        file = dataset_makers.stored(alice.team, content, "bare.jsonl", by=alice.user)
        assert file.statistics["faults"] == {"unknown_role": 1}
        assert [view.example.num_bytes for view in page_of_rows(file).rows if view.example] == [
            len(content.split(b"\n")[0])
        ]
        made, _ = services.repair_file(file=file, names=["fix_roles"], by=alice.user)
        assert (recheck(made).num_rows, made.num_faults) == (2, 0)
        assert services.open_file(made).read().startswith(content.split(b"\n")[0] + b"\n")


def test_reasoning_that_nothing_reads_is_named() -> None:
    report = report_of("b3_reason.jsonl")
    assert (report.num_faults, dict(report.unused.counts)) == (0, {"messages[].reasoning_content": 1})


def test_every_small_file_has_a_test() -> None:
    tests = "".join(path.read_text() for path in Path(__file__).parents[1].rglob("test_*.py"))
    assert [path.name for path in SMALL.iterdir() if path.name not in tests] == []
