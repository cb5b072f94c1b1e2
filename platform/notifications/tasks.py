"""Mail is sent when something was written, and every few seconds for what was not heard or is due again."""

from celery import shared_task
from django.conf import settings

from common.rounds import alone
from notifications import mailing
from notifications.telling import MAIL


@shared_task(name=MAIL)
def mail() -> None:
    """Send what is due; one round at a time on a machine."""
    with alone("mail") as is_alone:
        if is_alone:
            mailing.send_waiting()


PERIODIC = {"notifications-mail": ("notifications.tasks.mail", max(2.0, settings.TIMES.reconcile_seconds))}
