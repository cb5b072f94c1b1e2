"""Rows and files to feed the tests with."""

import io
import json
from typing import Any

from accounts.models import Team, User
from datasets_app import services
from datasets_app.checking import recording
from datasets_app.checking.one_pass import check_file_content
from datasets_app.checking.report import Report
from datasets_app.formats.base import RowFault
from datasets_app.models import TrainingFile


def stored(
    team: Team, content: bytes, filename: str = "chats.jsonl", *, by: User | None = None, is_checked: bool = True
) -> TrainingFile:
    """Return a file of `team`, checked unless that is not wanted."""
    file = services.create_file(team=team, by=by, filename=filename, purpose="fine-tune", stream=io.BytesIO(content))
    return recheck(file) if is_checked else file


def recheck(file: TrainingFile) -> TrainingFile:
    """Return the file after its check."""
    recording.check_file(file.pk)
    file.refresh_from_db()
    return file


async def body_of(reply: Any) -> bytes:
    """Return the whole body of a streamed reply."""
    return b"".join([block async for block in reply.streaming_content])


def row(question: str = "Who are you?", answer: str = "I am Xiaozhi.") -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


def lines_of(*values: Any) -> bytes:
    return b"".join(json.dumps(value, ensure_ascii=False).encode() + b"\n" for value in values)


def rows(number: int) -> list[dict[str, Any]]:
    return [row(f"Question {n}?", f"Answer {n}.") for n in range(number)]


def checked(content: bytes, filename: str = "chats.jsonl", **reading: Any) -> Report:
    """Return the verdict, which is the same whether rows are read the quick or the general way."""
    report = check_file_content(io.BytesIO(content), filename=filename, reading=reading)
    generally = check_file_content(io.BytesIO(content), filename=filename, reading=reading, is_quick=False)
    assert _verdict(report) == _verdict(generally)
    return report


def _verdict(report: Report) -> dict[str, Any]:
    return {**vars(report), "statistics": report.statistics, "details": report.details, "bytes_read": 0}


def only_fault(content: bytes, filename: str = "chats.jsonl") -> RowFault:
    report = checked(content, filename)
    assert report.num_faults == 1, report.faults
    return report.faults[0]


class Trickle:
    """A stream that gives few bytes at a time, so that every border falls between two blocks somewhere."""

    def __init__(self, content: bytes, size: int) -> None:
        self._stream = io.BytesIO(content)
        self._size = size

    def read(self, size: int, /) -> bytes:
        return self._stream.read(min(size, self._size))
