"""What the engine answers, in OpenAI's shapes; the gateway passes it on as it comes."""

from typing import Literal, NotRequired, TypedDict

from chat.conversation import Function, ToolCall


class ShownToken(TypedDict):
    """A token and how likely it was."""

    token: str
    logprob: float
    bytes: list[int] | None


class PickedToken(ShownToken):
    """A token of the answer, with the likeliest ones at its place."""

    top_logprobs: list[ShownToken]


class Logprobs(TypedDict):
    content: list[PickedToken]
    refusal: None


class NumberedCall(ToolCall):
    """A tool call of a chunk."""

    index: int


class AnswerMessage(TypedDict):
    """What the model says."""

    role: Literal["assistant"]
    content: str | None
    refusal: None
    tool_calls: NotRequired[list[ToolCall]]
    function_call: NotRequired[Function]
    """Where the request said `functions`."""


class Delta(TypedDict, total=False):
    """What a chunk adds to a message."""

    role: Literal["assistant"]
    content: str
    refusal: None
    tool_calls: list[NumberedCall]
    function_call: Function


class _Choice(TypedDict):
    index: int
    logprobs: Logprobs | None
    finish_reason: str | None


class ChatChoice(_Choice):
    """One answer in a chat."""

    message: AnswerMessage


class DeltaChoice(_Choice):
    """What a chunk adds to an answer in a chat; the last one of it says why it ended."""

    delta: Delta


class TextChoice(_Choice):
    """One text, or what a chunk adds to it."""

    text: str


class TokenUsage(TypedDict):
    """Exact token counts of one request, over all its choices."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class _Head(TypedDict):
    id: str
    created: int
    model: str


class ChatCompletion(_Head):
    """A whole answer in a chat."""

    object: Literal["chat.completion"]
    choices: list[ChatChoice]
    usage: TokenUsage


class TextCompletion(_Head):
    """A text that was gone on with."""

    object: Literal["text_completion"]
    choices: list[TextChoice]
    usage: TokenUsage


class ChatChunk(_Head):
    """A chunk of an answer in a chat; with usage asked for, the last one has it and no choices."""

    object: Literal["chat.completion.chunk"]
    choices: list[DeltaChoice]
    usage: NotRequired[TokenUsage | None]


class TextChunk(_Head):
    """A chunk of a text."""

    object: Literal["text_completion"]
    choices: list[TextChoice]
    usage: NotRequired[TokenUsage | None]
