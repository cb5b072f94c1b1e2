"""Wake-ups of the data sets."""

from celery import shared_task

from common.idempotency import forget_outdated
from common.wake import wake
from datasets_app import checking, removal
from datasets_app.models import TrainingFile

AT_ONCE = 100
"""Files woken in one round."""


@shared_task(name="datasets_app.validate_file")
def validate_file(file_id: str) -> None:
    """Check one file."""
    checking.check_file(file_id)


@shared_task(name="datasets_app.wake_unchecked")
def wake_unchecked() -> None:
    """Wake the check of every file that waits for it; one that is being checked is left alone."""
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
