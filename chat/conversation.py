"""What a conversation is: messages and the tools that they may call."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message, in OpenAI's terms."""

    role: str
    """system, user, assistant or tool."""
    content: str | None
    """The text; None only beside tool calls."""
    tool_calls: tuple[dict[str, Any], ...] = ()
    """OpenAI tool calls; `function.arguments` is a JSON object as text."""
    tool_call_id: str | None = None
    """Of a tool's message: the call that it answers."""
    name: str | None = None
    """The name of the tool or of the speaker."""
    weight: int | None = None
    """Of an assistant's message: 0 keeps it out of what is learned; None counts as 1."""

    @property
    def is_trained(self) -> bool:
        """Tell whether a training learns this message."""
        return self.role == "assistant" and self.weight != 0


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """Messages in order; never empty when it comes from this package's parsers."""

    messages: tuple[Message, ...]
    tools: tuple[dict[str, Any], ...] = ()
    """OpenAI tool descriptions."""

    def to_openai(self) -> list[dict[str, Any]]:
        """Return the messages as OpenAI's API writes them, the weights included."""
        return [_openai(message) | _weight(message) for message in self.messages]

    def canonical_key(self) -> bytes:
        """Return the bytes that decide a row's side of a split: equal for equal conversations, however written."""
        content = {"messages": self.to_openai(), "tools": list(self.tools)}
        return json.dumps(content, sort_keys=True, ensure_ascii=False).encode()

    def for_template(self) -> list[dict[str, Any]]:
        """Return the messages as chat templates read them: no empty keys, a call's arguments as an object."""
        return [_for_template(message) for message in self.messages]


def _openai(message: Message) -> dict[str, Any]:
    written: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        written["tool_calls"] = [dict(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        written["tool_call_id"] = message.tool_call_id
    if message.name is not None:
        written["name"] = message.name
    return written


def _weight(message: Message) -> dict[str, int]:
    return {} if message.weight is None else {"weight": message.weight}


def _for_template(message: Message) -> dict[str, Any]:
    if not (message.tool_calls or message.tool_call_id or message.name):
        return {"role": message.role, "content": message.content or ""}
    written = _openai(message)
    if message.content is None:
        # Templates disagree about None and about a missing key; all of them can write an empty text.
        written["content"] = ""
    if message.tool_calls:
        written["tool_calls"] = [_call_with_object(call) for call in message.tool_calls]
    return written


def _call_with_object(call: dict[str, Any]) -> dict[str, Any]:
    function = call["function"]
    # Templates apply `tojson` to the arguments; text would be quoted a second time.
    return call | {"function": function | {"arguments": json.loads(function["arguments"])}}
