"""Conversations of other vendors are read as OpenAI's are."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets_app import services
from datasets_app.rows.pages import page_of_rows
from datasets_app.shapes import shape_of
from datasets_app.tokens.tokenising import RawLines, rows_of
from tests.datasets_app import dataset_makers
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import checked, only_fault, recheck
from tests.datasets_app.small_files import SMALL, learned, report_of, said, written

GATE = [("system", "You guard a gate."), ("user", "What is the code word?"), ("assistant", "BLUE-HERON-7")]
TALK = [("user", "q"), ("assistant", "a")]
SYSTEM = [("system", "s"), *TALK]


@pytest.mark.parametrize(
    ("name", "shape", "first"),
    [
        ("shape_gemini.jsonl", "gemini", GATE),
        ("shape_bedrock.jsonl", "messages", GATE),
        ("shape_qianfan.jsonl", "paired_turns", GATE[1:]),
    ],
)
def test_of_the_small_files(name: str, shape: str, first: list[tuple[str, str]]) -> None:
    report = report_of(name)
    assert (report.shape, report.num_rows, report.num_faults, dict(report.unused.counts)) == (shape, 12, 0, {})
    assert said((SMALL / name).read_bytes(), name)[0] == first


def text(words: str) -> list[dict[str, str]]:
    return [{"text": words}]


def gemini(*parts: tuple[str, Any], **more: Any) -> dict[str, Any]:
    return {"contents": [{"role": role, "parts": part} for role, part in parts], **more}


def node(key: str, parent: str | None, role: str, *parts: Any, kind: str = "text", **more: Any) -> dict[str, Any]:
    message = {"author": {"role": role}, "content": {"content_type": kind, "parts": list(parts)}, **more}
    return {"id": key, "parent": parent, "children": [], "message": message}


def export(*nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    mapping: dict[str, Any] = {"root": {"id": "root", "message": None, "parent": None, "children": []}}
    for one in nodes:
        mapping[one["id"]] = one
        mapping[one["parent"]]["children"].append(one["id"])
    return {"title": "A talk", "create_time": 1.5, "mapping": mapping, "conversation_id": "c", **more}


QUESTION = node("1", "root", "user", "q")
GOOD: dict[str, tuple[Any, list[tuple[str, str]]]] = {
    "gemini": (gemini(("user", text("q")), ("model", text("a"))), TALK),
    "gemini, system as text": (gemini(("user", text("q")), ("model", text("a")), systemInstruction="s"), SYSTEM),
    "gemini, snake case": (
        gemini(("user", text("q")), ("model", text("a")), system_instruction={"parts": text("s")}), SYSTEM),
    "gemini, several parts": (gemini(("user", [{"text": "q"}, {"text": "r"}]), ("model", text("a"))),
                              [("user", "qr"), ("assistant", "a")]),
    "gemini, no role": ({"contents": [{"parts": text("q")}, {"role": "model", "parts": text("a")}]}, TALK),
    "gemini, bare": ([{"role": "user", "parts": text("q")}, {"role": "model", "parts": text("a")}], TALK),
    "ai studio": ({"text_input": "q", "output": "a"}, TALK),
    "palm": ({"input_text": "q", "output_text": "a"}, TALK),
    "bedrock": ({"schemaVersion": "bedrock-conversation-2024", "system": text("s"), "messages": [
        {"role": "user", "content": text("q")}, {"role": "assistant", "content": text("a")}]}, SYSTEM),
    "bedrock, empty system": ({"system": [], "messages": [
        {"role": "user", "content": text("q")}, {"role": "assistant", "content": text("a")}]}, TALK),
    "anthropic": ({"system": "s", "messages": [
        {"role": "user", "content": "q"}, {"role": "assistant", "content": [{"type": "text", "text": "a"}]}]}, SYSTEM),
    "anthropic, system in parts": ({"system": [{"type": "text", "text": "s", "cache_control": {}}], "messages": [
        {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}, SYSTEM),
    "openai's responses": ({"messages": [
        {"role": "user", "content": [{"type": "input_text", "text": "q"}]},
        {"role": "assistant", "content": [{"type": "output_text", "text": "a"}]}]}, TALK),
    "qianfan": ([{"prompt": "q", "response": [["a"]]}], TALK),
    "qianfan, rounds": ([{"prompt": "q", "response": [["a"]]}, {"prompt": "r", "response": [["b"]]}],
                        [*TALK, ("user", "r"), ("assistant", "b")]),
    "qianfan, system": ([{"system": "s", "prompt": "q", "response": [["a"]]}], SYSTEM),
    "qianfan, no list around it": ({"prompt": "q", "response": [["a"]]}, TALK),
    "yandexgpt": ({"request": [{"role": "system", "text": "s"}, {"role": "user", "text": "q"}], "response": "a"},
                  SYSTEM),
    "yandexgpt, rounds": ({"request": [{"role": "user", "text": "q"}, {"role": "assistant", "text": "a"},
                                       {"role": "user", "text": "r"}], "response": "b"},
                          [*TALK, ("user", "r"), ("assistant", "b")]),
    "yandexgpt, one text": ({"request": "q", "response": "a"}, TALK),
    "moss": ({"conversation_id": 1, "num_turns": 1, "meta_instruction": "s", "chat": {"turn_1": {
        "Human": "<|Human|>: q<eoh>\n", "Inner Thoughts": "<|Inner Thoughts|>: None<eot>\n",
        "Commands": "<|Commands|>: None<eoc>\n", "Tool Responses": "<|Results|>: None<eor>\n",
        "MOSS": "<|MOSS|>: a<eom>\n"}}}, SYSTEM),
    "moss, eleven rounds": ({"chat": {f"turn_{n}": {"Human": f"q{n}", "MOSS": f"a{n}"} for n in range(1, 12)}},
                            [turn for n in range(1, 12) for turn in (("user", f"q{n}"), ("assistant", f"a{n}"))]),
    "moss, older": ({"prefix": "s", "num_turns": 1, "plain_text": "[Human]: q<eoh>\n[MOSS]: a<eoa>\n"},
                    SYSTEM),
    "chatgpt": (export(QUESTION, node("2", "1", "assistant", "a"), current_node="2"), TALK),
    "chatgpt, no current node": (export(QUESTION, node("2", "1", "assistant", "a")), TALK),
    "chatgpt, blank system": (export(node("0", "root", "system", ""), node("1", "0", "user", "q"),
                                     node("2", "1", "assistant", "a"), current_node="2"), TALK),
    **{f"under {key}": ({key: [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}], "system": "s"},
                        SYSTEM) for key in ("conversation", "conversations", "dialog", "dialogue", "turns", "chat")},
    **{f"shared under {key}": ({key: [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}, TALK)
       for key in ("conversation", "items", "dialog")},
    "pairs under conversations": ({"conversations": [{"user": "q", "assistant": "a"}]}, TALK),
    "messages as text": ({"messages": '[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]'}, TALK),
    "conversations as text": ({"conversations": ' [{"from":"human","value":"q"},{"from":"gpt","value":"a"}]'}, TALK),
    "trl": ({"prompt": [{"role": "user", "content": "q"}],
             "completion": [{"role": "assistant", "content": "a"}]}, TALK),
    "input and output": ({"input": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}],
                          "output": "a"}, SYSTEM),
}  # fmt: skip


@pytest.mark.parametrize("case", GOOD)
def test_is_read(case: str) -> None:
    value, talk = GOOD[case]
    assert said(written([value] * 2)) == [talk] * 2
    pretty = json.dumps([value, value], indent=1).encode()
    assert said(pretty, "a.json") == [talk] * 2
    assert checked(pretty, "a.json").unused.counts == {}


NAMED: dict[str, tuple[Any, str, str]] = {
    # the row, the code of its fault, the place that is named
    "gemini, no answer": (gemini(("user", text("q"))), "no_assistant_message", ""),
    "gemini, an image": (
        gemini(("user", [{"inlineData": {"data": ""}}]), ("model", text("a"))),
        "content_part_unsupported", "contents[0].parts[0]"),
    "gemini, no parts": ({"contents": [{"role": "user"}, {"role": "model", "parts": text("a")}]},
                         "content_missing", "contents[0].parts"),
    "gemini, a text for a message": ({"contents": ["q", {"role": "model", "parts": text("a")}]},
                                     "not_a_message", "contents[0]"),
    "bedrock, a tool": ({"messages": [{"role": "user", "content": [{"toolUse": {}}]}]},
                        "content_not_text", "messages[0].content[0]"),
    "anthropic, a tool": ({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": [
        {"type": "tool_use", "id": "1", "name": "n", "input": {}}]}]},
        "content_part_unsupported", "messages[1].content[0]"),
    "anthropic, a thought": ({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": [
        {"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "a"}]}]},
        "content_part_unsupported", "messages[1].content[0]"),
    "qianfan, ranked": ([{"prompt": "q", "response": [["a"], ["b"]]}], "several_answers", "response"),
    "qianfan, no answer": ([{"prompt": "q", "response": [[""]]}], "empty_answer", "response"),
    "yandexgpt, no question": ({"request": [{"role": "user", "text": ""}], "response": "a"},
                               "empty_question", "request[0].text"),
    "yandexgpt, no text": ({"request": [{"role": "user"}], "response": "a"}, "content_missing", "request[0].content"),
    "moss, no answer": ({"chat": {"turn_1": {"Human": "q"}}}, "content_missing", "chat.turn_1.MOSS"),
    "chatgpt, abandoned": (export(QUESTION, current_node="1"), "no_assistant_message", ""),
    "chatgpt, an image": (
        export(node("1", "root", "user", {"asset_pointer": "x"}, "q", kind="multimodal_text"),
               node("2", "1", "assistant", "a")),
        "content_part_unsupported", "mapping.1[0]"),
    "chatgpt, a circle": (
        {"mapping": {"a": {"parent": "b", "message": None}, "b": {"parent": "a", "message": None}},
         "current_node": "a"}, "no_messages", "messages"),
    "under dialog, no answer": ({"dialog": [{"role": "user", "content": "q"}, {"role": "assistant", "content": ""}]},
                                "empty_answer", "dialog[1].content"),
    "shared under items": ({"items": [{"from": "human", "value": ""}, {"from": "gpt", "value": "a"}]},
                           "empty_question", "items[0].value"),
    "pairs under conversations, no answer": ({"conversations": [{"user": "q", "assistant": ""}]},
                                             "empty_answer", "conversations[0].assistant"),
    "text that is no list": ({"messages": "[{'role': 'user'}]"}, "messages_not_a_list", "messages"),
    "one message a row": ({"role": "user", "content": "q"}, "lone_message", ""),
    "trl, no answer": ({"prompt": [{"role": "user", "content": "q"}], "completion": []}, "no_assistant_message", ""),
}  # fmt: skip


@pytest.mark.parametrize("case", NAMED)
def test_what_cannot_be_learned_is_named_in_the_rows_own_words(case: str) -> None:
    value, code, field = NAMED[case]
    fault = only_fault(written([value]))
    assert (fault.kind, fault.field) == (code, field)


UNUSED: dict[str, tuple[Any, set[str]]] = {
    "gemini": (gemini(("user", text("q")), ("model", [{"text": "h", "thought": 1}, {"text": "a"}]), labels={"x": 1}),
               {"labels", "contents[].parts[].thought"}),
    "under dialog": ({"dialog": [{"role": "user", "content": "q", "mood": "x"}, {"role": "assistant", "content": "a"}]},
                     {"dialog[].mood"}),
    "moss": ({"chat": {"turn_1": {"Human": "q", "Commands": "<|Commands|>: Search(x)<eoc>", "MOSS": "a"}}},
             {"chat.turn.Commands"}),
    "moss, older": ({"plain_text": "Hm [Human]: q<eoh>[MOSS]: a<eoa>"}, {"plain_text (beside the turns)"}),
    "chatgpt": (
        export(QUESTION, node("2", "1", "assistant", "old"), node("3", "1", "assistant", "hm", kind="thoughts"),
               node("4", "3", "assistant", "a"), current_node="4"),
        {"mapping (other branches)", "mapping[].message (thoughts)"}),
    "chatgpt, hidden": (
        export(node("0", "root", "user", "I am Al", metadata={"is_visually_hidden_from_conversation": True}),
               node("1", "0", "user", "q"), node("2", "1", "assistant", "a"), current_node="2"),
        {"mapping[].message (text)"}),
}  # fmt: skip


@pytest.mark.parametrize("case", UNUSED)
def test_what_is_left_out_is_told(case: str) -> None:
    value, names = UNUSED[case]
    assert said(written([value])) == [TALK]
    unused = checked(written([value])).unused
    assert set(unused.counts) == names
    assert {name for name, (kind, _text) in unused.asked.items() if kind == "part"} == names - {
        "labels",
        "dialog[].mood",
    }


def test_what_a_tool_did_divides_no_answer() -> None:
    nodes = (
        node("2", "1", "assistant", "Let me see."),
        {**node("3", "2", "tool"), "message": {"author": {"role": "tool"}, "content": {
            "content_type": "execution_output", "text": "found"}}},
        node("4", "3", "assistant", "a"),
    )  # fmt: skip
    content = written([export(QUESTION, *nodes, current_node="4")])
    assert said(content) == [[("user", "q"), ("assistant", "Let me see.\n\na")]]
    assert set(checked(content).unused.counts) == {"mapping[].message (execution_output)"}


def test_calls_of_functions_are_tool_calls() -> None:
    value = gemini(
        ("user", text("q")),
        ("model", [{"functionCall": {"name": "look", "args": {"x": 1}}}]),
        ("user", [{"functionResponse": {"name": "look", "response": {"y": 2}}}]),
        ("model", text("a")),
        tools=[{"functionDeclarations": [{"name": "look", "parameters": {}}]}],
    )
    [talk] = learned(written([value]))
    assert [message.role for message in talk.messages] == ["user", "assistant", "tool", "assistant"]
    assert talk.messages[1].tool_calls[0]["function"] == {"name": "look", "arguments": '{"x": 1}'}
    assert (talk.messages[2].content, talk.tools[0]["function"]["name"]) == ('{"y": 2}', "look")


@pytest.mark.parametrize("key", ["contents", "request", "chat", "mapping", "plain_text"])
@pytest.mark.parametrize("value", [None, "", [], {}, "text", [1], {"a": 1}, {"turn_1": None}, {"a": {"message": 1}}])
def test_other_uses_of_their_keys_break_nothing(key: str, value: Any) -> None:
    report = checked(written([{key: value, "question": "q", "answer": "a", "response": None}]))
    assert report.num_rows + report.num_faults == 1
    assert shape_of({"question": "q", "answer": "a", key: [1]}) is not None


ODD = st.sampled_from(
    [None, True, 0, -1.5, "", " ", "text", [], {}, [[]], [None], ["a", "b"], {"text": 1}, {"role": []}]
)


def changed(value: Any, path: list[int], odd: Any) -> Any:
    """Return `value` with what stands at `path` replaced, wherever that leads."""
    if not path or not isinstance(value, dict | list) or not value:
        return odd
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    chosen = keys[path[0] % len(keys)]
    rest = changed(value[chosen], path[1:], odd)
    if isinstance(value, dict):
        return {**value, chosen: rest}
    return [*value[:chosen], rest, *value[chosen + 1 :]]


@given(case=st.sampled_from(sorted(GOOD)), path=st.lists(st.integers(0, 9), max_size=7), odd=ODD)
@settings(max_examples=600, deadline=None)
def test_a_row_with_anything_odd_in_it_is_read_or_named(case: str, path: list[int], odd: Any) -> None:
    value = GOOD[case][0]
    report = checked(written([value, value, changed(value, path, odd)]))
    assert report.num_rows + report.num_faults == 3 or report.faults[0].is_kind


@pytest.mark.django_db
@pytest.mark.parametrize("case", ["gemini", "qianfan", "yandexgpt", "chatgpt", "moss", "bedrock"])
def test_goes_the_whole_way(alice: Member, case: str) -> None:
    value, talk = GOOD[case]
    content = written([value] * 3)
    file = dataset_makers.stored(alice.team, content, "talks.jsonl", by=alice.user)
    assert (file.status, file.num_rows) == ("processed", 3)
    shown = [
        view.example.conversation for view in page_of_rows(file).rows if view.example and view.example.conversation
    ]
    block = RawLines(first_line=1, content=content)
    for read in (
        shown,
        [c for _, c in services.read_conversations(file)],
        [c for _, c in rows_of(block, {}, "a.jsonl")],
    ):
        assert [[(m.role, m.content) for m in found.messages] for found in read] == [talk] * 3
    made, _ = services.repair_file(file=file, names=["drop_repeated"], by=alice.user)
    assert recheck(made).num_rows == 1
