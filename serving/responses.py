"""Answers in OpenAI's shapes: whole, and as server-sent events."""

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypedDict

from chat import ToolCall
from serving.sampling import Picked
from serving.wire import (
    AnswerMessage,
    ChatChoice,
    ChatChunk,
    ChatCompletion,
    Delta,
    DeltaChoice,
    Logprobs,
    NumberedCall,
    PickedToken,
    ShownToken,
    TextChoice,
    TextChunk,
    TextCompletion,
    TokenUsage,
)

DONE = b"data: [DONE]\n\n"


def event(value: Mapping[str, object], *, mark: str = "") -> bytes:
    """Return one server-sent event, named `mark` if given."""
    name = f"event: {mark}\n".encode() if mark else b""
    return name + b"data: " + json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


class _Made(TypedDict):
    created: int
    model: str


class _NoUsage(TypedDict, total=False):
    usage: None


@dataclass(frozen=True, kw_only=True)
class Finished:
    """One finished choice."""

    index: int
    text: str
    tool_calls: list[ToolCall]
    picked: list[Picked] | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Exact token counts of one request, over all its choices."""

    prompt: int
    completion: int

    def to_json(self) -> TokenUsage:
        total = self.prompt + self.completion
        return {"prompt_tokens": self.prompt, "completion_tokens": self.completion, "total_tokens": total}


@dataclass(frozen=True, kw_only=True)
class Writer:
    """Writes one response; `is_chat` decides between the two kinds."""

    model: str
    is_chat: bool
    is_legacy: bool = False
    """Asked by `functions`: a call is `function_call`."""
    show: Callable[[int], str]
    """Text of one token id."""
    id: str = ""
    created: int = field(default_factory=lambda: int(time.time()))

    def __post_init__(self) -> None:
        if not self.id:
            object.__setattr__(self, "id", f"{'chatcmpl' if self.is_chat else 'cmpl'}-{uuid.uuid4().hex}")

    def whole(self, choices: list[Finished], usage: Usage) -> ChatCompletion | TextCompletion:
        """Return the body of a response that is not streamed."""
        made, counts = self._made, usage.to_json()
        if self.is_chat:
            chats = [self._chat_choice(choice) for choice in choices]
            return {"id": self.id, "object": "chat.completion", **made, "choices": chats, "usage": counts}
        texts: list[TextChoice] = [
            {"index": choice.index, "text": choice.text, "logprobs": None, "finish_reason": choice.reason}
            for choice in choices
        ]
        return {"id": self.id, "object": "text_completion", **made, "choices": texts, "usage": counts}

    def opening(self, index: int, *, with_usage: bool) -> ChatChunk | TextChunk:
        """Return the first chunk of a choice: who speaks."""
        return self._chunk(index, {"role": "assistant", "content": "", "refusal": None}, with_usage=with_usage)

    def text(self, index: int, text: str, *, picked: list[Picked] | None, with_usage: bool) -> ChatChunk | TextChunk:
        """Return a chunk of text."""
        return self._chunk(index, {"content": text}, text=text, picked=picked, with_usage=with_usage)

    @property
    def called(self) -> Literal["tool_calls", "function_call"]:
        """Why an answer that is a call has ended."""
        return "function_call" if self.is_legacy else "tool_calls"

    def calls(self, index: int, tool_calls: list[ToolCall], *, with_usage: bool) -> ChatChunk | TextChunk:
        """Return a chunk with whole tool calls."""
        if self.is_legacy:
            return self._chunk(index, {"function_call": tool_calls[0]["function"]}, with_usage=with_usage)
        numbered: list[NumberedCall] = [{"index": number, **call} for number, call in enumerate(tool_calls)]
        return self._chunk(index, {"tool_calls": numbered}, with_usage=with_usage)

    def closing(self, index: int, finish_reason: str, *, with_usage: bool) -> ChatChunk | TextChunk:
        """Return the last chunk of a choice: why it ended."""
        return self._chunk(index, {}, finish_reason=finish_reason, with_usage=with_usage)

    def usage(self, usage: Usage) -> ChatChunk | TextChunk:
        """Return the chunk that follows the last choice when usage was asked for."""
        made, counts = self._made, usage.to_json()
        if self.is_chat:
            return {"id": self.id, "object": "chat.completion.chunk", **made, "choices": [], "usage": counts}
        return {"id": self.id, "object": "text_completion", **made, "choices": [], "usage": counts}

    def _chat_choice(self, choice: Finished) -> ChatChoice:
        message: AnswerMessage = {"role": "assistant", "content": choice.text, "refusal": None}
        if choice.tool_calls and self.is_legacy:
            message |= {"content": choice.text or None, "function_call": choice.tool_calls[0]["function"]}
        elif choice.tool_calls:
            message |= {"content": choice.text or None, "tool_calls": choice.tool_calls}
        return {
            "index": choice.index,
            "message": message,
            "logprobs": self._logprobs(choice.picked),
            "finish_reason": choice.reason,
        }

    def _chunk(
        self,
        index: int,
        delta: Delta,
        *,
        text: str = "",
        picked: list[Picked] | None = None,
        finish_reason: str | None = None,
        with_usage: bool,
    ) -> ChatChunk | TextChunk:
        usage: _NoUsage = {"usage": None} if with_usage else {}
        logprobs, made = self._logprobs(picked), self._made
        if self.is_chat:
            said: DeltaChoice = {"index": index, "logprobs": logprobs, "finish_reason": finish_reason, "delta": delta}
            return {"id": self.id, "object": "chat.completion.chunk", **made, "choices": [said], **usage}
        written: TextChoice = {"index": index, "logprobs": logprobs, "finish_reason": finish_reason, "text": text}
        return {"id": self.id, "object": "text_completion", **made, "choices": [written], **usage}

    @property
    def _made(self) -> _Made:
        return {"created": self.created, "model": self.model}

    def _logprobs(self, picked: list[Picked] | None) -> Logprobs | None:
        if picked is None:
            return None
        content: list[PickedToken] = [
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
