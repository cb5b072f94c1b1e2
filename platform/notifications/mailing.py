"""Sends the mail that waits, each in its reader's language; what a server does not take is tried again for days."""

import logging
import smtplib
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from common.wording import in_words
from notifications.models import Notice
from webhooks.delivering import pause_seconds

logger = logging.getLogger(__name__)

AT_ONCE = 100
HOLD_SECONDS = 300
"""So long a worker has for a mail that it has taken; then another one sends it."""
LONGEST_REASON = 2000


def send_waiting() -> None:
    """Send what is due by one connection."""
    if not settings.MAIL_IS_ON:
        return
    due = Notice.objects.unsent(timezone.now()).select_related("user", "team").order_by("mail_at", "pk")[:AT_ONCE]
    if not due:
        return
    connection = get_connection(fail_silently=False)
    try:
        for notice in due:
            if _take(notice):
                _send(notice, connection)
    finally:
        connection.close()


def mail_of(notice: Notice) -> EmailMessage:
    """Return the mail of a notice, in the language of its reader."""
    with translation.override(notice.user.language or settings.LANGUAGE_CODE):
        about = f"{notice.what}: {notice.subject}" if notice.subject else notice.what
        lines = [f"{notice.team.name} · {about}"]
        lines += [in_words(notice.because)[:LONGEST_REASON]] if notice.because else []
        lines += [f"{settings.PUBLIC_URL}{notice.path}"] if notice.path else []
        lines += [_("You have chosen to be told of this by mail. Choose otherwise: %(url)s") % {
            "url": f"{settings.PUBLIC_URL}/notifications"
        }]  # fmt: skip
        headers = {"Message-ID": f"<{notice.pk}@luthier>", "Auto-Submitted": "auto-generated"}
        subject = " ".join(f"[Luthier] {about}".split())[:200]
        return EmailMessage(
            subject, "\n\n".join(lines), settings.DEFAULT_FROM_EMAIL, [notice.user.email], headers=headers
        )


def _take(notice: Notice) -> bool:
    """Take a mail for this worker; False where another one was faster."""
    now = timezone.now()
    mine = Notice.objects.unsent(now).filter(pk=notice.pk)
    return bool(mine.update(mail_at=now + timedelta(seconds=HOLD_SECONDS)))


def _send(notice: Notice, connection: BaseEmailBackend) -> None:
    rows = Notice.objects.filter(pk=notice.pk)
    try:
        connection.send_messages([mail_of(notice)])
    except (OSError, smtplib.SMTPException) as error:
        logger.warning("The mail of %s was not taken: %s", notice.pk, type(error).__name__)
        failures = notice.num_failures + 1
        next_at = timezone.now() + timedelta(seconds=pause_seconds(failures))
        is_over = next_at > notice.created_at + timedelta(seconds=settings.TIMES.webhook_give_up_seconds)
        rows.update(
            num_failures=failures,
            mail=Notice.Mail.FAILED if is_over else Notice.Mail.WAITING,
            mail_at=None if is_over else next_at,
        )
    else:
        rows.update(mail=Notice.Mail.SENT, mail_at=None)
