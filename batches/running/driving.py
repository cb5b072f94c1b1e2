"""The batches of one control worker: it takes up what nobody is at, and lets go of it where it is told to stop."""

import asyncio
import logging
import shutil
import tempfile
import threading
from collections import Counter
from pathlib import Path
from typing import IO

from django.conf import settings
from django.utils.translation import override

from batches.messages import message
from batches.models import Batch
from batches.running.asking import Asking
from batches.running.checking import check, fail_whole
from batches.running.lines import raw_lines, read_line
from batches.running.writing import LANGUAGE, Lost, finish, note_expired
from common.rounds import alone
from common.templatetags.luthier import size
from datasets_app.models import TrainingFile
from datasets_app.storage.store import open_content
from deployments.gateway.gateway import gateway
from deployments.gateway.in_flight import in_database

logger = logging.getLogger(__name__)

MOST_BATCHES = 8
"""Under way at once in one worker; of each team one before any has a second."""
MOST_BYTES = 200 * 10**6
"""Of a file of requests, as OpenAI has it."""
MOST_CHECKS = 3
"""How often the reading of one file is started: what ends its process every time must be the file."""
stopping = threading.Event()
"""Set once this worker is to end."""


def drive() -> None:
    """Work on batches as long as there are any; does nothing where this machine does so already."""
    with alone("batches") as is_alone:
        if is_alone and not stopping.is_set():
            with override(LANGUAGE):
                asyncio.run(Driver().run())


class Driver:
    """The batches that are under way here."""

    def __init__(self) -> None:
        self._at_once = asyncio.Semaphore(settings.BATCH_REQUESTS)
        self._tasks: dict[asyncio.Task[None], Batch] = {}

    async def run(self) -> None:
        """Return once there is nothing left to do, or this worker is to stop."""
        try:
            while True:
                for batch in await in_database(self._taken):
                    self._tasks[asyncio.create_task(self._work_on(batch))] = batch
                if not self._tasks:
                    return
                done, _ = await asyncio.wait(
                    self._tasks, timeout=settings.TIMES.reconcile_seconds, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    del self._tasks[task]
        finally:
            await gateway().close()

    def _taken(self) -> list[Batch]:
        """Take up batches that nobody is at, as many as there is room for."""
        room = MOST_BATCHES - len(self._tasks)
        if stopping.is_set() or room <= 0:
            return []
        of_team = Counter(batch.team_id for batch in self._tasks.values())
        waiting = list(Batch.objects.unattended().order_by("created_at").select_related("team"))
        taken: list[Batch] = []
        while waiting and len(taken) < room:
            batch = min(waiting, key=lambda one: of_team[one.team_id])
            waiting.remove(batch)
            if batch.take():
                of_team[batch.team_id] += 1
                taken.append(batch)
        return taken

    async def _work_on(self, batch: Batch) -> None:
        """Bring one batch as far as it goes, and let go of it; one that breaks off waits until its heartbeat is old."""
        beats = asyncio.create_task(self._beat(batch))
        try:
            await self._advance(batch)
            await in_database(batch.release)
        except Lost:
            logger.info("The batch %s is another worker's now.", batch.pk)
        except Exception:
            logger.exception("The work on batch %s broke off; it is taken up again.", batch.pk)
        finally:
            beats.cancel()
            await asyncio.wait([beats])

    async def _beat(self, batch: Batch) -> None:
        while True:
            await asyncio.sleep(settings.TIMES.preparing_silent_seconds / 4)
            try:
                await in_database(batch.beat)
            except Exception as error:
                logger.warning("The claim on batch %s was not renewed: %s", batch.pk, error)

    async def _advance(self, batch: Batch) -> None:
        with tempfile.TemporaryFile(dir=_folder(), prefix="batch-") as stream:
            if batch.status != Batch.Status.CANCELLING and not await in_database(_copied, batch, stream):
                return
            if batch.status == Batch.Status.VALIDATING and not await in_database(_check, batch, stream):
                return
            if batch.status == Batch.Status.IN_PROGRESS:
                asking = await in_database(Asking, batch, stream, at_once=self._at_once, stops=stopping.is_set)
                if not await asking.run():
                    return
                await in_database(batch.move, Batch.Status.FINALIZING)
            if batch.status == Batch.Status.FINALIZING:
                await in_database(_note_missing, batch, stream)
            await in_database(finish, batch)


def _folder() -> Path:
    folder = Path(settings.LUTHIER_HOME) / "tmp"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _copied(batch: Batch, stream: IO[bytes]) -> bool:
    """Copy the requests here, so that no connection to storage has to last for hours; False for a batch that failed.

    One that has begun goes on without its file: what it has is kept.
    """
    file = TrainingFile.objects.filter(pk=batch.input_file_id).first()
    said = message("batch_file_deleted")
    if file is not None and file.bytes > MOST_BYTES:
        said = message("batch_file_too_large", size=size(MOST_BYTES))
    elif file is not None and file.status == TrainingFile.Status.ERROR:
        said = message("batch_file_unreadable", reason=file.status_details or message("batch_file_deleted"))
    elif file is not None:
        with open_content(file) as content:
            shutil.copyfileobj(content, stream)
        return True
    if batch.status == Batch.Status.VALIDATING:
        return fail_whole(batch, said, code="file_unusable")
    return True


def _check(batch: Batch, stream: IO[bytes]) -> bool:
    """Check the requests; False where the batch does not begin."""
    if batch.num_checks >= MOST_CHECKS:
        return fail_whole(batch, message("batch_check_failed", times=MOST_CHECKS), code="file_unusable")
    Batch.objects.filter(pk=batch.pk).update(num_checks=batch.num_checks + 1)
    stream.seek(0)
    return check(batch, stream)


def _note_missing(batch: Batch, stream: IO[bytes]) -> None:
    """Note of each request that was not asked in time that there is no answer."""
    answered = set(batch.answers.values_list("number", flat=True))
    stream.seek(0)
    missing = (
        read_line(number, content, endpoint=batch.endpoint)
        for number, content in raw_lines(stream)
        if number not in answered
    )
    note_expired(batch, ((line.number, line.custom_id) for line in missing))
