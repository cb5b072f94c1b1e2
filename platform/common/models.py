"""What every app may need to remember."""

from datetime import timedelta

from django.db import models
from django.utils import timezone

KEPT_HOURS = 24


class IdempotentReplyQuerySet(models.QuerySet["IdempotentReply"]):
    def outdated(self) -> "IdempotentReplyQuerySet":
        return self.filter(created_at__lt=timezone.now() - timedelta(hours=KEPT_HOURS))


class IdempotentReply(models.Model):
    """The reply to a create that carried an `Idempotency-Key`, for a client that asks again."""

    owner = models.CharField(max_length=60)
    """Whose keys these are: two teams may use the same key."""
    key = models.CharField(max_length=255)
    digest = models.CharField(max_length=64)
    """SHA-256 of what was asked."""
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    objects = IdempotentReplyQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "key"], name="one_reply_per_idempotency_key")]

    def __str__(self) -> str:
        return self.key
