"""The trainer's own words: from the run directory where it is on this machine, else from object storage."""

import re
from dataclasses import dataclass, replace
from typing import IO

from common import artifacts
from common.errors import UserError
from common.storage_errors import STORAGE_AWAY
from common.texts import without_folders
from jobs.messages import message
from jobs.models import Attempt, FineTuningJob
from jobs.training.publishing import log_folder

CHUNK_BYTES = 64 * 1024
MOST_BYTES = 16 * 2**20
"""Of a log that is searched or downloaded on its page; programs read on by offsets."""
MOST_FOUND = 200
SAID = re.compile(r"\d\d:\d\d:\d\d ")
"""How the trainer's own sentences begin in its log."""


@dataclass(frozen=True, kw_only=True)
class LogPart:
    """Some of an attempt's log."""

    attempt: int
    offset: int
    """Where the text begins, in bytes."""
    next_offset: int
    """Where the next part begins."""
    size: int
    """Bytes of the log as it is now."""
    text: str
    """Unchanged: for administrators, since libraries write stacks and folders between the sentences."""
    starts_line: bool = True

    lines_end: int = 0
    """Where its last whole line ends, in bytes."""

    @property
    def said(self) -> str:
        """The sentences in it."""
        return said(self.text, starts_line=self.starts_line)

    @property
    def said_so_far(self) -> str:
        """The sentences in it that are written to their end."""
        return said(self.text[: self.text.rfind("\n") + 1], starts_line=self.starts_line)


@dataclass(frozen=True, kw_only=True)
class LogLines:
    """Whole lines of an attempt's log, as bytes from `start` to `end`."""

    attempt: int
    start: int
    end: int
    raw: bytes
    is_cut: bool = False
    """Whether more follows that was not read."""

    def beyond(self, offset: int) -> "LogLines":
        """Return those from byte `offset` on."""
        return replace(self, start=offset, raw=self.raw[offset - self.start :])


def said(text: str, *, starts_line: bool = True) -> str:
    """Return the lines of a log that the trainer has written for people."""
    lines = text.split("\n")[0 if starts_line else 1 :]
    return without_folders("".join(f"{line}\n" for line in lines if SAID.match(line)))


def read_log(job: FineTuningJob, *, offset: int = 0, attempt: int | None = None) -> LogPart:
    """Return up to CHUNK_BYTES of an attempt's log (None: the newest's) from byte `offset`; negative: from the end.

    It ends with a whole line where more follow, so that none is torn between two parts.
    """
    found = _attempt(job, attempt)
    if found is None:
        return LogPart(attempt=0, offset=0, next_offset=0, size=0, text="")
    stream = _open(found)
    if stream is None:
        return LogPart(attempt=found.number, offset=0, next_offset=0, size=0, text="")
    with stream:
        size = stream.seek(0, 2)
        start = min(size, offset if offset >= 0 else max(0, size + offset))
        stream.seek(max(0, start - 1))
        before = stream.read(1) if start else b"\n"
        content = stream.read(CHUNK_BYTES)
    whole = len(content)
    if start + whole < size:
        # Of a line longer than a part, a character that the cut has halved is left for the next one.
        whole = content.rfind(b"\n") + 1 or _whole_characters(content)
    text = content[:whole].decode("utf-8", "replace").replace("\0", "")
    return LogPart(
        attempt=found.number,
        offset=start,
        next_offset=start + whole,
        size=size,
        text=text,
        starts_line=before == b"\n",
        lines_end=start + content.rfind(b"\n", 0, whole) + 1,
    )


def is_near(attempt: Attempt) -> bool:
    """Whether the attempt's log is a file of this machine."""
    return attempt.run.directory.log.is_file()


def log_lines(attempt: Attempt, offset: int, *, most: int) -> LogLines | None:
    """Return the whole lines from byte `offset` on, up to `most` bytes; None without any, or where it is away."""
    try:
        stream = _open(attempt)
    except UserError:
        return None
    if stream is None:
        return None
    with stream:
        stream.seek(offset)
        content = stream.read(most + 1)
    end = content.rfind(b"\n", 0, most) + 1
    if not end and len(content) <= most:
        return None
    is_cut = len(content) > most
    return LogLines(attempt=attempt.number, start=offset, end=offset + end, raw=content[:end], is_cut=is_cut)


def log_end(attempt: Attempt) -> int:
    """Return where the newest whole line of the attempt's log ends, in bytes."""
    try:
        return read_log(attempt.job, offset=-CHUNK_BYTES, attempt=attempt.number).lines_end
    except UserError:
        return 0


@dataclass(frozen=True, kw_only=True)
class Found:
    """Lines of a log that have some words in them, the newest of them."""

    count: int
    lines: list[str]
    is_whole: bool
    """Whether all of the log was looked through."""

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def whole_log(job: FineTuningJob, *, is_raw: bool) -> tuple[str, bool]:
    """Return the newest attempt's log, as sentences or word for word, and whether it is all of it.

    Of a log beyond MOST_BYTES its end.
    """
    attempt = job.newest_attempt
    stream = _open(attempt) if attempt is not None else None
    if stream is None:
        return "", True
    with stream:
        start = max(0, stream.seek(0, 2) - MOST_BYTES)
        stream.seek(start)
        text = stream.read(MOST_BYTES).decode("utf-8", "replace").replace("\0", "")
    if start:
        text = text.partition("\n")[2]
    return text if is_raw else said(text), not start


def find_in_log(job: FineTuningJob, words: str) -> Found:
    """Return the lines for people in which `words` are, in whatever case."""
    text, is_whole = whole_log(job, is_raw=False)
    lines = [line for line in text.splitlines() if words.casefold() in line.casefold()]
    return Found(count=len(lines), lines=lines[-MOST_FOUND:], is_whole=is_whole)


def log_tail(job: FineTuningJob) -> LogPart | None:
    """Return the end of the newest attempt's log; None when it cannot be had."""
    try:
        return read_log(job, offset=-CHUNK_BYTES)
    except UserError:
        return None


def _attempt(job: FineTuningJob, number: int | None) -> Attempt | None:
    if number is None:
        return job.newest_attempt
    found = job.attempts.select_related("run").filter(number=number).first()
    if found is None:
        refused = message("no_such_attempt", number=number)
        raise UserError(refused, code="attempt_not_found", param="attempt", status=404)
    return found


def _open(attempt: Attempt) -> IO[bytes] | None:
    path = attempt.run.directory.log
    if path.is_file():
        return path.open("rb")
    name = f"{log_folder(attempt)}/log.txt"
    try:
        storage = artifacts.storage()
        return storage.open(name, "rb") if storage.exists(name) else None  # type: ignore[return-value]
    except STORAGE_AWAY as error:
        raise UserError(message("log_away"), code="storage_away", status=503) from error


def _whole_characters(content: bytes) -> int:
    """Return how many bytes of `content` end on a whole UTF-8 character."""
    for back in range(1, min(4, len(content)) + 1):
        byte = content[-back]
        if byte & 0xC0 == 0x80:
            continue
        needed = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
        return len(content) if needed <= back else len(content) - back
    return len(content)
