"""Answers in OpenAI's shapes: whole, and as server-sent events."""

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NotRequired, TypedDict

from chat import ToolCall
from serving.sampling import Picked

DONE = b"data: [DONE]\n\n"


class ShownToken(TypedDict):
    """A token and how likely it was."""

    token: str
    logprob: float
    bytes: list[int] | None
    top_logprobs: NotRequired[list["ShownToken"]]


class Logprobs(TypedDict):
    content: list[ShownToken]
    refusal: None


class NumberedCall(ToolCall):
    """A tool call of a chunk."""

    index: int


class Said(TypedDict, total=False):
    """A message, or what a chunk adds to it."""

    role: str
    content: str | None
    refusal: None
    tool_calls: list[ToolCall] | list[NumberedCall]


class Choice(TypedDict):
    """One answer, or what a chunk adds to it: `message` or `delta` in a chat, else `text`."""

    index: int
    logprobs: Logprobs | None
    finish_reason: str | None
    message: NotRequired[Said]
    delta: NotRequired[Said]
    text: NotRequired[str]


class Head(TypedDict):
    """What every body and chunk begins with."""

    id: str
    object: str
    created: int
    model: str


class Body(Head):
    """A whole answer, or a chunk of one."""

    choices: list[Choice]
    usage: NotRequired[dict[str, int] | None]


def event(value: Mapping[str, object], *, mark: str = "") -> bytes:
    """Return one server-sent event, named `mark` if given."""
    name = f"event: {mark}\n".encode() if mark else b""
    return name + b"data: " + json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Exact token counts of one request, over all its choices."""

    prompt: int
    completion: int

    def to_json(self) -> dict[str, int]:
        total = self.prompt + self.completion
        return {"prompt_tokens": self.prompt, "completion_tokens": self.completion, "total_tokens": total}


@dataclass(frozen=True, kw_only=True)
class Writer:
    """Writes one response; `is_chat` decides between the two kinds."""

    model: str
    is_chat: bool
    show: Callable[[int], str]
    """Text of one token id."""
    id: str = ""
    created: int = field(default_factory=lambda: int(time.time()))

    def __post_init__(self) -> None:
        if not self.id:
            object.__setattr__(self, "id", f"{'chatcmpl' if self.is_chat else 'cmpl'}-{uuid.uuid4().hex}")

    def whole(self, choices: list[Choice], usage: Usage) -> Body:
        """Return the body of a response that is not streamed."""
        kind = "chat.completion" if self.is_chat else "text_completion"
        return {**self._head(kind), "choices": choices, "usage": usage.to_json()}

    def choice(
        self, index: int, text: str, *, tool_calls: list[ToolCall], picked: list[Picked] | None, finish: str
    ) -> Choice:
        """Return one finished choice."""
        if not self.is_chat:
            return {"index": index, "text": text, "logprobs": None, "finish_reason": finish}
        message: Said = {"role": "assistant", "content": text, "refusal": None}
        if tool_calls:
            message |= {"content": text or None, "tool_calls": tool_calls}
        return {"index": index, "message": message, "logprobs": self._logprobs(picked), "finish_reason": finish}

    def opening(self, index: int, *, with_usage: bool) -> Body:
        """Return the first chunk of a choice: who speaks."""
        return self._chunk(index, {"role": "assistant", "content": "", "refusal": None}, with_usage=with_usage)

    def text(self, index: int, text: str, *, picked: list[Picked] | None, with_usage: bool) -> Body:
        """Return a chunk of text."""
        return self._chunk(index, {"content": text}, text=text, picked=picked, with_usage=with_usage)

    def calls(self, index: int, tool_calls: list[ToolCall], *, with_usage: bool) -> Body:
        """Return a chunk with whole tool calls."""
        numbered: list[NumberedCall] = [{"index": number, **call} for number, call in enumerate(tool_calls)]
        return self._chunk(index, {"tool_calls": numbered}, with_usage=with_usage)

    def closing(self, index: int, finish: str, *, with_usage: bool) -> Body:
        """Return the last chunk of a choice: why it ended."""
        return self._chunk(index, {}, finish=finish, with_usage=with_usage)

    def usage(self, usage: Usage) -> Body:
        """Return the chunk that follows the last choice when usage was asked for."""
        return {**self._head(self._chunk_kind), "choices": [], "usage": usage.to_json()}

    @property
    def _chunk_kind(self) -> str:
        return "chat.completion.chunk" if self.is_chat else "text_completion"

    def _chunk(
        self,
        index: int,
        delta: Said,
        *,
        text: str = "",
        picked: list[Picked] | None = None,
        finish: str | None = None,
        with_usage: bool,
    ) -> Body:
        choice: Choice = {"index": index, "logprobs": self._logprobs(picked), "finish_reason": finish}
        if self.is_chat:
            choice["delta"] = delta
        else:
            choice["text"] = text
        chunk: Body = {**self._head(self._chunk_kind), "choices": [choice], "usage": None}
        if not with_usage:
            del chunk["usage"]
        return chunk

    def _head(self, kind: str) -> Head:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}

    def _logprobs(self, picked: list[Picked] | None) -> Logprobs | None:
        if picked is None:
            return None
        content: list[ShownToken] = [
            {
                **self._token(one.token, one.logprob),
                "top_logprobs": [self._token(token, logprob) for token, logprob in one.top],
            }
            for one in picked
        ]
        return {"content": content, "refusal": None}

    def _token(self, token: int, logprob: float | None) -> ShownToken:
        text = self.show(token)
        # A part of a character has no text of its own; OpenAI's shape allows null bytes for that.
        whole = None if "\ufffd" in text else list(text.encode())
        return {"token": text, "logprob": max(logprob or 0.0, -9999.0), "bytes": whole}
