"""Wake-ups of the data sets."""

from celery import shared_task
from django.conf import settings

from common.idempotency import forget_outdated
from common.rounds import alone
from common.wake import wake
from compute.wakes import wake_every_node
from datasets_app.checking import recording
from datasets_app.models import TrainingFile
from datasets_app.storage import leftovers, new_files, removal

AT_ONCE = 100
"""Files woken in one round."""


@shared_task(name="datasets_app.check_file")
def check_file(file_id: str) -> None:
    """Check one file."""
    recording.check_file(file_id)


@shared_task(name="datasets_app.make_file")
def make_file(file_id: str) -> None:
    """Make one file out of others, or of an upload's parts, and have it checked."""
    new_files.make_file(file_id)
    removal.remove_joined(file_id)
    recording.check_file(file_id)


@shared_task(name="datasets_app.wake_unchecked")
def wake_unchecked() -> None:
    """Wake the making and the check of every file that waits; one that a worker is at is left alone."""
    for file in TrainingFile.objects.unmade().order_by("created_at")[:AT_ONCE]:
        wake(make_file, file.pk)
    for file in TrainingFile.objects.unchecked().order_by("created_at")[:AT_ONCE]:
        wake(check_file, file.pk)


@shared_task(name="datasets_app.sweep")
def sweep() -> None:
    """Remove expired files and uploads."""
    removal.sweep()
    forget_outdated()


@shared_task(name="datasets_app.erase_here")
def erase_here() -> None:
    """Erase what this machine's home has of deleted files."""
    leftovers.erase_here(settings.LUTHIER_HOME)


@shared_task(name="datasets_app.erase_deleted")
def erase_deleted() -> None:
    """Erase deleted files from each node, the home of this worker and storage."""
    wake_every_node(erase_here)
    leftovers.erase_here(settings.LUTHIER_HOME)
    with alone("erase-files") as is_alone:
        if is_alone:
            leftovers.erase_stored()


PERIODIC = {
    "wake-unchecked-files": ("datasets_app.tasks.wake_unchecked", 5),
    "sweep-files": ("datasets_app.tasks.sweep", 30),
    "erase-deleted-files": ("datasets_app.tasks.erase_deleted", 20),
}
