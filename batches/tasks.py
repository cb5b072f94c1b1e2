"""Wake-ups of batches; whatever a lost message or a dead worker left undone is done by the next round."""

from celery import shared_task
from celery.signals import worker_shutting_down
from django.conf import settings

from batches.running import driving


@shared_task(name="batches.drive")
def drive() -> None:
    """Work on batches until there are none; a machine has one such task at a time."""
    driving.drive()


@worker_shutting_down.connect(weak=False)  # type: ignore[untyped-decorator]
def let_go(**_signal: object) -> None:
    """Begin nothing any more: the next worker goes on where this one ends."""
    driving.stopping.set()


PERIODIC = {"batches-drive": ("batches.tasks.drive", max(1.0, settings.TIMES.reconcile_seconds))}
