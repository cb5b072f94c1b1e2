"""Files and uploads as OpenAI's API writes them; times are unix seconds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from common.wording import in_words, on_the_wire
from datasets_app.checking.fault_groups import FaultGroup
from datasets_app.checking.fault_list import said_json
from datasets_app.checking.notes import notes_of
from datasets_app.models import TrainingFile, Upload, UploadPart
from datasets_app.rows.pages import RowView
from datasets_app.versions.questions import questions_of

SHOWN_FIELDS = (
    "bytes", "created_at", "expires_at", "filename", "purpose", "status", "status_details",
)  # fmt: skip
"""What `file_json` reads: a list of thousands leaves the statistics where they are."""


def file_json(file: TrainingFile) -> dict[str, Any]:
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


def received_json(upload: Upload, parts: Sequence[UploadPart]) -> dict[str, Any]:
    """Return OpenAI's upload object with the parts that are here, in the order in which they came."""
    here = [{"id": part.pk, "bytes": part.bytes, "created_at": _seconds(part.created_at)} for part in parts]
    return {**upload_json(upload), "parts": here}


def upload_json(upload: Upload) -> dict[str, Any]:
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


def part_json(part: UploadPart) -> dict[str, Any]:
    """Return OpenAI's upload part object."""
    return {
        "id": part.pk,
        "object": "upload.part",
        "created_at": _seconds(part.created_at),
        "upload_id": part.upload_id,
    }


def version_json(file: TrainingFile) -> dict[str, Any]:
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


def whole_file_json(file: TrainingFile) -> dict[str, Any]:
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
            {"code": note.code, "params": note.params, "message": in_words(note.message), "count": note.count}
            for note in notes_of(file)
        ],
        "layout": {"format": file.format, "shape": file.shape, "use": file.use, "encoding": statistics.get("encoding")},
        "reading": file.reading,
        "questions": [vars(question) | on_the_wire(question.message) for question in questions_of(file)],
        "left_out": file.left_out,
        "columns": [name for name, _text in statistics.get("sample") or ()],
    }


def group_json(group: FaultGroup) -> dict[str, Any]:
    """Return the faults of one kind."""
    counted = {"code": group.code, "level": group.level, "count": group.count, "lines": group.lines}
    return {**counted, **said_json(group.message, group.hint)}


def row_json(row: RowView) -> dict[str, Any]:
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
        "faults": [{"code": f.code, "field": f.field or None, **said_json(f.message, f.hint)} for f in row.faults],
    }


def _seconds(moment: datetime | None) -> int | None:
    return int(moment.timestamp()) if moment is not None else None
