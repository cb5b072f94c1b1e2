"""Takes files and uploads away: on request, when they expire, and what broken-off work has left behind."""

import shutil
import time
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction

from accounts.models import AuditEvent, Team, User
from common.errors import NotFound, UserError
from datasets_app import hooks
from datasets_app.messages import message
from datasets_app.models import TrainingFile, Upload, UploadPart
from datasets_app.storage import store
from datasets_app.storage.node_files import rows_folder

DELETED = "file.deleted"
LEFT_BEHIND_SECONDS = 24 * 3600
"""A temporary file this old is no longer in use."""


def remove_file(file: TrainingFile, *, by: User | None = None) -> None:
    """Delete the row, then the bytes; UserError 409 while something needs the file."""
    with transaction.atomic():
        # Locked, so that a job created meanwhile either is seen by the guards or no longer finds the file.
        locked = TrainingFile.objects.select_for_update().filter(pk=file.pk).first()
        if locked is None:
            return
        if reason := hooks.reason_to_keep(locked):
            raise UserError(reason, code="file_in_use", status=409)
        if child := TrainingFile.objects.made_from(locked).first():
            raise UserError(
                message("file_being_used", made=child.filename, file=child.pk, filename=locked.filename),
                code="file_in_use",
                status=409,
            )
        for upload in Upload.objects.filter(file=locked):
            remove_parts(upload)  # which a worker may just be putting together
        store.remove_on_commit(*_objects_of(locked))
        folder = rows_folder(locked.pk)
        transaction.on_commit(lambda: shutil.rmtree(folder, ignore_errors=True))
        # What a list goes on from, when its last row was deleted meanwhile; the record that it existed.
        facts = {
            "created_at": locked.created_at.isoformat(),
            "purpose": locked.purpose,
            "bytes": locked.bytes,
        }
        AuditEvent.record(actor=by, team=locked.team, action=DELETED, target=locked.pk, before=facts)
        locked.delete()


def _objects_of(file: TrainingFile) -> list[str]:
    """Return all that storage may have of a file, also what a check or a making that was broken off has put there."""
    faults = (file.statistics or {}).get("fault_list", {}).get("name", "")
    names = [file.storage_name, store.name_for(file.team, file.pk), faults, store.fault_list_name(file)]
    return list(dict.fromkeys(filter(None, names)))


def place_of(*, team: Team, file_id: str) -> tuple[datetime, str]:
    """Return (created_at, id) of a file of `team`, also of one that was deleted; NotFound names `after`."""
    if "\0" not in file_id:
        if file := TrainingFile.objects.visible_to(team).filter(pk=file_id).first():
            return file.created_at, file.pk
        gone = AuditEvent.objects.filter(team=team, action=DELETED, target=file_id).order_by("-pk").first()
        if gone is not None and gone.before is not None:
            return datetime.fromisoformat(gone.before["created_at"]), file_id
    raise NotFound(message("no_file_to_go_on_after", file=repr(file_id[:60])), code="file_not_found", param="after")


def close_upload(upload: Upload, status: str) -> bool:
    """Give a pending upload its last status and delete its parts; False when it was closed or continued."""
    with transaction.atomic():
        locked = Upload.objects.select_for_update().filter(pk=upload.pk)
        # Asked anew: a part that has just come gave an overdue upload another hour.
        if status == Upload.Status.EXPIRED and locked.overdue().first() is None:
            upload.refresh_from_db()
            return False
        if not upload.move(status):
            return False
        remove_parts(upload)
    return True


def remove_parts(upload: Upload) -> None:
    """Delete all parts of an upload, in the caller's transaction."""
    parts = UploadPart.objects.filter(upload=upload)
    store.remove_on_commit(*parts.values_list("storage_name", flat=True))
    parts.delete()


def remove_joined(file_id: str | None = None) -> None:
    """Delete the parts of completed uploads that nobody needs any more: of one file's, or of all."""
    uploads = Upload.objects.joined()
    for upload in uploads.filter(file=file_id) if file_id else uploads:
        with transaction.atomic():
            remove_parts(upload)


def sweep() -> None:
    """Remove what has expired; a file that a job needs stays until it is no longer needed."""
    for file in TrainingFile.objects.expired():
        if hooks.reason_to_keep(file) is None:
            remove_file(file)
    for upload in Upload.objects.overdue():
        close_upload(upload, Upload.Status.EXPIRED)
    remove_joined()
    _sweep_temporary(settings.LUTHIER_HOME / "tmp", "upload-*")


def _sweep_temporary(folder: Path, pattern: str) -> None:
    for path in folder.glob(pattern):
        try:
            if time.time() - path.stat().st_mtime > LEFT_BEHIND_SECONDS:
                path.unlink()
        except FileNotFoundError:
            continue  # Another worker was first.
