"""Files and uploads as OpenAI's API writes them; times are unix seconds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, TypedDict

from chat import WrittenMessage
from chat.conversation import Tool
from common.answers import ListObject
from common.wording import MessageObject, in_words, on_the_wire
from datasets_app.checking.fault_groups import FaultGroup
from datasets_app.checking.fault_list import FaultObject, MessageAndHint, said_json
from datasets_app.checking.notes import notes_of
from datasets_app.models import Made, TrainingFile, Upload, UploadPart
from datasets_app.rows.pages import RowView
from datasets_app.versions.questions import Question, questions_of

SHOWN_FIELDS = (
    "bytes", "created_at", "expires_at", "filename", "purpose", "status", "status_details",
)  # fmt: skip
"""What `file_json` reads: a list of thousands leaves the statistics where they are."""


class FileObject(TypedDict):
    """OpenAI's file object."""

    id: str
    object: Literal["file"]
    bytes: int
    created_at: int | None
    expires_at: int | None
    filename: str
    purpose: str
    status: Annotated[str, TrainingFile.Status]
    status_details: str | None


class UploadObject(TypedDict):
    """OpenAI's upload object."""

    id: str
    object: Literal["upload"]
    bytes: int
    created_at: int | None
    expires_at: int | None
    filename: str
    purpose: str
    status: Annotated[str, Upload.Status]
    file: FileObject | None


class ReceivedPart(TypedDict):
    """A part that is here."""

    id: str
    bytes: int
    created_at: int | None


class ReceivedUpload(UploadObject):
    """OpenAI's upload object with the parts that are here, in the order in which they came."""

    parts: list[ReceivedPart]


class UploadPartObject(TypedDict):
    """OpenAI's upload part object."""

    id: str
    object: Literal["upload.part"]
    created_at: int | None
    upload_id: str


class VersionObject(FileObject):
    """OpenAI's file object with what makes it a version."""

    version: int
    parent: str | None
    author: str | None
    reason: str | None
    made: Made
    sha256: str
    num_rows: int | None
    num_faults: int | None


class Counts(TypedDict):
    """What the check has counted; null until then."""

    faults: int | None
    notes: int | None
    turns: int | None
    roles: dict[str, int] | None
    rows_with_tools: int | None


class NoteObject(TypedDict):
    """A note about the whole file, with how many rows it is about."""

    kind: str
    code: str
    params: dict[str, object]
    message: str
    count: int


class Layout(TypedDict):
    """How the file is read."""

    format: str
    shape: str
    use: str
    encoding: str | None


class ReadingObject(TypedDict, total=False):
    """What was said about how the file is read; what is not there is found out."""

    format: str
    shape: str
    encoding: str
    columns: dict[str, str]
    unused: dict[str, str]


class QuestionObject(MessageObject):
    """A key that nothing reads, and what can be done with it."""

    name: str
    kind: str
    count: int
    sample: str
    choices: list[str]


class WholeFileObject(VersionObject):
    """The file with what its check found."""

    rows: int | None
    counts: Counts
    verdict: MessageObject
    notes: list[NoteObject]
    layout: Layout
    reading: ReadingObject
    questions: list[QuestionObject]
    left_out: list[str]
    columns: list[str]


class FaultGroupObject(MessageAndHint):
    """The faults of one kind."""

    kind: str
    level: str
    count: int
    lines: list[int]


class RowFaultObject(MessageAndHint):
    """A fault of the row that is shown."""

    kind: str
    field: str | None


class RowObject(TypedDict):
    """One row: its messages or its text, or as it is written where it is neither."""

    number: int | None
    line: int
    messages: list[WrittenMessage] | None
    tools: list[Tool] | None
    text: str | None
    raw: str | None
    faults: list[RowFaultObject]


class FaultsObject(ListObject[FaultObject]):
    """Faults of a file in order, and how many there are in all."""

    num_faults: int | None
    num_notes: int


class RowsObject(ListObject[RowObject]):
    """Rows of a file in order; `total` is null where they are searched."""

    total: int | None
    next_offset: int | None


def file_json(file: TrainingFile) -> FileObject:
    """Return OpenAI's file object."""
    return {
        "id": file.pk,
        "object": "file",
        "bytes": file.bytes,
        "created_at": _seconds(file.created_at),
        "expires_at": _seconds(file.expires_at),
        "filename": file.filename,
        "purpose": file.purpose,
        "status": file.status,
        "status_details": in_words(file.status_details) or None,
    }


def received_json(upload: Upload, parts: Sequence[UploadPart]) -> ReceivedUpload:
    """Return OpenAI's upload object with the parts that are here, in the order in which they came."""
    here: list[ReceivedPart] = [
        {"id": part.pk, "bytes": part.bytes, "created_at": _seconds(part.created_at)} for part in parts
    ]
    return {**upload_json(upload), "parts": here}


def upload_json(upload: Upload) -> UploadObject:
    """Return OpenAI's upload object."""
    return {
        "id": upload.pk,
        "object": "upload",
        "bytes": upload.bytes,
        "created_at": _seconds(upload.created_at),
        "expires_at": _seconds(upload.expires_at),
        "filename": upload.filename,
        "purpose": upload.purpose,
        "status": upload.status,
        "file": file_json(upload.file) if upload.file else None,
    }


def part_json(part: UploadPart) -> UploadPartObject:
    """Return OpenAI's upload part object."""
    return {
        "id": part.pk,
        "object": "upload.part",
        "created_at": _seconds(part.created_at),
        "upload_id": part.upload_id,
    }


def version_json(file: TrainingFile) -> VersionObject:
    """Return OpenAI's file object with what makes it a version."""
    return {
        **file_json(file),
        "version": file.version,
        "parent": file.parent_id,
        "author": file.created_by.email if file.created_by else None,
        "reason": file.reason or None,
        "made": file.made,
        "sha256": file.sha256,
        "num_rows": file.num_rows,
        "num_faults": file.num_faults,
    }


def whole_file_json(file: TrainingFile) -> WholeFileObject:
    """Return the file with what its check found; counts are null until it is checked."""
    statistics = file.statistics or {}
    return {
        **version_json(file),
        "rows": file.num_rows,
        "counts": {
            "faults": file.num_faults,
            "notes": statistics.get("num_notes"),
            "turns": statistics.get("turns"),
            "roles": statistics.get("roles"),
            "rows_with_tools": statistics.get("rows_with_tools"),
        },
        "verdict": on_the_wire(file.status_details),
        "notes": [
            {
                "kind": note.kind,
                "code": note.message.code,
                "params": note.params,
                "message": in_words(note.message),
                "count": note.count,
            }
            for note in notes_of(file)
        ],
        "layout": {"format": file.format, "shape": file.shape, "use": file.use, "encoding": statistics.get("encoding")},
        "reading": file.reading,
        "questions": [_question_json(question) for question in questions_of(file)],
        "left_out": file.left_out,
        "columns": [name for name, _text in statistics.get("sample") or ()],
    }


def group_json(group: FaultGroup) -> FaultGroupObject:
    """Return the faults of one kind."""
    return {
        "kind": group.kind,
        "level": group.level,
        "count": group.count,
        "lines": group.lines,
        **said_json(group.message, group.hint),
    }


def row_json(row: RowView) -> RowObject:
    """Return one row: its messages or its text, or as it is written where it is neither."""
    example = row.example
    conversation = example.conversation if example is not None else None
    return {
        "number": row.number,
        "line": row.line,
        "messages": conversation.to_openai() if conversation is not None else None,
        "tools": (list(conversation.tools) or None) if conversation is not None else None,
        "text": example.text if example is not None else None,
        "raw": row.raw or None,
        "faults": [{"kind": f.kind, "field": f.field or None, **said_json(f.message, f.hint)} for f in row.faults],
    }


def _question_json(question: Question) -> QuestionObject:
    return {
        "name": question.name,
        "kind": question.kind,
        "count": question.count,
        "sample": question.sample,
        "choices": list(question.choices),
        **on_the_wire(question.message),
    }


def _seconds(moment: datetime | None) -> int | None:
    return int(moment.timestamp()) if moment is not None else None
