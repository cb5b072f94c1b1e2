"""The outbox is looked at when something was written, and every few seconds for what was not heard or is due again."""

from celery import shared_task
from django.conf import settings

from common.rounds import alone
from webhooks import delivering
from webhooks.outbox import DELIVER


@shared_task(name=DELIVER)
def deliver() -> None:
    """Send what is due; one round at a time on a machine."""
    with alone("webhooks") as is_alone:
        if is_alone:
            delivering.deliver_due()


PERIODIC = {"webhooks-deliver": ("webhooks.tasks.deliver", max(1.0, settings.TIMES.reconcile_seconds))}
