"""A replica's stream of server-sent events, passed on under the public name of the model."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

DONE = b"data: [DONE]\n\n"


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


def as_event(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


async def relabelled(
    pieces: AsyncIterator[bytes], *, name: str, wants_usage: bool, tally: Tally
) -> AsyncIterator[bytes]:
    """Yield each event with `name` as its model, as soon as it is whole.

    The replica is always asked for the usage; `wants_usage` says whether the caller sees it.
    """
    async for line in _events(pieces):
        if line == b"[DONE]":
            tally.is_complete = True
            yield DONE
            continue
        chunk = json.loads(line)
        tally.take(chunk.get("usage"))
        if not wants_usage:
            if chunk.get("usage") and not chunk.get("choices"):
                continue
            chunk.pop("usage", None)
        if "model" in chunk:
            chunk["model"] = name
        yield as_event(chunk)


async def _events(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the data of each whole event; pieces of the network end anywhere."""
    held = b""
    async for piece in pieces:
        *whole, held = (held + piece).split(b"\n\n")
        for event in whole:
            if event.startswith(b"data:"):
                yield event[5:].strip()
