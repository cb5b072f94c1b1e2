"""events.jsonl: what a process tree says, one JSON object a line, numbered without gaps."""

import json
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from wording import Message, as_written, received

Level = Literal["info", "warn", "error"]
TERMINAL_TYPES = frozenset({"succeeded", "failed", "stopped"})
BEGINNING = b'{"seq": '
"""Of every line: the first field of an Event."""

LOOKED_BACK = 1000
"""Lines from the end among which the last event is looked for."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Event:
    """One recorded fact of a Run."""

    seq: int
    """Counts from 1 without gaps inside one run directory."""
    at: float
    """Unix time in seconds, by the writer's clock."""
    type: str
    level: Level = "info"
    message: Message | None = None
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def is_terminal(self) -> bool:
        return self.type in TERMINAL_TYPES

    def to_json(self) -> dict[str, Any]:
        """Return the line: the message in English, with its code and parameters beside it."""
        said = {"message": ""} if self.message is None else {"message": str(self.message), **self.message.stored()}
        return {"seq": self.seq, "at": self.at, "type": self.type, "level": self.level, **said, "data": self.data}


class EventWriter:
    """Append events to `path`; safe to call from several threads of one process.

    An unfinished last line, left by a process that was killed while writing, is cut off first: a reader has never
    taken it, since readers take whole lines only.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        whole, self._seq = _whole_lines(path)
        os.ftruncate(self._descriptor, whole)
        os.lseek(self._descriptor, 0, os.SEEK_END)

    def write(self, type: str, message: Message | str = "", *, level: Level = "info", **data: Any) -> Event:
        """Append one event and return it. Values of `data` must be strict JSON."""
        said = as_written(message) if isinstance(message, str) and message else message or None
        with self._lock:
            event = Event(seq=self._seq + 1, at=time.time(), type=type, level=level, message=said, data=data)
            line = json.dumps(event.to_json(), ensure_ascii=False, allow_nan=False) + "\n"
            self._append(line.encode())
            self._seq = event.seq
            if event.is_terminal:
                os.fsync(self._descriptor)
        return event

    def close(self) -> None:
        os.close(self._descriptor)

    def _append(self, line: bytes) -> None:
        """Write the whole line or nothing of it: on a full disk a part may be taken, and the next line would stick to
        it."""
        start = os.lseek(self._descriptor, 0, os.SEEK_CUR)
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            os.ftruncate(self._descriptor, start)
            os.lseek(self._descriptor, start, os.SEEK_SET)
            raise


@dataclass
class EventReader:
    """Read whole lines of `path` from a byte offset that the caller stores together with the events.

    A line that is not an event, which a full disk or a power cut may leave, is passed over with a warning in the log.
    """

    path: Path
    offset: int = 0

    def read(self, limit: int = 500) -> list[Event]:
        """Return up to `limit` new events and move `offset` behind them."""
        events: list[Event] = []
        try:
            stream = self.path.open("rb")
        except FileNotFoundError:
            return events
        with stream:
            stream.seek(self.offset)
            for line in stream:
                if not line.endswith(b"\n") or len(events) == limit:
                    break
                if (event := _readable(line)) is not None:
                    events.append(event)
                else:
                    log.warning("A line of %s at byte %d is no event and is passed over.", self.path, self.offset)
                self.offset += len(line)
        return events


def read_events(path: Path) -> list[Event]:
    """Return every whole event in `path`; an absent file has none."""
    return list(_all(EventReader(path)))


def _all(reader: EventReader) -> Iterator[Event]:
    while batch := reader.read():
        yield from batch


def _parse(line: bytes) -> Event:
    value = json.loads(line)
    return Event(
        seq=int(value["seq"]),
        at=float(value["at"]),
        type=str(value["type"]),
        level=value.get("level", "info"),
        message=_message(value),
        data=value.get("data", {}),
    )


def _message(value: dict[str, Any]) -> Message | None:
    body = value if "code" in value else None
    text = str(value.get("message", ""))
    return received(body, english=text) if body or text else None


def _readable(line: bytes) -> Event | None:
    """Return the event that a line holds, be it behind what is left of another one; None where it holds none."""
    start = 0
    while start >= 0:
        try:
            return _parse(line[start:])
        except (ValueError, KeyError, TypeError):
            start = line.find(BEGINNING, start + 1)
    return None


def _whole_lines(path: Path) -> tuple[int, int]:
    """Return the number of bytes in whole lines and the last sequence number."""
    whole = 0
    lines: deque[bytes] = deque(maxlen=LOOKED_BACK)
    with path.open("rb") as stream:
        for line in stream:
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            lines.append(line)
    last = next((event for line in reversed(lines) if (event := _readable(line)) is not None), None)
    return whole, last.seq if last is not None else 0
