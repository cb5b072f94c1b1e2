"""A replica's stream of server-sent events, passed on as it comes.

Only what the replica marks by an `event:` line is read here: the usage, which it always counts, and an error.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

END = b"\n\n"
DONE = b"data: [DONE]"
MARK = b"event: "


@dataclass(kw_only=True)
class Tally:
    """What an answer has cost so far, as the replica counts it."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    is_complete: bool = False
    """The answer came to its end."""

    def take(self, usage: Any) -> None:
        """Note the counts of a `usage` object."""
        if isinstance(usage, dict):
            self.prompt_tokens = usage.get("prompt_tokens")
            self.completion_tokens = usage.get("completion_tokens")


def as_event(value: Mapping[str, object]) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + END


async def passed_on(
    pieces: AsyncIterator[bytes],
    *,
    wants_usage: bool,
    tally: Tally,
    public_error: Callable[[dict[str, Any]], Mapping[str, object]],
) -> AsyncIterator[bytes]:
    """Yield the events as soon as they are whole; `wants_usage` says whether the caller sees the usage."""

    def read(marked: bytes) -> bytes:
        mark, _, data = marked.removeprefix(MARK).partition(b"\n")
        value = json.loads(data.removeprefix(b"data:"))
        if mark == b"error":
            return as_event(public_error(value))
        tally.take(value.get("usage"))
        return data + END if wants_usage else b""

    held = b""
    async for piece in pieces:  # pieces of the network end anywhere
        whole, end, held = (held + piece).rpartition(END)
        if not end:
            continue
        tally.is_complete = whole.endswith(DONE)
        if MARK in whole:  # or an answer that says so
            whole = b"".join(read(one) if one.startswith(MARK) else one + END for one in whole.split(END))
        else:
            whole += END
        if whole:
            yield whole
