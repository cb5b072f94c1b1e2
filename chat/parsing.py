"""Reads one JSON value as a conversation, or says in one sentence why it is none."""

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from chat.conversation import Conversation, Message
from chat.errors import ChatError

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
}
MASKS = ("weight", "loss", "loss_weight", "train", "masked")
"""The field's names for "is this message learned": 1, true or "true" say yes, 0, false or "false" no; `masked` says the
opposite."""
_YES, _NO = ("1", "1.0", "true", "yes"), ("0", "0.0", "false", "no")
SYSTEMS = ("system", "system_prompt")
"""Keys beside the messages that hold the system message."""
_TEXT_PARTS = ("text", "input_text", "output_text", None)
"""What vendors call a part that is text; some do not say."""
_OTHER_PARTS = ("image_url", "image", "input_audio", "audio", "video", "file", "document", "tool_use", "tool_result",
                "thinking", "redacted_thinking", "reasoning")  # fmt: skip
KNOWN_ROLES = "system, user, assistant (or human, gpt) and tool"


def parse_row(value: object) -> Conversation:
    """Read one training example: `{"conversations": [{"from", "value"}]}` or OpenAI's `{"messages": [...]}`.

    Raises ChatError; its message leaves out the line, which the caller knows.
    """
    if not isinstance(value, Mapping):
        raise ChatError(
            f"The row is {_kind(value)}, not a JSON object. "
            'Write each example as {"messages": [...]} or {"conversations": [...]}.',
            code="not_an_object",
        )
    if "messages" in value:
        messages = _messages(value["messages"], "messages")
        tools = _tools(value.get("tools"))
    elif "conversations" in value:
        messages = _seed_messages(value["conversations"])
        tools = _tools(value.get("tools"))
    else:
        raise _wrong_keys(value)
    _check_training(messages)
    return Conversation(messages=_with_system(messages, value), tools=tools)


def _with_system(messages: tuple[Message, ...], row: Mapping[Any, Any]) -> tuple[Message, ...]:
    """Put the system prompt that stands beside the messages before them; one of their own must say the same."""
    for key in SYSTEMS:
        text = row.get(key)
        if text in (None, "", []):
            continue
        content = _content(text, "system", False, key)
        if messages[0].role != "system":
            return (Message(role="system", content=content), *messages)
        if messages[0].content != content:
            raise ChatError(
                f"The row has two system prompts: '{key}', and the first message, which says something else. Keep one.",
                code="two_system_prompts",
                field=key,
            )
    return messages


def parse_messages(messages: object, tools: object = None) -> Conversation:
    """Read the messages of a request; the last may be anybody's. Raises ChatError."""
    return Conversation(messages=_messages(messages, "messages"), tools=_tools(tools))


def _wrong_keys(value: Mapping[Any, Any]) -> ChatError:
    names = ", ".join(repr(str(key)[:40]) for key in list(value)[:5]) or "no keys at all"
    return ChatError(
        f"The row has neither 'messages' nor 'conversations', but {names}. "
        'Write each example as {"messages": [{"role", "content"}]} or {"conversations": [{"from", "value"}]}.',
        code="wrong_keys",
    )


def _messages(value: object, where: str) -> tuple[Message, ...]:
    return tuple(_message(item, f"{where}[{number}]") for number, item in enumerate(_items(value, where)))


def _items(value: object, where: str) -> Sequence[object]:
    if not isinstance(value, list | tuple):
        raise ChatError(
            f"'{where}' is {_kind(value)}, not a list of messages.", code="messages_not_a_list", field=where
        )
    if not value:
        raise ChatError(f"'{where}' is empty. Add at least one message.", code="no_messages", field=where)
    return value


def _seed_messages(value: object) -> tuple[Message, ...]:
    messages = []
    for number, item in enumerate(_items(value, "conversations")):
        where = f"conversations[{number}]"
        if not isinstance(item, Mapping):
            raise _not_a_message(item, where, "from", "value")
        for key in ("from", "value"):
            if key not in item:
                raise ChatError(f"{where} has no '{key}'.", code="wrong_keys", field=f"{where}.{key}")
        renamed = {key: item[key] for key in ("name", *MASKS) if key in item}
        messages.append(_checked(renamed | {"role": item["from"], "content": item["value"]}, where, "from", "value"))
    return tuple(messages)


def _message(item: object, where: str) -> Message:
    if not isinstance(item, Mapping):
        raise _not_a_message(item, where, "role", "content")
    if "role" not in item:
        raise ChatError(f"{where} has no 'role'. Use {KNOWN_ROLES}.", code="wrong_keys", field=f"{where}.role")
    return _checked(item, where, "role", "content")


def _not_a_message(item: object, where: str, first: str, second: str) -> ChatError:
    return ChatError(
        f"{where} is {_kind(item)}, not an object with '{first}' and '{second}'.", code="not_a_message", field=where
    )


def _checked(item: Mapping[Any, Any], where: str, role_key: str, content_key: str) -> Message:
    role = _role(item["role"], f"{where}.{role_key}")
    calls = _tool_calls(item.get("tool_calls"), f"{where}.tool_calls")
    if calls and role != "assistant":
        raise ChatError(
            f"{where} is the {role}'s, and only an assistant's message may hold tool_calls.",
            code="tool_calls_misplaced",
            field=f"{where}.tool_calls",
        )
    return Message(
        role=role,
        content=_content(item.get("content"), role, bool(calls), f"{where}.{content_key}"),
        tool_calls=calls,
        tool_call_id=_optional_text(item, "tool_call_id", where),
        name=_optional_text(item, "name", where),
        weight=_mask(item, role, where),
    )


def _role(value: object, field: str) -> str:
    if isinstance(value, str) and value in ROLES:
        return ROLES[value]
    shown = repr(value[:40]) if isinstance(value, str) else _kind(value)
    raise ChatError(f"{field} is {shown}, which is no role. Use {KNOWN_ROLES}.", code="unknown_role", field=field)


def _content(value: object, role: str, has_calls: bool, field: str) -> str | None:
    if isinstance(value, list):
        value = _joined_parts(value, field)
    if value is None:
        if has_calls:
            return None
        raise ChatError(f"{field} is missing. Every message needs its text.", code="content_missing", field=field)
    if not isinstance(value, str):
        raise ChatError(f"{field} is {_kind(value)}, not text.", code="content_not_text", field=field)
    if role == "assistant" and not value.strip() and not has_calls:
        raise ChatError(
            f"{field} is an empty answer of the assistant. Write the answer or remove the message.",
            code="empty_answer",
            field=field,
        )
    if not value.isascii():
        _check_unicode(value, field)
    return value


def _check_unicode(value: str, field: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ChatError(
            f"{field} holds half a character (a lone surrogate) at position {error.start}. Save the file as UTF-8.",
            code="content_not_unicode",
            field=field,
        ) from error


def _joined_parts(parts: list[object], field: str) -> str:
    texts = []
    for number, part in enumerate(parts):
        where = f"{field}[{number}]"
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind in _OTHER_PARTS:
            raise ChatError(
                f"{where} is of type {kind!r}. Only text can be trained on or answered here.",
                code="content_part_unsupported",
                field=where,
            )
        text = part.get("text") if isinstance(part, Mapping) else None
        if kind not in _TEXT_PARTS or not isinstance(text, str):
            raise ChatError(
                f'{where} is not a text part. Write {{"type": "text", "text": "..."}}.',
                code="content_not_text",
                field=where,
            )
        texts.append(text)
    return "".join(texts)


def _optional_text(item: Mapping[Any, Any], key: str, where: str) -> str | None:
    value = item.get(key)
    if value is None or isinstance(value, str):
        if value:
            _check_unicode(value, f"{where}.{key}")
        return value
    raise ChatError(f"{where}.{key} is {_kind(value)}, not text.", code=f"{key}_not_text", field=f"{where}.{key}")


def _mask(item: Mapping[Any, Any], role: str, where: str) -> int | None:
    """Return 1 or 0 as the message's masks say, None where it has none; they must agree."""
    found: int | None = None
    for key in MASKS:
        if item.get(key) is None:
            continue
        weight = _weight(item[key], role, f"{where}.{key}", is_inverted=key == "masked")
        if found is not None and weight is not None and found != weight:
            raise ChatError(
                f"{where} says in two ways whether it is learned, and they differ. Keep one of them.",
                code="bad_weight",
                field=f"{where}.{key}",
            )
        found = weight if weight is not None else found
    return found


def _weight(value: object, role: str, field: str, *, is_inverted: bool) -> int | None:
    word = f"{value + 0:g}" if isinstance(value, float) else str(value).strip().lower()
    if word not in (*_YES, *_NO):
        shown = str(value)[:40] if isinstance(value, int | float | str) else _kind(value)
        raise ChatError(
            f"{field} is {shown}, but a weight is 0 (do not learn) or 1 (learn).", code="bad_weight", field=field
        )
    is_learned = (word in _YES) != is_inverted
    if role != "assistant" and not is_learned:
        return None  # many files say of every question that it is not learned
    if role != "assistant":
        raise ChatError(
            f"{field} stands on a message of the {role}, but only an assistant's message is learned.",
            code="weight_misplaced",
            field=field,
        )
    return int(is_learned)


def _tool_calls(value: object, field: str) -> tuple[dict[str, Any], ...]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise ChatError(f"{field} is {_kind(value)}, not a list.", code="bad_tool_call", field=field)
    return tuple(_tool_call(call, f"{field}[{number}]") for number, call in enumerate(value))


def _tool_call(call: object, where: str) -> dict[str, Any]:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(call, Mapping) or not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise ChatError(
            f'{where} is no tool call. Write {{"id", "type": "function", "function": {{"name", "arguments"}}}}.',
            code="bad_tool_call",
            field=where,
        )
    arguments = _arguments(function.get("arguments"), f"{where}.function.arguments")
    _check_json_text(call, where, "bad_tool_call")
    return {"type": "function"} | dict(call) | {"function": dict(function) | {"arguments": arguments}}


def _arguments(value: object, field: str) -> str:
    """Return the arguments as JSON text; their keys stay exactly as they are."""
    try:
        if isinstance(value, Mapping):
            return json.dumps(value, ensure_ascii=False)
        if isinstance(value, str) and isinstance(json.loads(value), dict):
            return value
    except (ValueError, TypeError, RecursionError):
        pass
    raise ChatError(f"{field} is not a JSON object.", code="bad_tool_arguments", field=field)


def _tools(value: object) -> tuple[dict[str, Any], ...]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise ChatError(f"'tools' is {_kind(value)}, not a list.", code="bad_tools", field="tools")
    for number, tool in enumerate(value):
        function = tool.get("function") if isinstance(tool, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            raise ChatError(
                f'tools[{number}] is no tool. Write {{"type": "function", "function": {{"name": ...}}}}.',
                code="bad_tools",
                field=f"tools[{number}]",
            )
        _check_json_text(tool, f"tools[{number}]", "bad_tools")
    return tuple(dict(tool) for tool in value)


def _check_json_text(value: object, field: str, code: str) -> None:
    """Refuse what no template could write: deeper than Python reads, no JSON, or half characters."""
    try:
        written = json.dumps(value, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise ChatError(f"{field} is nested too deeply or is no JSON.", code=code, field=field) from error
    _check_unicode(written, field)


def _check_training(messages: tuple[Message, ...]) -> None:
    """Refuse what cannot be learned from: it must end in an answer, and one answer must count."""
    for number, message in enumerate(messages):
        if message.role == "user" and not (message.content or "").strip():
            raise ChatError(
                f"messages[{number}] is an empty message of the user. Write it or remove the line.",
                code="empty_question",
                field=f"messages[{number}].content",
            )
    answers = [number for number, message in enumerate(messages) if message.role == "assistant"]
    if not answers:
        raise ChatError(
            "The conversation has no assistant message. Add one or remove the line.", code="no_assistant_message"
        )
    last = len(messages) - 1
    if answers[-1] != last:
        raise ChatError(
            f"The last message is the {messages[-1].role}'s, but a training example ends with the assistant's answer. "
            "Add the answer or remove the message.",
            code="last_not_assistant",
            field=f"messages[{last}]",
        )
    for before, after in itertools.pairwise(answers):
        if after == before + 1:
            raise ChatError(
                f"Messages {before + 1} and {after + 1} are both the assistant's. Join them or put a user's between.",
                code="consecutive_assistant",
                field=f"messages[{after}]",
            )
    _check_something_trained(messages, answers)


def _check_something_trained(messages: tuple[Message, ...], answers: list[int]) -> None:
    trained = [number for number in answers if messages[number].is_trained]
    if not trained:
        raise ChatError(
            "Every assistant message has weight 0, so there is nothing to learn. Set one to 1 or remove the line.",
            code="no_trained_message",
        )
    if all(message.role not in ("user", "tool") for message in messages[: trained[0]]):
        raise ChatError(
            "The assistant speaks before any user. Add the question, or give that answer the weight 0.",
            code="answer_without_question",
            field=f"messages[{trained[0]}]",
        )


def _kind(value: object) -> str:
    names = {type(None): "null", bool: "true or false", str: "text", list: "a list", dict: "an object"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else type(value).__name__)
