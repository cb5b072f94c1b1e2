"""Who is told of what has happened: a row for each of them, in the transaction in which it happens."""

from django.conf import settings
from django.utils import timezone

from accounts.models import User
from common.wake import wake
from notifications.models import Choices, Notice
from webhooks.outbox import Happening

MAIL = "notifications.mail"


def tell(happening: Happening) -> None:
    """Tell whose work it is, everybody where it is nobody's, and who wants to hear of the work of others, too."""
    made = [notice for user in _members(happening) if (notice := _notice_for(user, happening))]
    if not made:
        return
    Notice.objects.bulk_create(made)
    if any(notice.mail for notice in made):
        wake(MAIL)


def _members(happening: Happening) -> list[User]:
    found = User.objects.filter(memberships__team=happening.team, is_active=True)
    return list(found.select_related("notification_choices"))


def _notice_for(user: User, happening: Happening) -> Notice | None:
    choices = getattr(user, "notification_choices", None) or Choices(user=user)
    is_theirs = happening.is_everybodys or happening.author_id == user.pk
    if not (is_theirs or choices.of_others):
        return None
    on_pages = choices.wants(happening.kind, by_mail=False)
    by_mail = bool(settings.MAIL_IS_ON) and choices.wants(happening.kind, by_mail=True)
    if not (on_pages or by_mail):
        return None
    now = timezone.now()
    return Notice(
        user=user,
        team=happening.team,
        kind=happening.kind,
        subject=happening.subject,
        path=happening.path,
        because=happening.because,
        is_on_pages=on_pages,
        mail=Notice.Mail.WAITING if by_mail else Notice.Mail.NONE,
        mail_at=now if by_mail else None,
        created_at=now,
    )
