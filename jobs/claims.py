"""Claims on a job's preparation: one worker reads its data, the others pass by, and a dead one's work is taken up."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import QuerySet
from django.db.models.functions import Now

from jobs.models import FineTuningJob

logger = logging.getLogger(__name__)


@contextmanager
def claimed(job: FineTuningJob) -> Iterator[bool]:
    """Hold the preparation of `job` and show every few seconds that this worker lives; yield False when it is held."""
    if not FineTuningJob.objects.unprepared().filter(pk=job.pk).update(preparing_at=Now()):
        yield False
        return
    ended = threading.Event()
    thread = threading.Thread(target=_keep, args=(job.pk, ended), name=f"prepare-{job.pk}", daemon=True)
    thread.start()
    try:
        yield True
    finally:
        ended.set()
        thread.join()
        _preparing(job.pk).update(preparing_at=None)


def _keep(job_id: str, ended: threading.Event) -> None:
    while not ended.wait(settings.TIMES.preparing_silent_seconds / 4):
        try:
            _preparing(job_id).update(preparing_at=Now())
        except DatabaseError as error:
            logger.warning("The claim on %s was not renewed: %s", job_id, error)
        connection.close()  # this thread needs one for a moment, every few seconds


def _preparing(job_id: str) -> QuerySet[FineTuningJob]:
    return FineTuningJob.objects.filter(pk=job_id, status=FineTuningJob.Status.VALIDATING, preparing_at__isnull=False)
