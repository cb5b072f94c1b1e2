"""What people are told on their pages and by mail, and what each has chosen to hear about."""

from datetime import datetime
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Team, User
from common.ids import new_id
from common.keysets import beyond
from common.message_field import MessageField
from webhooks import events


def _notice_id() -> str:
    return new_id("notice")


class Choices(models.Model):
    """What a person has chosen to hear about; who has no row hears about their own work on the pages, and no mail."""

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="notification_choices")
    not_on_pages = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    """Kinds of event; those that come with a later version are on the pages."""
    by_mail = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    of_others = models.BooleanField(default=False)
    """Whether also about the work of others in the team."""

    def __str__(self) -> str:
        return f"what {self.user_id} hears about"

    def wants(self, kind: str, *, by_mail: bool) -> bool:
        return kind in self.by_mail if by_mail else kind not in self.not_on_pages


class NoticeQuerySet(models.QuerySet["Notice"]):
    def of(self, user: User) -> Self:
        """Those on the pages of `user`, of teams that they are still in."""
        return self.filter(user=user, is_on_pages=True, team__memberships__user=user)

    def unread(self) -> Self:
        return self.filter(read_at=None)

    def unsent(self, now: datetime) -> Self:
        """Those whose mail is due."""
        return self.filter(mail=Notice.Mail.WAITING, mail_at__lte=now)

    def after(self, last: "Notice") -> Self:
        """Those that come after `last` in a list of the newest first."""
        return self.filter(beyond(last.created_at, last.pk))


class Notice(models.Model):
    """One thing that one person is told."""

    class Mail(models.TextChoices):
        NONE = ""
        WAITING = "waiting"
        SENT = "sent"
        FAILED = "failed"

    id = models.CharField(primary_key=True, max_length=40, default=_notice_id)
    user = models.ForeignKey(User, models.CASCADE, related_name="notices")
    team = models.ForeignKey(Team, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=60)
    subject = models.CharField(max_length=200, blank=True)
    path = models.CharField(max_length=200, blank=True)
    because = MessageField()
    is_on_pages = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True)
    mail = models.CharField(max_length=10, choices=Mail.choices, default=Mail.NONE, blank=True)
    mail_at = models.DateTimeField(null=True)
    """When its mail is tried next."""
    num_failures = models.PositiveIntegerField(default=0)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [
            models.Index(fields=["user", "-created_at", "-id"], name="notice_user"),
            models.Index(fields=["user"], condition=Q(read_at=None, is_on_pages=True), name="notice_unread"),
            models.Index(fields=["mail_at"], condition=Q(mail="waiting"), name="notice_mail"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for {self.user_id}"

    @property
    def what(self) -> str:
        """Return what happened, in the active language."""
        try:
            return str(events.kind_named(self.kind).label)
        except LookupError:  # of another version
            return self.kind
