"""Wake-ups of the data sets."""

from celery import shared_task

from common.idempotency import forget_outdated
from common.wake import wake
from datasets_app import checking, removal, writing
from datasets_app.models import TrainingFile

AT_ONCE = 100
"""Files woken in one round."""


@shared_task(name="datasets_app.validate_file")
def validate_file(file_id: str) -> None:
    """Check one file."""
    checking.check_file(file_id)


@shared_task(name="datasets_app.make_file")
def make_file(file_id: str) -> None:
    """Make one file out of others, and have it checked."""
    writing.make_file(file_id)
    checking.check_file(file_id)


@shared_task(name="datasets_app.wake_unchecked")
def wake_unchecked() -> None:
    """Wake the making and the check of every file that waits; one that a worker is at is left alone."""
    for file in TrainingFile.objects.unmade().order_by("created_at")[:AT_ONCE]:
        wake(make_file, file.pk)
    for file in TrainingFile.objects.unchecked().order_by("created_at")[:AT_ONCE]:
        wake(validate_file, file.pk)


@shared_task(name="datasets_app.sweep")
def sweep() -> None:
    """Remove expired files and uploads."""
    removal.sweep()
    forget_outdated()


PERIODIC = {
    "wake-unchecked-files": ("datasets_app.tasks.wake_unchecked", 5),
    "sweep-files": ("datasets_app.tasks.sweep", 60),
}
