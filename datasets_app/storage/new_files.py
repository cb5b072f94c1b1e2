"""Puts a new file into storage and the database, all or nothing, and has it checked."""

from collections.abc import Callable

from django.db import transaction

from common.wake import wake
from datasets_app.models import TrainingFile
from datasets_app.storage import store
from datasets_app.storage.making import AT_ONCE_BYTES
from datasets_app.storage.spool import Spool
from datasets_app.tasks import make_file, validate_file


def save_new(file: TrainingFile, spool: Spool, *, before: Callable[[], None] = lambda: None) -> TrainingFile:
    """Put the bytes into storage, then the row into the database; without the row the bytes go again.

    `before` is called in the row's transaction, just before it is written.
    """
    file.bytes, file.sha256 = spool.num_bytes, spool.sha256
    file.storage_name = store.store(spool, store.name_for(file.team, file.pk))
    try:
        with transaction.atomic():
            before()
            file.save(force_insert=True)
            if file.status == TrainingFile.Status.UPLOADED:
                wake(validate_file, file.pk)
    except BaseException:
        store.remove(file.storage_name)
        raise
    return file


def is_large(num_bytes: int) -> bool:
    """Whether a file made of so many bytes is left to a worker."""
    return num_bytes > AT_ONCE_BYTES


@transaction.atomic
def save_unmade(file: TrainingFile, *, num_bytes: int = 0, before: Callable[[], None] = lambda: None) -> TrainingFile:
    """Put a row into the database whose bytes a worker makes, as its `made` says; `num_bytes`: known beforehand."""
    file.bytes, file.sha256, file.storage_name = num_bytes, "", ""
    before()
    file.save(force_insert=True)
    wake(make_file, file.pk)
    return file
