"""Files of requests that are answered one by one while nobody waits, and the answers until they are a file."""

import secrets
from datetime import timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Team, User
from common.ids import new_id
from common.message_field import MessageField
from common.states import Guarded
from webhooks.outbox import announce
from wording import Message

WINDOW = timedelta(hours=24)


def _batch_id() -> str:
    return new_id("batch")


class BatchQuerySet(models.QuerySet["Batch"]):
    def visible_to(self, team: Team) -> "BatchQuerySet":
        """Batches of `team`: to others they do not exist."""
        return self.filter(team=team)

    def unfinished(self) -> "BatchQuerySet":
        return self.exclude(status__in=FINISHED)

    def finished(self) -> "BatchQuerySet":
        return self.filter(status__in=FINISHED)

    def needing(self, file_id: str) -> "BatchQuerySet":
        """Batches that have still to read this file."""
        return self.unfinished().filter(input_file_id=file_id)

    def unattended(self) -> "BatchQuerySet":
        """Unfinished batches that no worker is at."""
        silent = timezone.now() - timedelta(seconds=settings.TIMES.preparing_silent_seconds)
        return self.unfinished().filter(Q(heartbeat_at=None) | Q(heartbeat_at__lt=silent))


class Batch(Guarded):
    """A file of requests to one endpoint."""

    class Status(models.TextChoices):
        VALIDATING = "validating", _("Checking")
        FAILED = "failed", _("Refused")
        IN_PROGRESS = "in_progress", _("Running")
        FINALIZING = "finalizing", _("Writing the result")
        COMPLETED = "completed", _("Completed")
        EXPIRED = "expired", _("Expired")
        CANCELLING = "cancelling", _("Cancelling")
        CANCELLED = "cancelled", _("Cancelled")

    STATE = "status"
    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {
        "validating": ("failed", "in_progress", "cancelling"),
        "in_progress": ("finalizing", "cancelling"),
        "finalizing": ("completed", "expired"),
        "cancelling": ("cancelled",),
        "failed": (),
        "completed": (),
        "expired": (),
        "cancelled": (),
    }

    id = models.CharField(primary_key=True, max_length=40, default=_batch_id)
    team = models.ForeignKey(Team, models.CASCADE, related_name="batches")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    endpoint = models.CharField(max_length=40)
    input_file_id = models.CharField(max_length=40, db_index=True)
    """These names stay when the files are deleted."""
    input_filename = models.CharField(max_length=255)
    output_file_id = models.CharField(max_length=40, blank=True)
    error_file_id = models.CharField(max_length=40, blank=True)
    keep_output_seconds = models.PositiveIntegerField(null=True)
    """Of both files of results, from when they are made; None: until somebody deletes them."""
    model = models.CharField(max_length=255, blank=True)
    """What the requests ask, once they are checked."""
    metadata = models.JSONField(default=dict)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.VALIDATING)
    errors = models.JSONField(default=list)
    """What is wrong with the file: [{"code", "line", "param", "message"}], the message as it is stored."""
    waits_for = MessageField(help_text="Why nothing is answered at the moment.")
    num_requests = models.PositiveIntegerField(default=0)
    num_completed = models.PositiveIntegerField(default=0)
    num_failed = models.PositiveIntegerField(default=0)
    prompt_tokens = models.BigIntegerField(default=0)
    completion_tokens = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    in_progress_at = models.DateTimeField(null=True)
    finalizing_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    expired_at = models.DateTimeField(null=True)
    cancelling_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    """When the worker that is at it last said so."""
    claim = models.CharField(max_length=32, blank=True)
    """That worker's: what another one has taken over, it writes no more."""
    num_checks = models.PositiveSmallIntegerField(default=0)
    """How often the reading of its file was started."""

    objects = BatchQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["team", "-created_at", "-id"], name="batch_team"),
            models.Index(fields=["status", "heartbeat_at"], name="batch_unattended"),
        ]

    def __str__(self) -> str:
        return self.input_filename

    @transaction.atomic
    def move(self, to: str, *, only_from: str = "", **changes: Any) -> bool:
        """Do what `Guarded.move` does, and tell webhooks where the batch has ended."""
        has_moved = super().move(to, only_from=only_from, **changes)
        if has_moved and to in FINISHED:
            announce(f"batch.{to}", self.team, {"id": self.pk}, about=self)
        return has_moved

    @property
    def is_finished(self) -> bool:
        return self.status in FINISHED

    @property
    def num_done(self) -> int:
        return self.num_completed + self.num_failed

    @property
    def ended_at(self) -> Any:
        return self.completed_at or self.expired_at or self.cancelled_at or self.failed_at

    def take(self) -> bool:
        """Take the work on this batch for oneself; False where another worker is at it, or it has ended."""
        claim = secrets.token_hex(16)
        waiting = type(self).objects.unattended().filter(pk=self.pk)
        taken = bool(waiting.update(heartbeat_at=timezone.now(), claim=claim))
        if taken:
            self.refresh_from_db()
        return taken

    def beat(self) -> bool:
        """Say that the work goes on; False where another worker has taken it over, or the batch is gone."""
        return bool(self._mine().update(heartbeat_at=timezone.now()))

    def release(self) -> None:
        """Give the work back, to be taken up by anybody at once."""
        self._mine().update(heartbeat_at=None, claim="")

    def lock_mine(self) -> bool:
        """Lock the row within a transaction and bring this copy up to date; False where it is another worker's."""
        is_mine = bool(self._mine().select_for_update(of=("self",)))
        if is_mine:
            self.refresh_from_db()
        return is_mine

    def note_wait(self, reason: Message | None) -> None:
        """Say what the batch waits for; None: for nothing."""
        if reason != self.waits_for:
            self._mine().update(waits_for=reason)
            self.waits_for = reason

    @transaction.atomic
    def record(self, answer: "BatchAnswer", *, prompt_tokens: int = 0, completion_tokens: int = 0) -> bool:
        """Store one request's answer and count it; False where the batch is another worker's by now."""
        if not self.lock_mine() or BatchAnswer.objects.filter(batch=self, number=answer.number).exists():
            return False
        answer.batch = self
        answer.save(force_insert=True)
        column = "num_completed" if answer.is_good else "num_failed"
        type(self).objects.filter(pk=self.pk).update(
            **{column: F(column) + 1},
            prompt_tokens=F("prompt_tokens") + prompt_tokens,
            completion_tokens=F("completion_tokens") + completion_tokens,
        )
        return True

    def _mine(self) -> BatchQuerySet:
        return type(self).objects.filter(pk=self.pk, claim=self.claim)

    def _columns(self, to: str) -> dict[str, Any]:
        return {"status": to, f"{to}_at": timezone.now(), "waits_for": None}


FINISHED = (Batch.Status.FAILED, Batch.Status.COMPLETED, Batch.Status.EXPIRED, Batch.Status.CANCELLED)


class BatchAnswer(models.Model):
    """What came of one request; there until it is written into the batch's file."""

    batch = models.ForeignKey(Batch, models.CASCADE, related_name="answers")
    number = models.PositiveIntegerField()
    """Of the line in the file of requests, from 1."""
    custom_id = models.CharField(max_length=512)
    status_code = models.PositiveSmallIntegerField(null=True)
    """None: the request was never answered, and `error` says why."""
    request_id = models.CharField(max_length=60, blank=True)
    body = models.TextField(blank=True)
    """JSON as the gateway has answered it, to the letter."""
    error = MessageField()

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["batch", "number"], name="a_line_of_a_batch_is_answered_once")]

    def __str__(self) -> str:
        return f"{self.batch_id}, line {self.number}"

    @property
    def is_good(self) -> bool:
        return self.status_code == 200
