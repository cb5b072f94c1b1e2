"""Files and uploads as OpenAI's API writes them; times are unix seconds."""

from datetime import datetime
from typing import Any

from datasets_app.models import Fault, TrainingFile, Upload, UploadPart


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
        "status_details": file.status_details or None,
    }


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


def fault_json(fault: Fault) -> dict[str, Any]:
    """Return one fault; `line` is null when it is the whole file's."""
    return {
        "line": fault.line,
        "field": fault.field or None,
        "code": fault.code,
        "message": fault.message,
        "hint": fault.hint,
    }


def _seconds(moment: datetime | None) -> int | None:
    return int(moment.timestamp()) if moment is not None else None
