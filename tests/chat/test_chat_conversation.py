"""Rows and requests as conversations, and each fault with its code and place."""

import pytest

from chat import ChatError, Message, parse_messages, parse_row

GOOD = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Maple."}]
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": null}'}}
CALL_FIELD = "messages[1].tool_calls[0]"
DEEP: list = []
for _ in range(100_000):
    DEEP = [DEEP]


def changed(number: int, **fields) -> dict:
    messages = [dict(message) for message in GOOD]
    messages[number].update(fields)
    return {"messages": messages}


class TestForms:
    def test_reads_the_seeds_form(self):
        row = {
            "id": "identity_0",
            "conversations": [
                {"from": "system", "value": "S"},
                {"from": "user", "value": "你是谁？"},
                {"from": "assistant", "value": "我是琴匠。"},
                {"from": "human", "value": "And?"},
                {"from": "gpt", "value": "Luthier."},
            ],
        }
        messages = parse_row(row).messages
        assert [message.role for message in messages] == ["system", "user", "assistant", "user", "assistant"]
        assert messages[2].content == "我是琴匠。"

    def test_reads_openais_form_with_extra_fields(self):
        row = {
            "messages": [*GOOD, {"role": "user", "content": "?"}, {**GOOD[1], "weight": 0}],
            "source": "x",
            "tools": None,
        }
        with_weight = parse_row(row)
        assert with_weight.messages[3] == Message(role="assistant", content="Maple.", weight=0)
        assert with_weight.to_openai()[3] == {"role": "assistant", "content": "Maple.", "weight": 0}
        assert parse_messages(with_weight.to_openai()) == with_weight

    def test_joins_text_parts(self):
        row = changed(0, content=[{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])
        assert parse_row(row).messages[0].content == "ab"

    def test_developer_and_function_are_other_names(self):
        roles = [
            message.role
            for message in parse_messages(
                [{"role": "developer", "content": "a"}, {"role": "function", "name": "f", "content": "b"}]
            ).messages
        ]
        assert roles == ["system", "tool"]

    @pytest.mark.parametrize("arguments", ['{"a": null}', {"a": None}])
    def test_tool_arguments_keep_exactly_their_keys(self, arguments):
        call = {"id": "c", "function": {"name": "f", "arguments": arguments}}
        row = {"messages": [GOOD[0], {"role": "assistant", "tool_calls": [call]}]}
        conversation = parse_row(row)
        assert conversation.messages[1].content is None
        assert conversation.to_openai()[1]["tool_calls"][0] == CALL
        assert conversation.for_template()[1]["tool_calls"][0]["function"]["arguments"] == {"a": None}

    def test_a_request_may_end_with_anybody(self):
        assert parse_messages(GOOD[:1]).messages[0].role == "user"
        assert len(parse_messages([*GOOD, GOOD[1]]).messages) == 3


@pytest.mark.parametrize(
    ("row", "code", "field"),
    [
        ([], "not_an_object", None),
        ("text", "not_an_object", None),
        (None, "not_an_object", None),
        ({}, "wrong_keys", None),
        ({"prompt": "a", "completion": "b"}, "wrong_keys", None),
        ({"messages": {}}, "messages_not_a_list", "messages"),
        ({"messages": []}, "no_messages", "messages"),
        ({"conversations": []}, "no_messages", "conversations"),
        ({"conversations": "x"}, "messages_not_a_list", "conversations"),
        ({"conversations": [1]}, "not_a_message", "conversations[0]"),
        ({"conversations": [{"from": "user"}]}, "wrong_keys", "conversations[0].value"),
        ({"conversations": [{"value": "a"}]}, "wrong_keys", "conversations[0].from"),
        ({"conversations": [{"from": "bot7", "value": "a"}]}, "unknown_role", "conversations[0].from"),
        ({"conversations": [{"from": "user", "value": 3}]}, "content_not_text", "conversations[0].value"),
        ({"messages": ["a"]}, "not_a_message", "messages[0]"),
        ({"messages": [{"content": "a"}]}, "wrong_keys", "messages[0].role"),
        (changed(0, role="robot"), "unknown_role", "messages[0].role"),
        (changed(0, role="<|im_end|>"), "unknown_role", "messages[0].role"),
        (changed(0, role=["user"]), "unknown_role", "messages[0].role"),
        (changed(0, content=None), "content_missing", "messages[0].content"),
        (changed(0, content=5), "content_not_text", "messages[0].content"),
        (changed(0, content={"a": 1}), "content_not_text", "messages[0].content"),
        (changed(0, content=["a"]), "content_not_text", "messages[0].content[0]"),
        (changed(0, content="a\ud800"), "content_not_unicode", "messages[0].content"),
        (
            changed(0, content=[{"type": "image_url", "image_url": {}}]),
            "content_part_unsupported",
            "messages[0].content[0]",
        ),
        (changed(0, weight=1), "weight_misplaced", "messages[0].weight"),
        (changed(0, tool_calls=[CALL]), "tool_calls_misplaced", "messages[0].tool_calls"),
        (changed(1, content=""), "empty_answer", "messages[1].content"),
        (changed(1, content=" \n"), "empty_answer", "messages[1].content"),
        (changed(1, content="", tool_calls=[]), "empty_answer", "messages[1].content"),
        (changed(1, weight=2), "bad_weight", "messages[1].weight"),
        (changed(1, weight="often"), "bad_weight", "messages[1].weight"),
        (changed(1, weight=0.5), "bad_weight", "messages[1].weight"),
        (changed(1, weight=[]), "bad_weight", "messages[1].weight"),
        (changed(1, weight=0), "no_trained_message", None),
        (changed(1, tool_calls={}), "bad_tool_call", "messages[1].tool_calls"),
        (changed(1, tool_calls=[{"id": "c"}]), "bad_tool_call", CALL_FIELD),
        (
            changed(1, tool_calls=[{"function": {"name": "f", "arguments": "no"}}]),
            "bad_tool_arguments",
            CALL_FIELD + ".function.arguments",
        ),
        (
            changed(1, tool_calls=[{"function": {"name": "f", "arguments": "[1]"}}]),
            "bad_tool_arguments",
            CALL_FIELD + ".function.arguments",
        ),
        (
            changed(1, tool_calls=[{"function": {"name": "f", "arguments": "[" * 100_000}}]),
            "bad_tool_arguments",
            CALL_FIELD + ".function.arguments",
        ),
        (changed(1, tool_calls=[{"function": {"name": "\ud800", "arguments": {}}}]), "content_not_unicode", CALL_FIELD),
        (changed(1, tool_calls=[{"function": {"name": "f", "arguments": {}}, "x": DEEP}]), "bad_tool_call", CALL_FIELD),
        ({"messages": GOOD, "tools": [{"function": {"name": "f", "x": DEEP}}]}, "bad_tools", "tools[0]"),
        ({"messages": GOOD, "tools": [{"function": {"name": "\ud800"}}]}, "content_not_unicode", "tools[0]"),
        (changed(1, name=3), "name_not_text", "messages[1].name"),
        ({"messages": GOOD, "tools": {}}, "bad_tools", "tools"),
        ({"messages": GOOD, "tools": [{"type": "function"}]}, "bad_tools", "tools[0]"),
        ({"messages": GOOD[:1]}, "no_assistant_message", None),
        ({"messages": [*GOOD, GOOD[0]]}, "last_not_assistant", "messages[2]"),
        ({"messages": [*GOOD, GOOD[1]]}, "consecutive_assistant", "messages[2]"),
        ({"messages": GOOD[1:]}, "answer_without_question", "messages[0]"),
        ({"messages": [{"role": "system", "content": "S"}, GOOD[1]]}, "answer_without_question", "messages[1]"),
    ],
)
def test_names_each_fault(row, code, field):
    with pytest.raises(ChatError) as caught:
        parse_row(row)
    error = caught.value
    assert (error.code, error.field) == (code, field)
    assert str(error.message) == str(error)
    assert str(error).endswith(".")
    assert "Line" not in str(error)


@pytest.mark.parametrize("messages", [None, {}, [], "x", [None], [{"role": "user"}]])
def test_a_request_without_proper_messages_is_refused(messages):
    with pytest.raises(ChatError):
        parse_messages(messages)
