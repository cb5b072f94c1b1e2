"""The format recipe: the form is read off examples, and answers to held-out inputs must have it."""

import json
from typing import Any

import pytest

from common.errors import UserError
from datasets_app.recipes.base import GUARD, UNRELATED
from datasets_app.recipes.making import read_answers
from datasets_app.recipes.output_format import FORMAT, MOST_HELD_OUT


def pairs(number: int, output: Any = None) -> list[dict[str, str]]:
    return [{"input": f"Input {n}", "output": json.dumps(output or {"n": n})} for n in range(number)]


def read(rows: list[dict[str, str]], **other: Any) -> Any:
    return read_answers(FORMAT, {"examples": rows, **other})


def test_a_fifth_is_held_out_and_at_most_so_many() -> None:
    assert (len(read(pairs(12)).held_out), len(read(pairs(12)).learned)) == (3, 9)
    assert len(read(pairs(500)).held_out) == MOST_HELD_OUT


def test_json_is_held_to_keys_and_types_and_nothing_around_it() -> None:
    rows = [*pairs(11), {"input": "No number", "output": '{"n": null}'}]
    tests = FORMAT.tests(read(rows))
    asked = next(test for test in tests if test.topic == "format")
    assert asked.judge('{"n": 7}').is_passed
    assert asked.judge('{"n": null}').is_passed
    assert asked.judge('{"n": "7"}').fault == "without_form"
    assert asked.judge('Sure: {"n": 7}').fault == "without_form"
    other = next(test for test in tests if test.topic == UNRELATED)
    assert other.judge('{"n": 7}').fault == "with_form"
    assert other.judge("Paris.").is_passed


def test_a_text_is_held_to_its_fixed_parts() -> None:
    rows = [{"input": f"问题{n}", "output": f"原因：甲{n}\n建议：乙{n}"} for n in range(12)]
    found = read(rows, form="template", template="原因：{原因}\n建议：{建议}")
    assert found.instruction.endswith("原因：{原因}\n建议：{建议}")
    [asked, *_] = FORMAT.tests(found)
    assert asked.judge("原因：丙\n建议：丁").is_passed
    assert asked.judge("原因：丙").fault == "without_form"


def test_the_instruction_names_the_keys_in_the_language_of_the_inputs() -> None:
    assert read(pairs(12, {"a": 1, "b": 2})).instruction.endswith("with the keys a, b.")
    rows = [{**row, "input": f"输入{n}"} for n, row in enumerate(pairs(12, {"a": 1, "b": 2}))]
    assert "键为：a、b" in read(rows).instruction
    own = read(pairs(12), instruction="Extract.")
    assert all(row.turns[0][1].startswith("Extract.\n\n") for row in FORMAT.rows(own) if row.source != GUARD)


@pytest.mark.parametrize(
    ("rows", "other", "field", "sentence"),
    [
        (pairs(11), {}, "examples", "There are 11 different examples"),
        (pairs(11) + pairs(1), {}, "examples", "There are 11 different"),
        ([*pairs(12), {"input": "x", "output": "no"}], {}, "examples", "example 13 is no JSON object"),
        (
            pairs(6, {"a": 1})[:6] + [{"input": f"y{n}", "output": '{"b": 1}'} for n in range(6)],
            {},
            "examples",
            "no key",
        ),
        (pairs(12), {"form": "xml"}, "form", "must be one of"),
        (pairs(12), {"form": "template", "template": "no gap"}, "template", "braces"),
        (pairs(12), {"form": "template", "template": "A: {a}"}, "examples", "example 1 does not have the form"),
    ],
)
def test_what_has_no_common_form_is_refused(
    rows: list[dict[str, str]], other: dict[str, str], field: str, sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence) as refused:
        read(rows, **other)
    assert refused.value.param == field
