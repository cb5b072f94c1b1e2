"""Numbers of JSON keep the characters that they have in the file."""

import json
import pickle

import pytest

from datasets_app import services
from datasets_app.formats.json_values import Number, from_json, parse_value, to_json
from tests.datasets_app import dataset_makers
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import checked, recheck
from tests.datasets_app.small_files import SMALL, learned, said

WRITTEN = (
    "3.10", "1e5", "1E5", "12345678901234567890", "-0", "-0.0", "0.1000", "1.0", "100000.0", "1e-7", "2.50e+3",
    "0.30000000000000004", "123456789.123456789123",
)  # fmt: skip


class TestAnswers:
    def test_of_the_small_file_are_learned_or_named(self) -> None:
        content = (SMALL / "g_num.jsonl").read_bytes()
        assert [c.messages[1].content for c in learned(content)] == ["3.10", "1e5", "12345678901234567890"]
        assert [(f.line, f.kind) for f in checked(content).faults] == [(4, "content_not_text")]

    @pytest.mark.parametrize("text", WRITTEN)
    @pytest.mark.parametrize(
        "row",
        [
            '{"prompt": "q", "completion": %s}',
            '{"instruction": "q", "input": "", "output": %s}',
            '{"question": "q", "answer": %s, "id": 1.50}',
        ],
    )
    def test_keep_their_characters(self, text: str, row: str) -> None:
        expected = [("user", "q"), ("assistant", text)]
        line = (row % text).encode()
        for content in (line + b"\n" + line, b"[" + line + b",\n" + line + b"]", line.replace(b", ", b",\n") * 2):
            assert said(content) == [expected] * 2

    @pytest.mark.parametrize(
        "row",
        [
            '{"conversation": [{"human": "q", "assistant": 3.10}]}',
            '{"prompt": "q", "response": [[3.10]]}',
            '{"input": ["q"], "output": [3.10]}',
            '{"request": [{"role": "user", "text": "q"}], "response": 3.10}',
        ],
    )
    def test_of_lists_and_pairs_too(self, row: str) -> None:
        assert said(row.encode()) == [[("user", "q"), ("assistant", "3.10")]]

    def test_of_questions_too(self) -> None:
        assert said(b'{"question": 1.50, "answer": 1e2}')[0] == [("user", "1.50"), ("assistant", "1e2")]

    @pytest.mark.django_db
    def test_stay_when_their_row_is_repaired(self, alice: Member) -> None:
        content = b'{"prompt":" q ","completion":3.10,"n":-0}\n{"prompt":"{{name}}","completion":1e5}\n'
        file = dataset_makers.stored(alice.team, content, "n.jsonl", by=alice.user)
        made, _ = services.repair_file(
            file=file, names=["trim", "fill_placeholders"], values={"name": "x"}, by=alice.user
        )
        assert recheck(made).num_rows == 2
        assert services.open_file(made).read() == (
            b'{"prompt": "q", "completion": 3.10, "n": -0}\n{"prompt": "x", "completion": 1e5}\n'
        )

    @pytest.mark.django_db
    def test_stay_in_the_rows_that_are_asked_about(self, alice: Member) -> None:
        file = dataset_makers.stored(alice.team, b'{"ask": "q", "reply": "r", "price": 3.10}\n', by=alice.user)
        assert dict(file.statistics["sample"])["price"] == "3.10"


class TestMasks:
    @pytest.mark.parametrize(("text", "is_trained"), [("1.00", True), ("1e0", True), ("0.00", False), ("-0", False)])
    @pytest.mark.parametrize("key", ["weight", "loss"])
    def test_are_numbers_however_written(self, key: str, text: str, is_trained: bool) -> None:
        turns = '{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"'
        row = f'{{"messages": [{turns}}}, {turns}, "{key}": {text}}}]}}'
        assert [c.messages[3].is_trained for c in learned(row.encode())] == [is_trained]

    @pytest.mark.parametrize("label", ["1.00", "0.0", "-1.0", "1e0", "-0"])
    def test_labels_too(self, label: str) -> None:
        row = f'{{"messages": [{{"role": "user", "content": "q"}}], "label": {label}}}'
        assert set(checked(row.encode()).kinds) == {"preference_data"}


class TestValues:
    def test_are_what_they_were(self) -> None:
        text = '{"a": [1, -0, 2.50, null, true, "1.0"], "b": {"c": 1e3}}'
        value = parse_value(text.encode(), 1)
        assert value == json.loads(text)
        assert to_json(value) == text
        assert json.loads(json.dumps(value)) == json.loads(text)

    def test_go_to_other_processes_whole(self) -> None:
        assert to_json(pickle.loads(pickle.dumps(from_json("[3.10]")))) == "[3.10]"
        assert str(Number("3.10") + 1) == "4.1"
