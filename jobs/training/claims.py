"""Claims on a job's preparation: one worker reads its data, the others pass by, and a dead one's work is taken up."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Now

from common.heartbeats import beating
from jobs.models import FineTuningJob


@contextmanager
def claimed(job: FineTuningJob) -> Iterator[bool]:
    """Hold the preparation of `job` and show every few seconds that this worker lives; yield False when it is held."""
    if not FineTuningJob.objects.unprepared().filter(pk=job.pk).update(preparing_at=Now()):
        yield False
        return
    held, seconds = _preparing(job.pk), settings.TIMES.preparing_silent_seconds / 4
    try:
        with beating(lambda: held.update(preparing_at=Now()), seconds=seconds, what=job.pk):
            yield True
    finally:
        held.update(preparing_at=None)


def _preparing(job_id: str) -> QuerySet[FineTuningJob]:
    return FineTuningJob.objects.filter(pk=job_id, status=FineTuningJob.Status.VALIDATING, preparing_at__isnull=False)
