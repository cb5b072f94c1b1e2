"""Where the bytes of files and parts are stored (STORAGES["datasets"]), under names that no user chooses."""

import logging
from collections.abc import Sequence
from typing import IO

from django.core.files.storage import Storage, storages
from django.db import DatabaseError, transaction

from accounts.models import Team
from common.errors import UserError
from datasets_app.messages import message
from datasets_app.models import Leftover, TrainingFile
from datasets_app.storage.spool import Spool

logger = logging.getLogger(__name__)

AT_ONCE = 20
"""The most objects deleted while a request waits."""


def storage() -> Storage:
    """Return the storage of data sets."""
    return storages["datasets"]


def name_for(team: Team, object_id: str) -> str:
    """Return where an object of `team` is stored."""
    return f"{team.pk}/{object_id}"


def store(spool: Spool, name: str) -> str:
    """Put the whole of `spool` into storage and return its name there."""
    with spool.as_file() as content:
        return storage().save(name, content)


def open_content(file: TrainingFile) -> IO[bytes]:
    """Open the file's bytes for reading in blocks; UserError when they are still made, or storage has lost them."""
    require_made(file)
    try:
        return storage().open(file.storage_name, "rb")  # type: ignore[return-value]
    except FileNotFoundError:
        raise UserError(message("file_content_missing", filename=file.filename, file=file.pk), status=500) from None


def require_made(file: TrainingFile) -> None:
    """Raise UserError while the file's bytes are still made."""
    if not file.storage_name:
        raise UserError(message("file_being_made", filename=file.filename, file=file.pk), code="file_not_ready")


def fault_list_name(file: TrainingFile) -> str:
    """Return where the whole list of the file's faults is stored, if it has one."""
    return f"{name_for(file.team, file.pk)}.faults"


def remove(name: str) -> None:
    """Delete an object; one that cannot be deleted now is noted, and asked for again by a worker."""
    try:
        storage().delete(name)
    except Exception:
        logger.exception("%s could not be deleted from storage.", name)
        try:
            Leftover.note([name])
        except DatabaseError:
            logger.exception("%s stays in storage.", name)


def remove_on_commit(*names: str) -> None:
    """Have objects deleted once the current transaction has committed.

    They are noted in it, so that neither a storage that is away nor a process that dies leaves them behind. The first
    few go at once; a worker takes the others.
    """
    Leftover.note(names)
    transaction.on_commit(lambda: _let_go_at_once(names[:AT_ONCE]))


def let_go(name: str) -> None:
    """Delete an object that was noted, and forget it; the storage's own error when it cannot be deleted now."""
    storage().delete(name)
    Leftover.objects.filter(storage_name=name).delete()


def _let_go_at_once(names: Sequence[str]) -> None:
    for name in names:
        try:
            let_go(name)
        except Exception:
            logger.exception("%s could not be deleted from storage; a worker tries again.", name)
            return
