"""New files: stored at once, or made by a worker from the row, which says how.

Until the bytes are there such a row has no `storage_name`. Whatever breaks off is started again by the next worker.
"""

import logging
import time
from collections.abc import Callable
from typing import cast

from django.conf import settings
from django.db import transaction

from common.errors import UserError
from common.heartbeats import beating
from common.wake import wake
from datasets_app.models import HEARTBEAT_SECONDS, Made, TrainingFile
from datasets_app.storage import store
from datasets_app.storage.counting import PURPOSES
from datasets_app.storage.spool import Spool
from ledger.storage import require_room

logger = logging.getLogger(__name__)

AT_ONCE_BYTES = 16 * 2**20
"""Of sources up to this size a file is made while its author waits, of larger ones by a worker."""
CHECK, MAKE = "datasets_app.check_file", "datasets_app.make_file"
"""Tasks, by name: what they run puts files here in turn."""
TOLD_SECONDS = 0.5
BEAT_SECONDS = HEARTBEAT_SECONDS / 4

Write = Callable[[bytes], None]
Writer = Callable[[TrainingFile, Write], Made]
"""Writes every line of a file as its `made` says; returns what `made` gets besides. UserError: it would be useless;
NotYet: not now."""


class NotYet(Exception):
    """What a file is made of is not there yet; it is made at a later try."""


_writers: dict[str, Writer] = {}


def save_new(
    file: TrainingFile, spool: Spool, *, before: Callable[[], None] = lambda: None, reserved: int = 0
) -> TrainingFile:
    """Put the bytes into storage, then the row into the database; without the row the bytes go again.

    `before` is called in the row's transaction, just before it is written. UserError where its team has no room: for
    `reserved` bytes it was found before. A job's result is always stored, since to lose it would help nobody.
    """
    is_result = file.purpose not in PURPOSES
    if not is_result:
        require_room(file.team, spool.num_bytes - reserved)
    file.bytes, file.sha256 = spool.num_bytes, spool.sha256
    file.storage_name = store.store(spool, store.name_for(file.team, file.pk))
    try:
        with transaction.atomic():
            before()
            if not is_result:
                require_room(file.team, spool.num_bytes - reserved)
            file.save(force_insert=True)
            if file.status == TrainingFile.Status.UPLOADED:
                wake(CHECK, file.pk)
    except BaseException:
        store.remove(file.storage_name)
        raise
    return file


def is_large(num_bytes: int) -> bool:
    """Whether a file made of that many bytes is left to a worker."""
    return num_bytes > AT_ONCE_BYTES


@transaction.atomic
def save_unmade(
    file: TrainingFile, *, num_bytes: int = 0, before: Callable[[], None] = lambda: None, reserved: int = 0
) -> TrainingFile:
    """Put a row into the database whose bytes a worker makes, as its `made` says; `num_bytes`: known beforehand.

    Room is asked for as in `save_new`, and for what the file is larger in the end.
    """
    file.bytes, file.sha256, file.storage_name = num_bytes, "", ""
    before()
    require_room(file.team, num_bytes - reserved)
    file.save(force_insert=True)
    wake(MAKE, file.pk)
    return file


def writes(how: str) -> Callable[[Writer], Writer]:
    """Register the writer of files whose `made` has this "how"."""

    def register(writer: Writer) -> Writer:
        _writers[how] = writer
        return writer

    return register


def make_file(file_id: str) -> None:
    """Write the bytes of a file that waits for them; does nothing when it is gone, made, or another worker is at it."""
    file = TrainingFile.objects.filter(pk=file_id).first()
    if file is None or not file.claim_making():
        return
    beats = beating(file.beat_making, seconds=BEAT_SECONDS, what=file.pk)
    with beats, _Progress(file, limit=settings.MAX_UPLOAD_BYTES) as spool:
        try:
            added = _writers[file.made["how"]](file, spool.write)
            require_room(file.team, spool.num_bytes - file.bytes)
        except NotYet:
            file.release_making()
            return
        except UserError as error:
            file.record_unmade(error.message)
            return
        name = store.store(spool, store.name_for(file.team, file.pk))
        kept = file.record_content(
            storage_name=name, num_bytes=spool.num_bytes, sha256=spool.sha256, made={**cast(Made, file.made), **added}
        )
    if not kept and not TrainingFile.objects.filter(storage_name=name).exists():
        store.remove(name)  # the file is gone, or another worker was first


class _Progress(Spool):
    """A spool that says on its file's row how far it is."""

    def __init__(self, file: TrainingFile, *, limit: int) -> None:
        super().__init__(limit=limit)
        self._made = file
        self._num_rows = 0
        self._told_at = time.monotonic()

    def write(self, block: bytes) -> None:
        super().write(block)
        self._num_rows += 1
        now = time.monotonic()
        if now - self._told_at > TOLD_SECONDS:
            self._told_at = now
            self._made.save_progress({"rows": self._num_rows, "bytes": self.num_bytes})
