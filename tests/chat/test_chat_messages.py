"""What this package refuses is said in the reader's language, with its numbers and names."""

import pytest

from chat import ChatError, SystemChoice, TokenCache, parse_data_split, parse_messages, parse_row, sandbox
from chat.folder import read_folder
from tests.chinese import assert_is_chinese, refusal

ROWS = (
    [1, 2],
    {"text": "a"},
    {},
    {"messages": 3},
    {"messages": []},
    {"messages": ["hello"]},
    {"messages": [{"content": "q"}]},
    {"messages": [{"role": "user", "content": "q"}]},
    {"messages": [{"role": "user", "content": " "}, {"role": "assistant", "content": "a"}]},
    {"messages": [{"role": "narrator", "content": "q"}]},
    {"messages": [{"role": True, "content": "q"}]},
    {"messages": [{"role": "assistant", "content": "a"}]},
    {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": ""}]},
    {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": None}]},
    {"messages": [{"role": "user", "content": 5}, {"role": "assistant", "content": "a"}]},
    {"messages": [{"role": "user", "content": {}}, {"role": "assistant", "content": "a"}]},
    {"messages": [{"role": "user", "content": [{"type": "image"}]}, {"role": "assistant", "content": "a"}]},
    {"messages": [{"role": "user", "content": [{"type": "text"}]}, {"role": "assistant", "content": "a"}]},
    {"messages": [{"role": "user", "content": "q", "name": ["n"]}, {"role": "assistant", "content": "a"}]},
    {"messages": [{"role": "user", "content": "\ud800"}, {"role": "assistant", "content": "a"}]},
    {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "weight": 0}]},
    {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "weight": 7}]},
    {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "weight": 1, "loss": 0}]},
    {"messages": [{"role": "user", "content": "q", "weight": 1}, {"role": "assistant", "content": "a"}]},
    {"messages": [{"role": "user", "content": "q"}, *[{"role": "assistant", "content": "a"}] * 2]},
    {"messages": [{"role": "user", "content": "q", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}]},
    {"messages": [{"role": "assistant", "content": "a", "tool_calls": 3}]},
    {"messages": [{"role": "assistant", "content": "a", "tool_calls": [3]}]},
    {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "x"}}]}]},
    {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}], "tools": "none"},
    {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}], "tools": [{}]},
    {"messages": [{"role": "system", "content": "s"}, {"role": "assistant", "content": "a"}], "system": "t"},
    {"conversations": [{"from": "human"}]},
    {"conversations": [None]},
)  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=range(len(ROWS)))
def test_a_refused_row_is_told_in_chinese(row: object) -> None:
    assert_is_chinese(refusal(lambda: parse_row(row), ChatError))


@pytest.mark.parametrize("text", ["a,b", "0,1,1", "1,1"])
def test_a_refused_data_split_is_told_in_chinese(text: str) -> None:
    assert_is_chinese(refusal(lambda: parse_data_split(text), ChatError))


@pytest.mark.parametrize("choice", [("wild", ""), ("custom", ""), ("custom", "a" * 40_000), ("custom", "\ud800")])
def test_a_refused_system_prompt_is_told_in_chinese(choice: tuple[str, str]) -> None:
    assert_is_chinese(refusal(lambda: SystemChoice(*choice), ChatError))


@pytest.mark.parametrize("source", ["{% if %}", "{{ 1 / 0 }}", "a" * 10_000_000])
def test_a_refused_template_is_told_in_chinese(source: str) -> None:
    assert_is_chinese(refusal(lambda: sandbox.Template(source).render(), ChatError))


def test_a_folder_without_its_files_is_told_in_chinese(tmp_path) -> None:
    assert_is_chinese(refusal(lambda: read_folder(tmp_path), ChatError))
    assert_is_chinese(refusal(lambda: TokenCache.open(tmp_path), ChatError))
    (tmp_path / "meta.json").write_text("[]")
    assert_is_chinese(refusal(lambda: TokenCache.open(tmp_path), ChatError))


def test_a_refusal_keeps_what_it_names_beside_what_to_do() -> None:
    said = refusal(lambda: parse_messages([{"role": "bard", "content": "q"}]), ChatError)
    assert (said.code, said.params) == ("unknown_role", {"where": "messages[0].role", "role": "'bard'"})
    assert [after.code for after in said.then] == ["use_known_roles"]


def test_a_refusal_has_its_own_code_where_it_shares_none() -> None:
    with pytest.raises(ChatError) as caught:
        parse_row({"messages": []})
    assert caught.value.code == "no_messages"
    assert str(caught.value) == "'messages' is empty. Add at least one message."
