"""The trainer's own words: from the run directory where it is on this machine, else from object storage."""

from dataclasses import dataclass
from typing import IO

from common import artifacts
from common.errors import UserError
from jobs.models import Attempt, FineTuningJob
from jobs.publishing import log_folder
from jobs.storage_errors import STORAGE_AWAY

CHUNK_BYTES = 64 * 1024


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


def read_log(job: FineTuningJob, *, offset: int = 0, attempt: int | None = None) -> LogPart:
    """Return up to CHUNK_BYTES of an attempt's log (None: the newest's) from byte `offset`; negative: from the end."""
    found = _attempt(job, attempt)
    if found is None:
        return LogPart(attempt=0, offset=0, next_offset=0, size=0, text="")
    stream = _open(found)
    if stream is None:
        return LogPart(attempt=found.number, offset=0, next_offset=0, size=0, text="")
    with stream:
        size = stream.seek(0, 2)
        start = min(size, offset if offset >= 0 else max(0, size + offset))
        stream.seek(start)
        content = stream.read(CHUNK_BYTES)
    # A character that the cut has halved is left for the next part.
    whole = _whole_characters(content) if start + len(content) < size else len(content)
    text = content[:whole].decode("utf-8", "replace").replace("\0", "")
    return LogPart(attempt=found.number, offset=start, next_offset=start + whole, size=size, text=text)


def log_tail(job: FineTuningJob, num_bytes: int) -> str:
    """Return the whole lines at the end of the newest attempt's log, at most `num_bytes`; "" when there are none."""
    try:
        part = read_log(job, offset=-min(num_bytes, CHUNK_BYTES))
    except UserError:
        return ""
    _, newline, rest = part.text.partition("\n")
    return (rest if part.offset and newline else part.text).rstrip()


def _attempt(job: FineTuningJob, number: int | None) -> Attempt | None:
    if number is None:
        return job.newest_attempt
    found = job.attempts.select_related("run").filter(number=number).first()
    if found is None:
        raise UserError(f"This job has no attempt {number}.", code="attempt_not_found", param="attempt", status=404)
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
        message = "The log lies in object storage, which does not answer. Try again in a moment."
        raise UserError(message, code="storage_away", status=503) from error


def _whole_characters(content: bytes) -> int:
    """Return how many bytes of `content` end on a whole UTF-8 character."""
    for back in range(1, min(4, len(content)) + 1):
        byte = content[-back]
        if byte & 0xC0 == 0x80:
            continue
        needed = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
        return len(content) if needed <= back else len(content) - back
    return len(content)
