"""What people do with notifications: read them, and choose what they hear about."""

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from common.errors import NotFound, UserError
from common.texts import is_storable
from notifications.messages import message
from notifications.models import Choices, Notice, NoticeQuerySet
from webhooks import events


def get_notice(*, of: NoticeQuerySet, notice_id: str) -> Notice:
    """Return one of a person's notices; NotFound for any other."""
    found = of.filter(pk=notice_id).select_related("team").first() if is_storable(notice_id) else None
    if found is None:
        raise NotFound(message("notice_not_found", id=notice_id[:60]))
    return found


def mark_read(notices: NoticeQuerySet) -> int:
    """Mark them as read and return how many were not."""
    unread = Notice.objects.filter(pk__in=notices.unread().values("pk"))
    return unread.update(read_at=timezone.now())


def num_unread(user: User) -> int:
    return Notice.objects.of(user).unread().count()


def choices_of(user: User) -> Choices:
    return Choices.objects.filter(user=user).first() or Choices(user=user)


@transaction.atomic
def choose(*, user: User, on_pages: Sequence[str], by_mail: Sequence[str], of_others: bool) -> Choices:
    """Note what a person wants to hear about; what they have not named is off."""
    if by_mail and not settings.MAIL_IS_ON:
        raise UserError(message("mail_is_off"), param="by_mail", status=409)
    not_on_pages = [name for name in events.names() if name not in on_pages]
    chosen = {"not_on_pages": not_on_pages, "by_mail": list(by_mail), "of_others": of_others}
    return Choices.objects.update_or_create(user=user, defaults=chosen)[0]


def forget(before: datetime) -> None:
    """Delete notices of before that moment, read or not, whose mail does not wait."""
    Notice.objects.filter(created_at__lt=before).exclude(mail=Notice.Mail.WAITING).delete()
