"""Fine-tuning jobs: what was asked for, their state, and everything that was recorded on the way."""

from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Team, User
from catalogue.models import BaseModel
from chat import SystemChoice
from common.ids import new_id
from common.message_field import MessageField
from common.naming import made_name
from compute.models import Pool, Priority, Run
from datasets_app.models import TrainingFile
from jobs.rehearsed import Rehearsal
from webhooks.outbox import announce
from wording import Message

__all__ = ["Attempt", "Checkpoint", "FineTuningJob", "JobEvent", "Rehearsal", "TunedModel"]

FINISHED = ("succeeded", "failed", "cancelled")


def _job_id() -> str:
    return new_id("ftjob")


def _event_id() -> str:
    return new_id("ftevent")


def _checkpoint_id() -> str:
    return new_id("ftckpt")


def _adapter_id() -> str:
    return new_id("adapter")


class FineTuningJobQuerySet(models.QuerySet["FineTuningJob"]):
    def visible_to(self, team: Team) -> Self:
        return self.filter(team=team)

    def unfinished(self) -> Self:
        return self.exclude(status__in=FINISHED)

    def needing(self, file: TrainingFile) -> Self:
        """Jobs that still read `file`."""
        return self.unfinished().filter(models.Q(training_file=file) | models.Q(validation_file=file))

    def with_newest_attempt(self) -> Self:
        """Bring the newest attempt and its Run along, in one question for all jobs."""
        newest = Attempt.objects.filter(job=models.OuterRef("job")).order_by("-number").values("pk")[:1]
        attempts = Attempt.objects.filter(pk=models.Subquery(newest)).select_related("run")
        return self.prefetch_related(models.Prefetch("attempts", queryset=attempts))

    def unprepared(self) -> Self:
        """Jobs whose data must be read and that no worker is reading, by the database's clock."""
        silent = Now() - timedelta(seconds=settings.TIMES.preparing_silent_seconds)
        unattended = models.Q(preparing_at=None) | models.Q(preparing_at__lt=silent)
        return self.filter(unattended, status=FineTuningJob.Status.READING_DATA)


class FineTuningJob(models.Model):
    """One request to teach a base model from a file. Attempts at it are Runs; its status is in OpenAI's words."""

    class Status(models.TextChoices):
        READING_DATA = "validating_files", _("Reading the data")
        QUEUED = "queued", _("Queued")
        RUNNING = "running", pgettext_lazy("status", "Training")
        PAUSED = "paused", _("Paused")
        SUCCEEDED = "succeeded", _("Succeeded")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {
        "validating_files": ("queued", "paused", "failed", "cancelled"),
        "queued": ("running", "succeeded", "paused", "failed", "cancelled"),
        "running": ("queued", "succeeded", "paused", "failed", "cancelled"),
        "paused": ("validating_files", "queued", "cancelled"),
        "succeeded": (),
        "failed": (),
        "cancelled": (),
    }

    id = models.CharField(primary_key=True, max_length=40, default=_job_id)
    team = models.ForeignKey(Team, models.PROTECT, related_name="jobs")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    base_model = models.ForeignKey(BaseModel, models.PROTECT, related_name="jobs")
    training_file = models.ForeignKey(TrainingFile, models.SET_NULL, null=True, related_name="+")
    validation_file = models.ForeignKey(TrainingFile, models.SET_NULL, null=True, related_name="+")
    file_ids = models.JSONField(default=dict)
    """{"training": id, "validation": id or null} and their names: what the job shows when a file is deleted later."""
    parent = models.JSONField(default=dict)
    """The tuned model that is trained further: {"name", "adapter" or "checkpoint": its id}; {} where it is the base."""
    asked = models.JSONField(default=dict)
    """Hyperparameters as they were sent, under the names that were sent; absent means "auto"."""
    hyperparameters = models.JSONField(default=dict)
    """Every parameter with the value in use; {} until the data is known."""
    reasons = models.JSONField(default=dict)
    """Of each automatic value its reason: {name: {"code": …, numbers…}}."""
    batch_size = models.PositiveIntegerField(null=True)
    """Conversations per optimizer step on all devices; fixed by the first attempt, so that others see its batches."""
    accelerators = models.PositiveIntegerField(null=True)
    """How many were asked for; null is "auto"."""
    pool = models.ForeignKey(Pool, models.PROTECT, null=True, related_name="+")
    """Null: the default one."""
    priority = models.IntegerField(choices=Priority.choices, default=Priority.NORMAL)
    queued_at = models.DateTimeField(null=True)
    """Its place in line, kept by every later attempt; null until it was queued first."""
    system = models.JSONField(null=True)
    """A chat.SystemChoice; null until the data is known, where "auto" was asked."""
    seed = models.BigIntegerField(default=0)
    acceptance = models.JSONField(default=dict)
    """The questions after the training, {"recipe": …, "tests": […], "needed": {topic: share}}; {} without a test."""
    verdict = models.JSONField(null=True)
    """What they came to, as chat.verdict writes it; null until then."""
    suffix = models.CharField(max_length=64, blank=True)
    name = models.CharField(max_length=120, blank=True, default="")
    """What people call it and its model, where somebody has said so; `str()` always has one."""
    metadata = models.JSONField(default=dict)
    fingerprint = models.CharField(max_length=64, blank=True, db_index=True)
    """SHA-256 of the creating request and its key: finds the job that a repeated request has made before."""
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.READING_DATA)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = MessageField()
    error_param = models.CharField(max_length=60, blank=True)
    error_log = models.TextField(blank=True)
    """The log's last lines of the attempt that failed."""
    fine_tuned_model = models.CharField(max_length=250, unique=True, null=True)
    trained_tokens = models.BigIntegerField(null=True)
    """Learned in all steps: those of answers, or of plain text."""
    tokens = models.BigIntegerField(null=True)
    """Read in all steps, without padding: what its time follows from."""
    total_steps = models.PositiveIntegerField(null=True)
    current_step = models.PositiveIntegerField(default=0)
    estimated_finish = models.DateTimeField(null=True)
    result_files = models.ManyToManyField(TrainingFile, related_name="+")
    num_events = models.PositiveIntegerField(default=0)
    cancel_requested_at = models.DateTimeField(null=True)
    pause_requested_at = models.DateTimeField(null=True)
    early_finish_requested_at = models.DateTimeField(null=True)
    preparing_at = models.DateTimeField(null=True)
    """When the worker that reads its data last showed that it lives; null while there is none."""
    result_step = models.PositiveIntegerField(null=True)
    """After which step the tuned model's weights are; null until there is one."""
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = FineTuningJobQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [
            models.Index(fields=["team", "-created_at", "-id"], name="job_team"),
            models.Index(fields=["status"], name="job_status"),
        ]

    def __str__(self) -> str:
        data = self.file_ids.get("training_name")
        return self.name or self.suffix or made_name(data, self.base_model.display_name, self.created_at)

    def move(self, to: str, message: Message, *, level: str = "info", **changes: Any) -> bool:
        """Lock the row, check the table, write the new status with `changes`, and the event that says so.

        Return False when the job already is `to`. Raises ValidationError where the table does not allow the step.
        """
        with transaction.atomic():
            current = type(self).objects.select_for_update(of=("self",)).get(pk=self.pk)
            if current.status == to:
                return False
            if to not in self.TRANSITIONS[current.status]:
                raise ValidationError(f"{self.pk} is {current.status} and cannot become {to}.", code="transition")
            if to in FINISHED:
                changes = {"finished_at": timezone.now(), "estimated_finish": None, **changes}
                announce(f"fine_tuning.job.{to}", current.team, {"id": current.pk}, about=current, because=message)
            type(self).objects.filter(pk=self.pk).update(status=to, **changes)
            told = {"status": to, **({"code": changes["error_code"]} if changes.get("error_code") else {})}
            JobEvent.write(job=current, level=level, message=message, data=told)
        self.refresh_from_db()
        return True

    def record_event(self, message: Message, *, level: str = "info", **data: Any) -> "JobEvent":
        """Record one fact about the job that belongs to no attempt."""
        with transaction.atomic():
            type(self).objects.select_for_update(of=("self",)).get(pk=self.pk)
            return JobEvent.write(job=self, level=level, message=message, data=data)

    @property
    def is_finished(self) -> bool:
        return self.status in FINISHED

    @property
    def is_stopping(self) -> bool:
        """True from a request to cancel or pause until it is done."""
        requested = self.cancel_requested_at is not None or self.pause_requested_at is not None
        return requested and not self.is_finished and self.status != self.Status.PAUSED

    @property
    def is_finishing_early(self) -> bool:
        """True from a request to finish early until its result is there."""
        return self.early_finish_requested_at is not None and not self.is_finished

    @property
    def wants_best(self) -> bool:
        """Whether the lowest validation loss decides which weights become the model."""
        chosen = ("load_best_model_at_end", "early_stopping_patience")
        return bool(any(self.hyperparameters.get(name) for name in chosen) or self.early_finish_requested_at)

    @property
    def system_choice(self) -> SystemChoice | None:
        return SystemChoice.from_json(self.system) if self.system is not None else None

    @property
    def newest_attempt(self) -> "Attempt | None":
        if "attempts" in getattr(self, "_prefetched_objects_cache", {}):  # of a list, by `with_newest_attempt`
            return next(iter(self.attempts.all()), None)
        return self.attempts.select_related("run").order_by("-number").first()

    @property
    def best_checkpoint(self) -> "Checkpoint | None":
        """The published checkpoint with the lowest validation loss; None where none was looked at."""
        seen = self.checkpoints.filter(published_at__isnull=False, metrics__has_key="valid_loss")
        return min(seen, key=lambda checkpoint: float(checkpoint.metrics["valid_loss"]), default=None)

    @property
    def training_file_id_shown(self) -> str:
        return str(self.file_ids.get("training") or self.training_file_id)

    @property
    def validation_file_id_shown(self) -> str | None:
        return self.file_ids.get("validation") or self.validation_file_id

    @property
    def storage_name(self) -> str:
        """The folder of everything that belongs to the job in object storage."""
        return f"jobs/{self.pk}"


class Attempt(models.Model):
    """A job's Run, numbered from 1."""

    job = models.ForeignKey(FineTuningJob, models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField()
    run = models.OneToOneField(Run, models.PROTECT, related_name="attempt")
    resumed_from_step = models.PositiveIntegerField(null=True)
    """Null until it has started."""
    first_seq = models.PositiveBigIntegerField(null=True)
    """Of its `started` event, with which the events that belong to it begin."""
    started_at = models.DateTimeField(null=True)
    """When its first step was about to begin, by its node's clock."""
    reached_step = models.PositiveIntegerField(default=0)
    world_size = models.PositiveIntegerField(null=True)
    rehearsal_key = models.CharField(max_length=64, blank=True)
    """The configuration that it tries, as Rehearsal names it."""
    created_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True)
    """When the consequences of its end were drawn: exactly once."""

    class Meta:
        ordering = ("job", "number")
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="one_attempt_per_number")]

    def __str__(self) -> str:
        return f"{self.job_id} attempt {self.number}"


class JobEvent(models.Model):
    """One recorded fact. `number` counts from 1 without gaps in a job; `seq` is the event's own in its attempt's file.

    Steps beyond 1,000 are thinned, so `seq` may have gaps; `number` never has. UNIQUE(attempt, seq) makes a repeated
    batch harmless.
    """

    class Type(models.TextChoices):
        MESSAGE = "message"
        METRICS = "metrics"

    id = models.CharField(primary_key=True, max_length=40, default=_event_id)
    job = models.ForeignKey(FineTuningJob, models.CASCADE, related_name="events")
    number = models.PositiveIntegerField()
    attempt = models.ForeignKey(Attempt, models.CASCADE, null=True, related_name="events")
    seq = models.PositiveBigIntegerField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    level = models.CharField(max_length=8, default="info")
    type = models.CharField(max_length=10, choices=Type.choices, default=Type.MESSAGE)
    message = MessageField()
    data = models.JSONField(default=dict)

    class Meta:
        ordering = ("-number",)
        constraints = [
            models.UniqueConstraint(fields=["job", "number"], name="one_event_per_number"),
            models.UniqueConstraint(fields=["attempt", "seq"], name="one_event_per_seq"),
        ]
        indexes = [models.Index(fields=["job", "type", "number"], name="event_type")]

    def __str__(self) -> str:
        return str(self.message)

    @classmethod
    def write(cls, *, job: FineTuningJob, message: Message, level: str = "info", **fields: Any) -> Self:
        """Append an event; the caller holds the lock on the job's row."""
        return cls.append(job, [cls(message=message, level=level, **fields)])[0]

    @classmethod
    def append(cls, job: FineTuningJob, events: list[Self]) -> list[Self]:
        """Append `events` in order under the next numbers; the caller holds the lock on the job's row."""
        last = FineTuningJob.objects.values_list("num_events", flat=True).get(pk=job.pk)
        for number, event in enumerate(events, last + 1):
            event.job, event.number = job, number
        cls.objects.bulk_create(events, batch_size=500)
        job.num_events = last + len(events)
        FineTuningJob.objects.filter(pk=job.pk).update(num_events=job.num_events)
        return events


class Checkpoint(models.Model):
    """The weights of a job after a step, once they are in object storage."""

    id = models.CharField(primary_key=True, max_length=40, default=_checkpoint_id)
    job = models.ForeignKey(FineTuningJob, models.CASCADE, related_name="checkpoints")
    attempt = models.ForeignKey(Attempt, models.CASCADE, related_name="checkpoints")
    step = models.PositiveIntegerField()
    storage_name = models.CharField(max_length=300, blank=True)
    bytes = models.BigIntegerField(default=0)
    metrics = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    published_at = models.DateTimeField(null=True)
    """Null until it is complete in object storage."""

    class Meta:
        ordering = ("-step",)
        constraints = [models.UniqueConstraint(fields=["job", "step"], name="one_checkpoint_per_step")]

    def __str__(self) -> str:
        return f"{self.job_id} step {self.step}"

    def mark_published(self, *, name: str, num_bytes: int, at: datetime) -> bool:
        """Record that it is in storage; False when it is gone or another attempt has made it again in the meantime."""
        rows = type(self).objects.filter(pk=self.pk, attempt=self.attempt_id)
        return bool(rows.update(storage_name=name, bytes=num_bytes, published_at=at))


class TunedModelQuerySet(models.QuerySet["TunedModel"]):
    def visible_to(self, team: Team) -> Self:
        return self.filter(team=team)

    def live(self) -> Self:
        """Tuned models that have not been deleted."""
        return self.filter(deleted_at=None)

    def deleted(self) -> Self:
        return self.filter(deleted_at__isnull=False)

    def unerased(self) -> Self:
        """Deleted ones that object storage still has something of."""
        return self.deleted().filter(erased_at=None)


class TunedModel(models.Model):
    """A tuned model: a LoRA adapter of its base, or (result "model") a whole model."""

    id = models.CharField(primary_key=True, max_length=40, default=_adapter_id)
    job = models.OneToOneField(FineTuningJob, models.CASCADE, related_name="adapter")
    team = models.ForeignKey(Team, models.PROTECT, related_name="adapters")
    base_model = models.ForeignKey(BaseModel, models.PROTECT, related_name="adapters")
    name = models.CharField(max_length=250, unique=True)
    """ft:BASE:ORG:SUFFIX:ID, its name at the API."""
    result = models.CharField(max_length=10, choices=[("adapter", _("Adapter")), ("model", _("Whole model"))])
    storage_name = models.CharField(max_length=300)
    sha256 = models.CharField(max_length=64)
    """Of its manifest: one value for all of its files."""
    chat_hash = models.CharField(max_length=64)
    bytes = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True)
    erased_at = models.DateTimeField(null=True)
    """When the last of its bytes, and of its job's checkpoints, was gone from object storage."""

    objects = TunedModelQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.name

    def mark_erased(self) -> None:
        type(self).objects.filter(pk=self.pk).update(erased_at=timezone.now())
