"""JSON bodies of strangers: read in one pass, refused with a sentence, never slow."""

import contextlib
import io
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework.exceptions import ParseError

from common.errors import UserError
from console.parsers import DEEPEST, BoundedJSONParser
from console.shell import MAX_CONTROL_BYTES, MAX_QUESTION_BYTES

MOST_SECONDS = 0.1
"""Of this process' own time: nobody may hold the web longer by one body."""
PIECES = (
    '"',
    '\\"',
    "\\",
    "[",
    "]",
    "{",
    "}",
    "{}",
    "[]",
    '""',
    ":",
    ",",
    "1",
    "1e9",
    "-",
    "null",
    "NaN",
    "\n",
    "\0",
    "é",
    "\\ud800",
    "\\ude00",
)


def parse(body: bytes) -> object:
    return BoundedJSONParser().parse(io.BytesIO(body))


def seconds(body: bytes) -> float:
    """Return the least of three: what the body costs, not what the machine does beside it."""

    def once() -> float:
        started = time.process_time()
        with contextlib.suppress(ParseError, UserError):
            parse(body)
        return time.process_time() - started

    first = once()
    return first if first < MOST_SECONDS / 2 else min(first, once(), once())


class TestDepth:
    def test_brackets_in_strings_do_not_count(self) -> None:
        assert parse(json.dumps({"a": "[" * 1000, 'b"\\': "}{"}).encode()) == {"a": "[" * 1000, 'b"\\': "}{"}

    @pytest.mark.parametrize("pair", [(b"[", b"]"), (b'{"a":', b"}")])
    def test_ends_at_the_limit(self, pair: tuple[bytes, bytes]) -> None:
        before, after = pair
        inner = b"1"
        assert parse(before * DEEPEST + inner + after * DEEPEST) is not None
        for deep in (DEEPEST + 1, 100_000):
            with pytest.raises(ParseError, match="nested deeper than 100 levels"):
                parse(before * deep + inner + after * deep)

    def test_an_open_string_hides_no_bracket_before_it(self) -> None:
        with pytest.raises(ParseError, match="nested deeper"):
            parse(b"[" * 500 + b'"open')


class TestCharacters:
    def test_whole_ones_are_read_however_they_are_written(self) -> None:
        assert parse(b'{"a": "\\ud83d\\ude00", "b": "\\\\ud800"}') == {"a": "😀", "b": "\\ud800"}

    @pytest.mark.parametrize(
        ("body", "param"),
        [
            (b'{"model": "m", "messages": [{"content": "\\ud83d"}]}', "messages"),
            (b'{"metadata": {"\\udc00": 1}}', "metadata"),
            (b'{"\\ud800": 1}', None),
            (b'["\\uDFFF\\uD800"]', None),
        ],
    )
    def test_halves_are_refused_by_name(self, body: bytes, param: str | None) -> None:
        with pytest.raises(UserError, match="contains half of a character") as refused:
            parse(body)
        assert (refused.value.status, refused.value.param) == (400, param)


def test_a_number_without_end_is_refused_in_our_words() -> None:
    with pytest.raises(ParseError, match="a number with too many digits"):
        parse(b'{"a": ' + b"9" * 5000 + b"}")


class TestTime:
    @pytest.mark.parametrize(
        "piece", [b'"\\"', b'"\\"\\"\\"', b'\\"', b'"', b"\\", b"[", b"[]", b"{},", b'"",', b"1,", b"1"]
    )
    @pytest.mark.parametrize("head", [b"", b'"', b"[", b'["'])
    def test_a_control_body_up_to_its_cap(self, piece: bytes, head: bytes) -> None:
        body = (head + piece * (MAX_CONTROL_BYTES // len(piece)))[:MAX_CONTROL_BYTES]
        for end in (b"", b"\\", b'"', b"]"):
            assert seconds(body[: MAX_CONTROL_BYTES - 1] + end) < MOST_SECONDS

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=6), st.sampled_from(("", '"', "[", '{"a":')))
    def test_no_repeated_pattern_is_slow(self, pieces: list[str], head: str) -> None:
        pattern = "".join(pieces).encode()
        body = (head.encode() + pattern * (MAX_CONTROL_BYTES // len(pattern)))[:MAX_CONTROL_BYTES]
        assert seconds(body) < MOST_SECONDS

    @pytest.mark.parametrize(
        "piece",
        [
            b"[],",
            b'"",',
            b'"',
            b'\\"',
            b"\\\\",
            b"\\n",
            b"\\u4e2d",
            b"\\ud83d\\ude00",
            b'"\\ud800",',
            b"1,",
            b"1e9,",
            b"{},",
            b'"a\\"',
            b'{"a":1},',
            b"[",
        ],
    )
    @pytest.mark.parametrize("head", [b"[", b'"', b""])
    def test_a_question_up_to_its_cap(self, piece: bytes, head: bytes) -> None:
        body = head + piece * (MAX_QUESTION_BYTES // len(piece) - 1)
        for end in (b'"', b"1]"):
            assert seconds(body + end) < MOST_SECONDS

    def test_half_of_a_character_behind_many_keys(self) -> None:
        body = b"{" + b"".join(b'"%d":1,' % n for n in range(90_000)) + b'"z":"\\ud800"}'
        assert seconds(body) < MOST_SECONDS

    def test_many_keys_are_refused(self) -> None:
        with pytest.raises(ParseError, match="more than 100,000 strings"):
            parse(b"{" + b",".join(b'"%d":1' % n for n in range(100_001)) + b"}")

    def test_more_values_than_are_read_at_once_are_refused(self) -> None:
        assert parse(b"[" + b"1," * 199_990 + b"1]") is not None
        with pytest.raises(ParseError, match="Send less"):
            parse(b"[" + b"1," * 200_000 + b"1]")

    def test_texts_full_of_quotes_and_brackets_are_none_of_them(self) -> None:
        body = json.dumps({"text": '"[],{}' * 300_000}).encode()
        assert parse(body) == json.loads(body)

    def test_a_long_conversation_is_read_quickly(self) -> None:
        words = '中文 and English, \\ and " too. ' * 9_000
        body = json.dumps({"messages": [{"role": "user", "content": words}] * 5}, ensure_ascii=False).encode()
        assert MAX_QUESTION_BYTES / 2 < len(body) < MAX_QUESTION_BYTES
        assert seconds(body) < MOST_SECONDS
