"""Large files in parts: opened, filled, completed in the order that the client names.

Small ones are put together at once. Those of a large one are put together by a worker: the upload is completed, and
its file follows.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import Team, User
from accounts.roles import require_own
from common.errors import NotFound, UserError
from datasets_app.formats.streams import BLOCK, HEAD_BYTES
from datasets_app.messages import message
from datasets_app.models import Made, TrainingFile, Upload, UploadPart
from datasets_app.services import (
    ExpiresAfter,
    check_purpose,
    expiry_of,
    readable_name,
    safe_filename,
    store_file,
    uploaded,
)
from datasets_app.storage import new_files, store
from datasets_app.storage.new_files import Write, writes
from datasets_app.storage.removal import close_upload, remove_parts
from datasets_app.storage.spool import Spool
from ledger.storage import require_room

OPEN_FOR = timedelta(hours=1)
"""How long an upload waits for its next part."""
PART_BYTES = 8 * 2**20
"""What the console sends at a time: a line that breaks costs at most so much."""
MOST_PART_BYTES = 64 * 2**20
MOST_PARTS = 10_000
NO_DATA = ("image/", "audio/", "video/", "font/", "model/", "application/pdf")
"""Beginnings of the MIME types of files that no data set is."""
_MIME_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+(?:\s*;.*)?", re.ASCII)
_STATES = {
    Upload.Status.COMPLETED: message("upload_completed"),
    Upload.Status.CANCELLED: message("upload_cancelled"),
    Upload.Status.EXPIRED: message("upload_expired"),
}


def get_upload(*, team: Team, upload_id: str) -> Upload:
    """Return an upload of `team`; NotFound for everybody else's."""
    uploads = Upload.objects.visible_to(team).select_related("file")
    upload = uploads.filter(pk=upload_id).first() if "\0" not in upload_id else None
    if upload is None:
        raise NotFound(
            message("no_such_upload", upload=repr(upload_id[:60])), code="upload_not_found", param="upload_id"
        )
    return upload


def check_mime_type(mime_type: str) -> None:
    """Refuse what is announced as something that no data set is; "" is what browsers do not know."""
    if mime_type and not _MIME_TYPE.fullmatch(mime_type):
        raise UserError(
            message("no_mime_type", type=repr(mime_type[:60])),
            code="invalid_value",
            param="mime_type",
        )
    if mime_type.lower().startswith(NO_DATA):
        raise UserError(message("unsupported_mime_type", type=repr(mime_type[:60])), param="mime_type")


@transaction.atomic
def create_upload(
    *,
    team: Team,
    by: User | None,
    filename: str,
    purpose: str,
    num_bytes: int,
    mime_type: str = "",
    expires_after: ExpiresAfter | None = None,
) -> Upload:
    """Open an upload of `num_bytes`, for which its team has room, and which waits an hour for each next part."""
    check_purpose(purpose)
    check_mime_type(mime_type)
    expiry_of(expires_after)
    if not 0 < num_bytes <= settings.MAX_UPLOAD_BYTES:
        raise UserError(
            message("bytes_out_of_range", bytes=num_bytes, most=settings.MAX_UPLOAD_BYTES),
            code="invalid_value",
            param="bytes",
        )
    require_room(team, num_bytes)
    return Upload.objects.create(
        team=team,
        created_by=by,
        filename=safe_filename(filename),
        purpose=purpose,
        bytes=num_bytes,
        expires_after=expires_after,
        expires_at=timezone.now() + OPEN_FOR,
    )


def add_part(*, upload: Upload, spool: Spool) -> UploadPart:
    """Store one part, and wait an hour for the next; parts may come in any order and at the same time."""
    require_pending(upload)
    if not spool.num_bytes:
        raise UserError(message("part_empty"), code="empty_part", param="data")
    part = UploadPart(upload=upload, bytes=spool.num_bytes)
    part.storage_name = store.store(spool, store.name_for(upload.team, part.pk))
    try:
        with transaction.atomic():
            locked = Upload.objects.select_for_update().get(pk=upload.pk)
            require_pending(locked)
            parts = list(locked.parts.values_list("bytes", flat=True))
            if sum(parts) + part.bytes > 2 * locked.bytes or len(parts) >= MOST_PARTS:
                # Twice what was announced leaves room for parts that were sent again.
                raise UserError(
                    message("parts_too_large", bytes=locked.bytes),
                    code="too_many_parts",
                    param="data",
                )
            part.save(force_insert=True)
            # A large file over a slow line takes hours: what counts is that it still comes.
            _keep_open(locked)
    except BaseException:
        store.remove(part.storage_name)
        raise
    return part


def received_parts(upload: Upload) -> list[UploadPart]:
    """Return the parts that are here in the order in which they came; none once the upload is closed."""
    is_open = upload.status == Upload.Status.PENDING
    return list(upload.parts.order_by("created_at", "pk")) if is_open else []


def complete_upload(*, upload: Upload, part_ids: Sequence[str], md5: str | None = None) -> Upload:
    """Join the parts in the order of `part_ids` into a file and have it checked.

    UserError, with the upload still open, when a part is unknown, or bytes or MD5 are not what was announced; of a
    large file a worker finds a wrong MD5, and says so at the file. An upload that is already completed is returned as
    it is, since a client whose reply was lost asks again.
    """
    if upload.status == Upload.Status.COMPLETED:
        return upload
    require_pending(upload)
    parts = _ordered(upload, part_ids)
    if new_files.is_large(upload.bytes):
        return _left_to_a_worker(upload, parts, md5)
    # Joining takes minutes for the largest, and nothing of it may be swept up meanwhile.
    _keep_open(upload)
    with _joined(upload, parts, md5) as spool:
        return _completed(upload, spool)


@writes("upload")
def write_joined(file: TrainingFile, write: Write) -> Made:
    """Write the parts of the upload that `file` comes from; UserError where they are not what was announced."""
    upload = Upload.objects.filter(file=file).first()
    parts = list(upload.parts.filter(place__isnull=False).order_by("place")) if upload else []
    if upload is None or sum(part.bytes for part in parts) != upload.bytes:
        raise UserError(message("parts_gone"), code="part_missing")
    _join(parts, write, upload.md5)
    return {}


def cancel_upload(*, upload: Upload, by: User | None) -> Upload:
    """Give an upload up and delete its parts."""
    require_own(by=by, team=upload.team, author_id=upload.created_by_id)
    require_pending(upload)
    if not close_upload(upload, Upload.Status.CANCELLED):
        require_pending(upload)  # completed, or out of time, a moment ago
    upload.refresh_from_db()
    return upload


def require_pending(upload: Upload) -> None:
    """Raise UserError unless parts may still come."""
    expire_if_overdue(upload)
    if upload.status != Upload.Status.PENDING:
        raise UserError(message("upload_not_pending", state=_STATES[Upload.Status(upload.status)]))


def expire_if_overdue(upload: Upload) -> None:
    """Close an expired upload that has not been swept up yet."""
    if upload.status == Upload.Status.PENDING and upload.expires_at <= timezone.now():
        close_upload(upload, Upload.Status.EXPIRED)


def _keep_open(upload: Upload) -> None:
    pending = Upload.objects.filter(pk=upload.pk, status=Upload.Status.PENDING)
    pending.update(expires_at=timezone.now() + OPEN_FOR)


def _completed(upload: Upload, spool: Spool) -> Upload:
    stored = ""
    try:
        with transaction.atomic():
            # Two completions at once: the second waits here and finds the upload completed.
            locked = Upload.objects.select_for_update().get(pk=upload.pk)
            if locked.status == Upload.Status.COMPLETED:
                return locked
            require_pending(locked)
            file = store_file(
                team=locked.team,
                by=locked.created_by,
                filename=locked.filename,
                purpose=locked.purpose,
                spool=spool,
                expires_after=locked.expires_after,
                reserved=locked.bytes,
            )
            stored = file.storage_name
            locked.move(Upload.Status.COMPLETED, file=file)
            remove_parts(locked)
    except BaseException:
        if stored:
            store.remove(stored)
        raise
    return locked


def _ordered(upload: Upload, part_ids: Sequence[str]) -> list[UploadPart]:
    known = {part.pk: part for part in upload.parts.all()}
    if len(set(part_ids)) != len(part_ids):
        raise UserError(message("part_named_twice"), code="invalid_value", param="part_ids")
    missing = next((part_id for part_id in part_ids if part_id not in known), None)
    if missing is not None:
        raise UserError(message("no_such_part", part=repr(missing[:60])), code="part_not_found", param="part_ids")
    parts = [known[part_id] for part_id in part_ids]
    total = sum(part.bytes for part in parts)
    if total != upload.bytes:
        raise UserError(message("wrong_size", bytes=total, announced=upload.bytes), param="part_ids")
    return parts


def _left_to_a_worker(upload: Upload, parts: Sequence[UploadPart], md5: str | None) -> Upload:
    """Complete the upload with a file whose bytes a worker puts together."""
    name = readable_name(_head(parts), upload.filename)
    for place, part in enumerate(parts):
        part.place = place
    with transaction.atomic():
        locked = Upload.objects.select_for_update().get(pk=upload.pk)
        if locked.status == Upload.Status.COMPLETED:
            return locked
        require_pending(locked)
        UploadPart.objects.bulk_update(parts, ["place"], batch_size=1000)
        file = uploaded(
            team=locked.team,
            by=locked.created_by,
            name=name,
            purpose=locked.purpose,
            expires_after=locked.expires_after,
        )
        new_files.save_unmade(file, num_bytes=locked.bytes, reserved=locked.bytes)
        locked.move(Upload.Status.COMPLETED, file=file, md5=md5 or "")
    return locked


def _head(parts: Sequence[UploadPart]) -> bytes:
    """Return the first bytes of the file."""
    head = b""
    for block in _blocks(parts):
        head += block
        if len(head) >= HEAD_BYTES:
            break
    return head[:HEAD_BYTES]


def _joined(upload: Upload, parts: Sequence[UploadPart], md5: str | None) -> Spool:
    spool = Spool(limit=upload.bytes)
    try:
        _join(parts, spool.write, md5)
    except BaseException:
        spool.discard()
        raise
    return spool


def _join(parts: Iterable[UploadPart], write: Write, md5: str | None) -> None:
    # As the client sends it, to notice a broken transfer; nothing trusts it.
    digest = hashlib.md5(usedforsecurity=False)
    for block in _blocks(parts):
        digest.update(block)
        write(block)
    if md5 and md5.lower() != digest.hexdigest():
        raise UserError(message("wrong_checksum", found=digest.hexdigest(), said=repr(md5[:40])), param="md5")


def _blocks(parts: Iterable[UploadPart]) -> Iterator[bytes]:
    for part in parts:
        try:
            content = store.storage().open(part.storage_name, "rb")
        except FileNotFoundError:
            raise UserError(message("part_missing", part=part.pk), param="part_ids") from None
        with content:
            while block := content.read(BLOCK):
                yield block
