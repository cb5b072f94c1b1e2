"""Small files that people tried: what a file says is learned, or it is named."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from chat import ChatError, parse_row
from datasets_app.shapes.examples import Example, open_examples
from datasets_app.versions.repairs import fix_roles
from tests.datasets_app.small_files import conversations, report_of


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("c_emptyuser.jsonl", "empty_question"),
        ("d_textinputoutput.jsonl", "columns_unknown"),
        ("h_cols.csv", "columns_unknown"),
        ("r54_excel_unicode_text.txt", "columns_unknown"),
        ("k_kto_str.jsonl", "preference_data"),
        ("shape_role_model.jsonl", "unknown_role"),
        ("shape_cohere.jsonl", "unknown_role"),
    ],
)
def test_named(name: str, code: str) -> None:
    assert set(report_of(name).kinds) == {code}


def test_an_answer_whose_loss_is_false_is_not_learned() -> None:
    assert report_of("b_lossfalse.jsonl").is_good
    assert any(
        not m.is_trained for c in conversations("b_lossfalse.jsonl") for m in c.messages if m.role == "assistant"
    )


def test_a_context_is_part_of_the_question() -> None:
    (first, *_) = conversations("p_instr_resp_ctx.jsonl")
    assert first.messages[0].content == "Summarise\nLong text 0"


@pytest.mark.parametrize("name", ["d4_sysprompt.jsonl", "p_msgs_extra.jsonl"])
def test_a_system_prompt_beside_the_rest_is_the_system_message(name: str) -> None:
    assert {(c.messages[0].role, c.messages[0].content) for c in conversations(name)} == {("system", "You are X")}


def test_line_separators_in_cells_divide_no_rows() -> None:
    assert report_of("r50_line_separators.csv").num_rows == 12


@pytest.mark.parametrize("role", ["model", "Model", "Chatbot", "chatbot"])
def test_the_repair_knows_other_vendors_names_of_the_assistant(role: str) -> None:
    row = {"messages": [{"role": "User", "content": "q"}, {"role": role, "content": "a"}]}
    assert [turn["role"] for turn in fix_roles(row, {})["messages"]] == ["user", "assistant"]


def turns(**mask: Any) -> dict[str, Any]:
    asked = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    return {"messages": [*asked, *asked[:1], {"role": "assistant", "content": "b", **mask}]}


class TestMasks:
    @pytest.mark.parametrize("key", ["weight", "loss", "loss_weight", "train"])
    @pytest.mark.parametrize(("value", "is_learned"), [
        (False, False), (0, False), (0.0, False), ("false", False), ("0", False),
        (True, True), (1, True), ("true", True), (None, True),
    ])  # fmt: skip
    def test_every_spelling_means_one_thing(self, key: str, value: Any, is_learned: bool) -> None:
        assert parse_row(turns(**{key: value})).messages[-1].is_trained is is_learned

    @pytest.mark.parametrize(("value", "is_learned"), [(True, False), ("1", False), (False, True), (0, True)])
    def test_masked_says_the_opposite(self, value: Any, is_learned: bool) -> None:
        assert parse_row(turns(masked=value)).messages[-1].is_trained is is_learned

    @pytest.mark.parametrize(
        "mask", [{"loss": True, "weight": 0}, {"masked": True, "train": 1}, {"loss": "maybe"}, {"loss": 0.5}]
    )
    def test_what_contradicts_itself_or_says_nothing_is_named(self, mask: dict[str, Any]) -> None:
        with pytest.raises(ChatError) as refused:
            parse_row(turns(**mask))
        assert refused.value.code == "bad_weight"

    def test_questions_that_say_that_they_are_not_learned_are_as_before(self) -> None:
        row = turns()
        for mask in ({"loss": False}, {"weight": 0}, {"weight": "false"}, {"train": "no"}, {"masked": True}):
            row["messages"][0] = {**turns()["messages"][0], **mask}
            assert parse_row(row) == parse_row(turns())

    def test_of_share_gpt(self) -> None:
        said = [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a", "loss": False}]
        more = [{"from": "human", "value": "q"}, {"from": "gpt", "value": "b"}]
        assert [m.is_trained for m in parse_row({"conversations": [*said, *more]}).messages[1::2]] == [False, True]


class TestSystemBeside:
    def test_the_same_twice_is_one(self) -> None:
        row = turns()
        row = {"system": "S", "messages": [{"role": "system", "content": "S"}, *row["messages"]]}
        assert [m.role for m in parse_row(row).messages].count("system") == 1

    def test_two_that_differ_are_named(self) -> None:
        row = {"system": "S", "messages": [{"role": "system", "content": "T"}, *turns()["messages"]]}
        with pytest.raises(ChatError, match="two system prompts"):
            parse_row(row)


@pytest.mark.parametrize(
    ("row", "messages"),
    [
        (
            {"system_prompt": "S", "question": "q", "response": "a"},
            [("system", "S"), ("user", "q"), ("assistant", "a")],
        ),
        ({"context": "c", "question": "q", "answer": "a"}, [("user", "c\nq"), ("assistant", "a")]),
        (
            {"instruction": "i", "context": "c", "response": "a", "category": "x"},
            [("user", "i\nc"), ("assistant", "a")],
        ),
        (
            {"system": "S", "instruction": "i", "input": "n", "output": "a"},
            [("system", "S"), ("user", "i\nn"), ("assistant", "a")],
        ),
    ],
    ids=["orca", "squad", "dolly", "alpaca with system"],
)
def test_well_known_sets(row: dict[str, Any], messages: Sequence[tuple[str, str]], tmp_path: Path) -> None:

    path = tmp_path / "rows.jsonl"
    path.write_text(f"{json.dumps(row)}\n" * 3)
    with path.open("rb") as stream:
        found = [item.conversation for item in open_examples(stream, path.name) if isinstance(item, Example)]
    assert len(found) == 3
    assert [(m.role, m.content) for m in found[0].messages] == messages
