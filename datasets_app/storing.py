"""Where the bytes of files and parts lie (STORAGES["datasets"]), under names that no user chooses."""

import logging
from typing import IO

from django.core.files.storage import Storage, storages
from django.db import transaction

from accounts.models import Team
from common.errors import UserError
from datasets_app.models import TrainingFile
from datasets_app.spooling import Spool

logger = logging.getLogger(__name__)


def storage() -> Storage:
    """Return the storage of data sets."""
    return storages["datasets"]


def name_for(team: Team, object_id: str) -> str:
    """Return where an object of `team` lies."""
    return f"{team.pk}/{object_id}"


def store(spool: Spool, name: str) -> str:
    """Put the whole of `spool` into storage and return the name under which it lies."""
    with spool.as_file() as content:
        return storage().save(name, content)


def open_content(file: TrainingFile) -> IO[bytes]:
    """Open the file's bytes for reading in blocks; UserError when they are still made, or storage has lost them."""
    if not file.storage_name:
        raise UserError(
            f"{file.filename} ({file.id}) is still being made. Try again in a moment.", code="file_not_ready"
        )
    try:
        return storage().open(file.storage_name, "rb")  # type: ignore[return-value]
    except FileNotFoundError:
        raise UserError(
            f"The content of {file.filename} ({file.id}) is missing from storage. Upload the file again.",
            code="file_content_missing",
            status=500,
        ) from None


def remove(name: str) -> None:
    """Delete an object; one that cannot be deleted now is logged and swept up later."""
    try:
        storage().delete(name)
    except Exception:
        logger.exception("%s could not be deleted from storage.", name)


def remove_on_commit(name: str) -> None:
    """Delete an object once the current transaction has committed."""
    transaction.on_commit(lambda: remove(name))
