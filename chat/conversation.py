"""What a conversation is: messages and the tools that they may call."""

import json
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict


class Function(TypedDict):
    """What is called, and with what."""

    name: str
    arguments: Any
    """A JSON object as text; for templates the object."""


class ToolCall(TypedDict):
    """An assistant's call of a tool, as OpenAI's API writes it."""

    id: NotRequired[str]
    type: str
    function: Function


class Tool(TypedDict):
    """A tool that may be called, as OpenAI's API writes it."""

    type: NotRequired[str]
    function: dict[str, Any]
    """Its name, and a JSON Schema of its parameters."""


class WrittenMessage(TypedDict):
    """A message as OpenAI's API writes it."""

    role: str
    content: str | None
    tool_calls: NotRequired[list[ToolCall]]
    tool_call_id: NotRequired[str]
    name: NotRequired[str]
    weight: NotRequired[int]


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message, in OpenAI's terms."""

    role: str
    """system, user, assistant or tool."""
    content: str | None
    """The text; None only beside tool calls."""
    tool_calls: tuple[ToolCall, ...] = ()
    """OpenAI tool calls; `function.arguments` is a JSON object as text."""
    tool_call_id: str | None = None
    """Of a tool's message: the call that it answers."""
    name: str | None = None
    """The name of the tool or of the speaker."""
    weight: int | None = None
    """Of an assistant's message: 0 keeps it out of what is learned; None counts as 1."""

    @property
    def is_trained(self) -> bool:
        """Return whether a training learns this message."""
        return self.role == "assistant" and self.weight != 0


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """Messages in order; never empty when it comes from this package's parsers."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    """OpenAI tool descriptions."""

    def to_openai(self) -> list[WrittenMessage]:
        """Return the messages as OpenAI's API writes them, the weights included."""
        return [_openai(message) for message in self.messages]

    def canonical_key(self) -> bytes:
        """Return the bytes that decide a row's side of a split: equal for equal conversations, however written."""
        content = {"messages": self.to_openai(), "tools": list(self.tools)}
        return json.dumps(content, sort_keys=True, ensure_ascii=False).encode()

    def for_template(self) -> list[WrittenMessage]:
        """Return the messages as chat templates read them: no empty keys, a call's arguments as an object."""
        return [_for_template(message) for message in self.messages]


def _openai(message: Message) -> WrittenMessage:
    written: WrittenMessage = {"role": message.role, "content": message.content}
    if message.tool_calls:
        written["tool_calls"] = [call.copy() for call in message.tool_calls]
    if message.tool_call_id is not None:
        written["tool_call_id"] = message.tool_call_id
    if message.name is not None:
        written["name"] = message.name
    if message.weight is not None:
        written["weight"] = message.weight
    return written


def _for_template(message: Message) -> WrittenMessage:
    if not (message.tool_calls or message.tool_call_id or message.name):
        return {"role": message.role, "content": message.content or ""}
    written = _openai(message)
    written.pop("weight", None)
    if message.content is None:
        # Templates disagree about None and about a missing key; all of them can write an empty text.
        written["content"] = ""
    if message.tool_calls:
        written["tool_calls"] = [_call_with_object(call) for call in message.tool_calls]
    return written


def _call_with_object(call: ToolCall) -> ToolCall:
    function = call["function"]
    # Templates apply `tojson` to the arguments; text would be quoted a second time.
    return {**call, "function": {**function, "arguments": json.loads(function["arguments"])}}
