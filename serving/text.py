"""From tokens to text that may be sent: whole characters only, and nothing behind a stop string."""

from collections.abc import Sequence
from typing import Protocol


class StreamDecoder(Protocol):
    """Turns token ids into whole characters (`chat.ChatFormat.stream_decoder`)."""

    def push(self, token: int, /) -> str: ...

    def flush(self) -> str: ...


class StopText:
    """Passes text on until one of `stops` appears; what could be a stop's beginning waits for the next text."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = [stop for stop in stops if stop]
        self._held = ""
        self.found = False

    def push(self, text: str) -> str:
        """Return the text that is certainly part of the answer; sets `found` at a stop and cuts there."""
        if self.found:
            return ""
        if not self._stops:
            return text
        held = self._held + text
        cut = min((at for stop in self._stops if (at := held.find(stop)) >= 0), default=-1)
        if cut >= 0:
            self.found, self._held = True, ""
            return held[:cut]
        keep = max(_overlap(held, stop) for stop in self._stops)
        self._held = held[len(held) - keep :]
        return held[: len(held) - keep]

    def flush(self) -> str:
        """Return what was held back, once no more text will come."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """Return the length of the longest end of `text` with which `stop` begins."""
    for length in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:length]):
            return length
    return 0
