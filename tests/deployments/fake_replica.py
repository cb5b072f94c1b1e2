"""A small ASGI server that speaks a replica's HTTP."""

import asyncio
import json
import threading
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

HELLO = [{"role": "user", "content": "hello"}]


@dataclass
class FakeReplica:
    """Answers as an engine does, and remembers what it was asked."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    fail_first: int = 0
    """So many requests die before their first byte."""
    forget_first: int = 0
    """So many requests name a model that it has let go of."""
    refuse: dict[str, Any] | None = None
    refuse_status: int = 400
    fault: dict[str, Any] | None = None
    """Ends a stream that has begun."""
    endless: bool = False
    breaks_after: int | None = None
    is_heavy: bool = False
    """Its pieces are large and come as fast as they are taken."""
    says: str = "琴"
    """Its whole answers, which end by themselves or are cut off."""
    is_cut: bool = False
    pause: float = 0
    """Seconds between two pieces, or before a whole answer."""
    was_left: threading.Event = field(default_factory=threading.Event)

    def application(self) -> Starlette:
        return Starlette(
            routes=[Route(path, self.answer, methods=["POST"]) for path in ("/v1/chat/completions", "/v1/completions")]
        )

    async def answer(self, request: Request) -> Response:
        body = await request.json()
        self.requests.append(dict(body))
        body["model"] = unquote(request.headers["x-served-name"])
        self.headers.append(dict(request.headers))
        if self.fail_first:
            self.fail_first -= 1
            return StreamingResponse(broken(), headers={"content-length": "100"})
        if self.forget_first:
            self.forget_first -= 1
            return JSONResponse({"error": {"message": "?", "code": "model_not_found"}}, status_code=404)
        if self.refuse:
            return JSONResponse(self.refuse, status_code=self.refuse_status)
        if body.get("stream"):
            return StreamingResponse(self.chunks(body), media_type="text/event-stream")
        await asyncio.sleep(self.pause)
        is_chat = request.url.path == "/v1/chat/completions"
        said = (
            {"message": {"role": "assistant", "content": self.says, "refusal": None}}
            if is_chat
            else {"text": self.says}
        )
        choice = {"index": 0, **said, "logprobs": None, "finish_reason": "length" if self.is_cut else "stop"}
        return JSONResponse(
            {
                "id": "x",
                "object": "chat.completion" if is_chat else "text_completion",
                "created": 1,
                "model": body["model"],
                "choices": [choice],
                "usage": usage(),
            }
        )

    async def chunks(self, body: dict[str, Any]) -> Any:
        numbers = iter(range(10**9 if self.endless else 3))
        try:
            for number in numbers:
                if number == self.breaks_after:
                    raise ConnectionAbortedError
                yield event(chunk(body, {"content": "琴" * 20_000 if self.is_heavy else str(number)}))
                await asyncio.sleep(0.01 if self.endless and not self.is_heavy else self.pause)
            if self.fault:
                yield event(self.fault, mark="error")
                return
            yield event({**chunk(body, {}), "choices": [], "usage": usage()}, mark="usage")
            yield b"data: [DO"
            yield b"NE]\n\n"
        finally:
            self.was_left.set()


async def broken() -> Any:
    """Close the connection behind the headers."""
    raise ConnectionAbortedError
    yield b""


def usage() -> dict[str, int]:
    return {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}


def chunk(body: dict[str, Any], delta: dict[str, Any]) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
    head = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
    return {**head, "choices": [choice]}


def event(value: dict[str, Any], mark: str = "") -> bytes:
    return (f"event: {mark}\n".encode() if mark else b"") + b"data: " + json.dumps(value).encode() + b"\n\n"
