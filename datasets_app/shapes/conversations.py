"""Rows that hold a conversation: OpenAI's messages, the seed's conversations, ShareGPT's variants, paired turns."""

import json
from collections.abc import Mapping
from typing import Any

from chat.parsing import MASKS, SYSTEMS
from datasets_app.formats.raw_json import is_message
from datasets_app.messages import message
from datasets_app.shapes.base import Columns, Row, Shape, Turned, has, only_answer, text_of
from datasets_app.shapes.unused import OTHER_LISTS

CALLS = ("function_call", "tool_call")


def _is_list(row: Row, key: str) -> bool:
    return isinstance(row.get(key), list)


def _messages(row: Row, columns: Columns) -> Turned:
    """Return OpenAI's row; its older `functions` and `function_call` become tools and tool_calls."""
    row.get("schemaVersion")  # Bedrock's, which says no more than what the row is
    if "functions" not in row and not _has_old_calls(row["messages"]):
        return Turned(value=row)
    value = {key: row[key] for key in ("tools", *SYSTEMS) if key in row}
    if _is_list(row, "functions") and "tools" not in row:
        value["tools"] = [{"type": "function", "function": function} for function in row["functions"]]
    value["messages"] = _with_new_calls(row["messages"])
    return Turned(value=value)


def _has_old_calls(messages: Any) -> bool:
    return isinstance(messages, list) and any(
        isinstance(turn, Mapping) and turn.get("function_call") is not None for turn in messages
    )


def _with_new_calls(messages: Any) -> Any:
    if not isinstance(messages, list):
        return messages
    found: list[Any] = []
    for number, turn in enumerate(messages):
        if isinstance(turn, Mapping) and isinstance(turn.get("function_call"), Mapping):
            call = {"id": f"call_{number}", "type": "function", "function": turn["function_call"]}
            rest = {key: part for key, part in turn.items() if key != "function_call"}
            turn = rest | {"tool_calls": [call]}
        found.append(turn)
    return found


def _conversations(row: Row, columns: Columns) -> Turned:
    """Return the seed's and ShareGPT's `from`/`value` turns, with a system prompt and tools beside them."""
    turns = row["conversations"]
    if isinstance(turns, list) and len(turns) > 1 and all(isinstance(turn, str) for turn in turns):
        return _in_turn(turns)
    if _has_messages(turns, "role"):
        return _of_list(row, "conversations")
    if isinstance(turns, list) and turns and isinstance(turns[0], Mapping) and not {"from", "value"} & turns[0].keys():
        return _pairs(row, "conversations")
    system = next(({key: text} for key in SYSTEMS if (text := text_of(row, key)) not in ("", [])), {})
    extra = system or row.get("tools")
    if not extra and not _has_call(turns):
        return Turned(value={"conversations": turns} | ({"tools": row["tools"]} if row.get("tools") else {}))
    messages = [_turn(turn, number) for number, turn in enumerate(turns)] if isinstance(turns, list) else turns
    value: dict[str, Any] = {"messages": messages, **system}
    if tools := _tools(row.get("tools")):
        value["tools"] = tools
    places = {}
    for number in range(len(messages) if isinstance(messages, list) else 0):
        places[f"messages[{number}]"] = f"conversations[{number}]"
        places[f"messages[{number}].content"] = f"conversations[{number}].value"
        places[f"messages[{number}].role"] = f"conversations[{number}].from"
    return Turned(value=value, places=places)


def _in_turn(turns: list[str]) -> Turned:
    """Return texts that are said by the user and the assistant in turn, as LIMA writes them."""
    messages = [{"role": ("user", "assistant")[number % 2], "content": said} for number, said in enumerate(turns)]
    places = {f"messages[{number}]": f"conversations[{number}]" for number in range(len(turns))}
    places |= {f"messages[{number}].content": f"conversations[{number}]" for number in range(len(turns))}
    return Turned(value={"messages": messages}, places=places)


def _has_call(turns: Any) -> bool:
    return isinstance(turns, list) and any(isinstance(t, Mapping) and t.get("from") in CALLS for t in turns)


def _turn(turn: Any, number: int) -> Any:
    if not isinstance(turn, Mapping):
        return turn
    kept = {key: turn[key] for key in ("name", *MASKS) if key in turn}
    if turn.get("from") in CALLS:
        return kept | {"role": "assistant", "content": None, "tool_calls": _calls(turn.get("value"), number)}
    renamed = {new: turn[old] for old, new in (("from", "role"), ("value", "content")) if old in turn}
    return kept | renamed


def _calls(value: Any, number: int) -> Any:
    """Return tool calls of a `function_call` turn, whose value is one {"name", "arguments"} or a list of them."""
    try:
        parsed = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return value
    calls = parsed if isinstance(parsed, list) else [parsed]
    return [
        {"id": f"call_{number}_{n}", "type": "function", "function": call} if isinstance(call, Mapping) else call
        for n, call in enumerate(calls)
    ]


def _tools(value: Any) -> Any:
    """Return tools as OpenAI writes them, from a list or from JSON text of one."""
    if isinstance(value, str):
        if not value.strip():
            return None
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return value
    if not isinstance(value, list):
        return value
    return [
        {"type": "function", "function": tool} if isinstance(tool, Mapping) and "function" not in tool else tool
        for tool in value
    ]


def _has_messages(turns: Any, *keys: str) -> bool:
    return isinstance(turns, list) and any(is_message(turn) and any(key in turn for key in keys) for turn in turns)


def _list_key(row: Row) -> str:
    return next((key for key in OTHER_LISTS if _has_messages(row.get(key), "role", "from")), "")


def _listed(row: Row, columns: Columns) -> Turned:
    return _of_list(row, _list_key(row))


def _of_list(row: Row, key: str) -> Turned:
    """Return messages that are under another key, in OpenAI's words or in ShareGPT's."""
    messages: list[Any] = []
    places: dict[str, str] = {}
    for number, turn in enumerate(_with_new_calls(row[key])):
        is_shared = isinstance(turn, Mapping) and "from" in turn and "role" not in turn
        messages.append(_turn(turn, number) if is_shared else turn)
        places[f"messages[{number}]"] = f"{key}[{number}]"
        if is_shared:
            places[f"messages[{number}].content"] = f"{key}[{number}].value"
            places[f"messages[{number}].role"] = f"{key}[{number}].from"
    beside = {name: row.get(name) for name in SYSTEMS} | {"tools": _tools(row.get("tools"))}
    return Turned(value={"messages": messages, **beside}, places=places)


def _paired(row: Row, columns: Columns) -> Turned:
    return _pairs(row, "conversation")


def _pairs(row: Row, key: str) -> Turned:
    """Return turns that hold question and answer in one object: {"conversation": [{"human", "assistant"}]}."""
    messages: list[Any] = []
    places: dict[str, str] = {}
    if system := text_of(row, "system"):
        messages.append({"role": "system", "content": system})
    for number, pair in enumerate(row[key]):
        if not isinstance(pair, Mapping):
            messages.append(pair)
            continue
        for role, keys in (
            ("user", ("human", "user", "question", "prompt", "input")),
            ("assistant", ("assistant", "gpt", "bot", "answer", "response", "output")),
        ):
            part = next((name for name in keys if name in pair), keys[0])
            place = f"{key}[{number}].{part}"
            places[f"messages[{len(messages)}].content"] = place
            content = only_answer(pair.get(part), place) if role == "assistant" else pair.get(part)
            messages.append({"role": role, "content": content})
    return Turned(value={"messages": messages}, places=places)


SHAPES = (
    Shape(name="messages", use="chat", words=message("shape_messages"),
          fits=has("messages"), turn=_messages),
    Shape(name="conversations", use="chat", words=message("shape_conversations"),
          fits=has("conversations"), turn=_conversations),
    Shape(name="listed_messages", use="chat", words=message("shape_listed_messages"),
          fits=lambda row: bool(_list_key(row)), turn=_listed),
    Shape(name="paired_turns", use="chat", words=message("shape_paired_turns"),
          fits=lambda row: _is_list(row, "conversation"), turn=_paired),
)  # fmt: skip
