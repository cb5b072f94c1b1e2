"""Wake-ups of jobs."""

from celery import shared_task
from django.conf import settings

from common.log_lines import about
from common.rounds import alone
from common.wake import wake
from compute.wakes import wake_every_node
from jobs import erasing
from jobs.models import FineTuningJob
from jobs.training import reading_data, reconciling

ERASE_SECONDS = 20
"""What is deleted is gone within a minute, from storage and from every node."""


@shared_task(name="jobs.read_job_data")
def read_job_data(job_id: str) -> None:
    """Read the job's data and queue it."""
    with about(job=job_id):
        reading_data.advance(job_id)


@shared_task(name="jobs.reconcile")
def reconcile_jobs() -> None:
    """Wake what nobody looks after."""
    for job_id in reconciling.with_data_to_read():
        wake(read_job_data, job_id)
    reconciling.repeat_requests()
    reconciling.close_lost_attempts()
    reconciling.tell_of_hours()


@shared_task(name="jobs.erase_here")
def erase_here() -> None:
    """Erase what this machine's home has of deleted models."""
    erasing.erase_here(settings.LUTHIER_HOME)


@shared_task(name="jobs.erase_deleted")
def erase_deleted() -> None:
    """Erase deleted models from each node, the home of this worker and object storage."""
    wake_every_node(erase_here)
    erasing.erase_here(settings.LUTHIER_HOME)
    with alone("erase-models") as is_alone:
        if is_alone:
            erasing.erase_stored()


def wake_jobs_of(file_id: str) -> None:
    """Wake the jobs that wait for this file's check."""
    waiting = FineTuningJob.objects.filter(status=FineTuningJob.Status.READING_DATA)
    for field in ("training_file_id", "validation_file_id"):
        for job_id in waiting.filter(**{field: file_id}).values_list("pk", flat=True):
            wake(read_job_data, job_id)


PERIODIC = {
    "jobs-reconcile": ("jobs.tasks.reconcile_jobs", max(1.0, settings.TIMES.reconcile_seconds)),
    "jobs-erase-deleted": ("jobs.tasks.erase_deleted", ERASE_SECONDS),
}
