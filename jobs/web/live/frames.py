"""What a stream says: each new thing once as the browser's EventSource takes it, for each language that is read."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.template.loader import render_to_string
from django.utils.translation import override

from jobs.models import FineTuningJob, JobEvent
from jobs.web import pages
from jobs.web.live.positions import Position
from jobs.web.logs import LogLines, said

OF_THE_CURVE = ("step", "valid_loss", "kind", "resumed_from_step")
"""What the curves need to know of an event that is said in words."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One thing. Of a number or of lines it moves its reader's position; of neither it is said to everybody."""

    body: bytes
    """Without its id, which follows from its reader's position."""
    number: int | None = None
    lines: LogLines | None = None
    moves_to: Position | None = None
    """Where it leaves whoever hears it, wherever that reader was."""

    def after(self, position: Position) -> Position | None:
        """Return where a reader at `position` is once it has heard this; None where it has this already."""
        if self.moves_to is not None:
            return self.moves_to
        if self.number is not None:
            return position.at_event(self.number) if self.number > position.number else None
        if self.lines is not None:
            mine, theirs = (self.lines.attempt, self.lines.end), (position.attempt, position.offset)
            return position.in_log(*mine) if mine > theirs else None
        return position

    def said_to(self, position: Position, after: Position) -> bytes:
        """Return the bytes for a reader at `position`: of lines those alone that it lacks."""
        body = self.body
        if self.lines is not None and self.lines.attempt == position.attempt and self.lines.start < position.offset:
            body = _lines_body(self.lines.beyond(position.offset))
        return body if after == position else b"id: %s\n" % str(after).encode() + body


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What came of one look at a job."""

    before: Position
    after: Position
    frames: dict[str, list[Frame]]
    """By language."""
    is_last: bool = False
    _whole: dict[str, bytes] = field(default_factory=dict)

    def said_to(self, position: Position, language: str) -> tuple[bytes, Position]:
        """Return the bytes for a reader at `position`, and where it is then."""
        if position != self.before or language not in self.frames:
            # Who reads another language came during the look, and has looked for itself since.
            return _joined(self.frames.get(language, ()), position)
        if language not in self._whole:
            self._whole[language] = _joined(self.frames[language], position)[0]
        return self._whole[language], self.after


def _joined(frames: Iterable[Frame], position: Position) -> tuple[bytes, Position]:
    pieces: list[bytes] = []
    for frame in frames:
        if (after := frame.after(position)) is not None:
            pieces.append(frame.said_to(position, after))
            position = after
    return b"".join(pieces), position


def frame(name: str, data: object = None, *, number: int | None = None, lines: LogLines | None = None) -> Frame:
    return Frame(body=_body(name, data), number=number, lines=lines)


def event_frame(event: JobEvent, language: str) -> Frame:
    """Return a step's figures, or a row of the page's events."""
    if event.type == JobEvent.Type.METRICS:
        return frame("step", {"number": event.number, **event.data}, number=event.number)
    with override(language):
        row = render_to_string("jobs/_event_row.html", {"event": event})
    told = {name: event.data[name] for name in OF_THE_CURVE if name in event.data}
    return frame("said", {"number": event.number, "html": row, **told}, number=event.number)


def lines_frame(lines: LogLines) -> Frame:
    return Frame(body=_lines_body(lines), lines=lines)


def state_frame(job: FineTuningJob, metrics: pages.Metrics, language: str) -> Frame:
    """Return the page's first sentence, its bar and its figures; another `look` has other buttons."""
    with override(language):
        progress = pages.progress_of(job, metrics)
        line = render_to_string("jobs/_progress_line.html", progress)
        told = {
            "sentence": pages.sentence_of(job),
            "percent": pages.percent_of(job),
            "line": " ".join(line.split()),
            "look": progress["look"],
        }
    return frame("state", told)


def _lines_body(lines: LogLines) -> bytes:
    text = said(lines.raw.decode("utf-8", "replace").replace("\0", ""))
    return _body("log", {"attempt": lines.attempt, "start": lines.start, "end": lines.end, "text": text})


def _body(name: str, data: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
