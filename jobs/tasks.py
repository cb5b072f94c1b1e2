"""Wake-ups of jobs."""

from celery import shared_task
from django.conf import settings

from common.wake import wake
from jobs import reconciling, validation
from jobs.models import FineTuningJob


@shared_task(name="jobs.validate_job")
def validate_job(job_id: str) -> None:
    """Read the job's data and queue it."""
    validation.advance(job_id)


@shared_task(name="jobs.reconcile")
def reconcile_jobs() -> None:
    """Wake what nobody looks after."""
    for job_id in reconciling.to_validate():
        wake(validate_job, job_id)
    reconciling.repeat_wishes()
    reconciling.close_lost_attempts()


def wake_jobs_of(file_id: str) -> None:
    """Wake the jobs that wait for this file's check."""
    waiting = FineTuningJob.objects.filter(status=FineTuningJob.Status.VALIDATING)
    for field in ("training_file_id", "validation_file_id"):
        for job_id in waiting.filter(**{field: file_id}).values_list("pk", flat=True):
            wake(validate_job, job_id)


PERIODIC = {"jobs-reconcile": ("jobs.tasks.reconcile_jobs", max(1.0, settings.TIMES.reconcile_seconds))}
