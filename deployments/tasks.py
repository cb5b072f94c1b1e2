"""Periodic care for replicas; whatever a lost message or a dead process left undone is done by the next round."""

from celery import shared_task
from django.conf import settings

from deployments import replicas


@shared_task  # type: ignore[untyped-decorator]
def care_for_replicas() -> None:
    """End what ended, restart what should answer, and let idle shared replicas give way or sleep."""
    replicas.end_what_ended()
    replicas.restart_deployments()
    replicas.note_idleness()
    replicas.put_to_sleep()


PERIODIC = {"deployments-care": ("deployments.tasks.care_for_replicas", max(1.0, settings.TIMES.reconcile_seconds))}
