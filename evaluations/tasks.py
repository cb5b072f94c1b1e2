"""Periodic care for evaluations; whatever a lost message or a dead process left undone is done by the next round."""

from celery import shared_task
from django.conf import settings

from evaluations.running import reconciling


@shared_task(name="evaluations.reconcile")
def reconcile_evaluations() -> None:
    """Pass on requests to cancel, and continue evaluations whose Run ended without consequences."""
    reconciling.repeat_requests()
    reconciling.continue_stranded()


PERIODIC = {
    "evaluations-reconcile": ("evaluations.tasks.reconcile_evaluations", max(1.0, settings.TIMES.reconcile_seconds))
}
