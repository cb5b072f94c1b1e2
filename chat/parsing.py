"""Reads one JSON value as a conversation, or says in one sentence why it is none."""

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from chat.conversation import Conversation, Message, Tool, ToolCall
from chat.errors import ChatError
from chat.messages import message
from wording import Message as Said

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
_KINDS: tuple[tuple[type, Said | str], ...] = (
    (type(None), "null"), (bool, message("json_true_or_false")), (str, message("json_text")),
    (list, message("json_list")), (dict, message("json_object")), (int, message("json_number")),
    (float, message("json_number")),
)  # fmt: skip


def parse_row(value: object) -> Conversation:
    """Read one training example: `{"conversations": [{"from", "value"}]}` or OpenAI's `{"messages": [...]}`.

    Raises ChatError; its message leaves out the line, which the caller knows.
    """
    if not isinstance(value, Mapping):
        raise ChatError(
            message("row_not_an_object", kind=_kind(value)).followed_by(message("write_messages_or_conversations")),
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
    """Put the system prompt that is given beside the messages before them; one of their own must say the same."""
    for key in SYSTEMS:
        text = row.get(key)
        if text in (None, "", []):
            continue
        content = _content(text, "system", False, key)
        if messages[0].role != "system":
            return (Message(role="system", content=content), *messages)
        if messages[0].content != content:
            raise ChatError(message("two_system_prompts", key=key).followed_by(message("keep_one")), field=key)
    return messages


def parse_messages(messages: object, tools: object = None) -> Conversation:
    """Read the messages of a request; the last may be anybody's. Raises ChatError."""
    return Conversation(messages=_messages(messages, "messages"), tools=_tools(tools))


def _wrong_keys(value: Mapping[Any, Any]) -> ChatError:
    keys = [repr(str(key)[:40]) for key in list(value)[:5]] or message("no_keys_at_all")
    return ChatError(
        message("row_without_messages", keys=keys).followed_by(message("write_keys_of_messages")), code="wrong_keys"
    )


def _messages(value: object, where: str) -> tuple[Message, ...]:
    return tuple(_message(item, f"{where}[{number}]") for number, item in enumerate(_items(value, where)))


def _items(value: object, where: str) -> Sequence[object]:
    if not isinstance(value, list | tuple):
        raise ChatError(
            message("not_a_list_of_messages", where=where, kind=_kind(value)), code="messages_not_a_list", field=where
        )
    if not value:
        raise ChatError(message("no_messages", where=where).followed_by(message("add_a_message")), field=where)
    return value


def _seed_messages(value: object) -> tuple[Message, ...]:
    messages = []
    for number, item in enumerate(_items(value, "conversations")):
        where = f"conversations[{number}]"
        if not isinstance(item, Mapping):
            raise _not_a_message(item, where, "from", "value")
        for key in ("from", "value"):
            if key not in item:
                raise ChatError(message("key_missing", where=where, key=key), code="wrong_keys", field=f"{where}.{key}")
        renamed = {key: item[key] for key in ("name", *MASKS) if key in item}
        messages.append(_checked(renamed | {"role": item["from"], "content": item["value"]}, where, "from", "value"))
    return tuple(messages)


def _message(item: object, where: str) -> Message:
    if not isinstance(item, Mapping):
        raise _not_a_message(item, where, "role", "content")
    if "role" not in item:
        missing = message("key_missing", where=where, key="role").followed_by(message("use_known_roles"))
        raise ChatError(missing, code="wrong_keys", field=f"{where}.role")
    return _checked(item, where, "role", "content")


def _not_a_message(item: object, where: str, first: str, second: str) -> ChatError:
    return ChatError(
        message("message_not_an_object", where=where, kind=_kind(item), role=first, content=second),
        code="not_a_message",
        field=where,
    )


def _checked(item: Mapping[Any, Any], where: str, role_key: str, content_key: str) -> Message:
    role = _role(item["role"], f"{where}.{role_key}")
    calls = _tool_calls(item.get("tool_calls"), f"{where}.tool_calls")
    if calls and role != "assistant":
        raise ChatError(
            message("tool_calls_of_another", where=where, role=role),
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
    raise ChatError(
        message("unknown_role", where=field, role=shown).followed_by(message("use_known_roles")), field=field
    )


def _content(value: object, role: str, has_calls: bool, field: str) -> str | None:
    if isinstance(value, list):
        value = _joined_parts(value, field)
    if value is None:
        if has_calls:
            return None
        raise ChatError(message("content_missing", where=field).followed_by(message("write_every_text")), field=field)
    if not isinstance(value, str):
        raise ChatError(message("not_text", where=field, kind=_kind(value)), code="content_not_text", field=field)
    if role == "assistant" and not value.strip() and not has_calls:
        raise ChatError(message("empty_answer", where=field).followed_by(message("write_the_answer")), field=field)
    if not value.isascii():
        _check_unicode(value, field)
    return value


def _check_unicode(value: str, field: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ChatError(
            message("half_a_character", where=field, position=error.start).followed_by(message("save_file_as_utf8")),
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
                message("part_not_text", where=where, type=repr(kind)).followed_by(message("only_text_is_taken")),
                code="content_part_unsupported",
                field=where,
            )
        text = part.get("text") if isinstance(part, Mapping) else None
        if kind not in _TEXT_PARTS or not isinstance(text, str):
            raise ChatError(
                message("not_a_text_part", where=where).followed_by(message("write_a_text_part")),
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
    where = f"{where}.{key}"
    raise ChatError(message("not_text", where=where, kind=_kind(value)), code=f"{key}_not_text", field=where)


def _mask(item: Mapping[Any, Any], role: str, where: str) -> int | None:
    """Return 1 or 0 as the message's masks say, None where it has none; they must agree."""
    found: int | None = None
    for key in MASKS:
        if item.get(key) is None:
            continue
        weight = _weight(item[key], role, f"{where}.{key}", is_inverted=key == "masked")
        if found is not None and weight is not None and found != weight:
            raise ChatError(
                message("weights_differ", where=where).followed_by(message("keep_one_of_them")),
                code="bad_weight",
                field=f"{where}.{key}",
            )
        found = weight if weight is not None else found
    return found


def _weight(value: object, role: str, field: str, *, is_inverted: bool) -> int | None:
    word = f"{value + 0:g}" if isinstance(value, float) else str(value).strip().lower()
    if word not in (*_YES, *_NO):
        shown = str(value)[:40] if isinstance(value, int | float | str) else _kind(value)
        raise ChatError(message("not_a_weight", where=field, value=shown), code="bad_weight", field=field)
    is_learned = (word in _YES) != is_inverted
    if role != "assistant" and not is_learned:
        return None  # many files say of every question that it is not learned
    if role != "assistant":
        raise ChatError(message("weight_of_another", where=field, role=role), code="weight_misplaced", field=field)
    return int(is_learned)


def _tool_calls(value: object, field: str) -> tuple[ToolCall, ...]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise ChatError(message("not_a_list", where=field, kind=_kind(value)), code="bad_tool_call", field=field)
    return tuple(_tool_call(call, f"{field}[{number}]") for number, call in enumerate(value))


def _tool_call(call: object, where: str) -> ToolCall:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(call, Mapping) or not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise ChatError(
            message("not_a_tool_call", where=where).followed_by(message("write_a_tool_call")),
            code="bad_tool_call",
            field=where,
        )
    arguments = _arguments(function.get("arguments"), f"{where}.function.arguments")
    _check_json_text(call, where, "bad_tool_call")
    read = {"type": "function"} | dict(call) | {"function": dict(function) | {"arguments": arguments}}
    return cast(ToolCall, read)


def _arguments(value: object, field: str) -> str:
    """Return the arguments as JSON text; their keys stay exactly as they are."""
    try:
        if isinstance(value, Mapping):
            return json.dumps(value, ensure_ascii=False)
        if isinstance(value, str) and isinstance(json.loads(value), dict):
            return value
    except (ValueError, TypeError, RecursionError):
        pass
    raise ChatError(message("not_a_json_object", where=field), code="bad_tool_arguments", field=field)


def _tools(value: object) -> tuple[Tool, ...]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise ChatError(message("not_a_list", where="'tools'", kind=_kind(value)), code="bad_tools", field="tools")
    for number, tool in enumerate(value):
        function = tool.get("function") if isinstance(tool, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            raise ChatError(
                message("not_a_tool", where=f"tools[{number}]").followed_by(message("write_a_tool")),
                code="bad_tools",
                field=f"tools[{number}]",
            )
        _check_json_text(tool, f"tools[{number}]", "bad_tools")
    return tuple(cast(Tool, dict(tool)) for tool in value)


def _check_json_text(value: object, field: str, code: str) -> None:
    """Refuse what no template could write: deeper than Python reads, no JSON, or half characters."""
    try:
        written = json.dumps(value, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise ChatError(message("too_deep_or_not_json", where=field), code=code, field=field) from error
    _check_unicode(written, field)


def _check_training(messages: tuple[Message, ...]) -> None:
    """Refuse what cannot be learned from: it must end in an answer, and one answer must count."""
    for number, turn in enumerate(messages):
        if turn.role == "user" and not (turn.content or "").strip():
            where = f"messages[{number}]"
            empty = message("empty_question", where=where).followed_by(message("write_it_or_remove_line"))
            raise ChatError(empty, field=f"{where}.content")
    answers = [number for number, turn in enumerate(messages) if turn.role == "assistant"]
    if not answers:
        raise ChatError(message("no_assistant_message").followed_by(message("add_one_or_remove_line")))
    last = len(messages) - 1
    if answers[-1] != last:
        raise ChatError(
            message("last_not_assistant", role=messages[-1].role).followed_by(message("add_the_answer")),
            field=f"messages[{last}]",
        )
    for before, after in itertools.pairwise(answers):
        if after == before + 1:
            both = message("consecutive_assistant", first=before + 1, second=after + 1)
            raise ChatError(both.followed_by(message("join_the_answers")), field=f"messages[{after}]")
    _check_something_trained(messages, answers)


def _check_something_trained(messages: tuple[Message, ...], answers: list[int]) -> None:
    trained = [number for number in answers if messages[number].is_trained]
    if not trained:
        raise ChatError(message("no_trained_message").followed_by(message("set_a_weight")))
    if all(turn.role not in ("user", "tool") for turn in messages[: trained[0]]):
        raise ChatError(
            message("answer_without_question").followed_by(message("add_the_question")),
            field=f"messages[{trained[0]}]",
        )


def _kind(value: object) -> Said | str:
    """Return what the value is, in words; a type's name where JSON has no such value."""
    for kind, name in _KINDS:
        if isinstance(value, kind):
            return name
    return type(value).__name__
