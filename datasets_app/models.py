"""Files of conversations, what is wrong with them, and uploads in parts."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, ClassVar, NotRequired, TypedDict

from django.db import models, transaction
from django.utils import timezone

from accounts.models import Team, User
from common.ids import new_id
from common.message_field import MessageField
from common.states import Guarded
from wording import Message

HEARTBEAT_SECONDS = 20
"""A check that has been silent for so long has lost its worker, and may be started again."""


EVERY_KEY = "*"
"""Among the keys that are left out: all of them."""


def _file_id() -> str:
    return new_id("file")


def _upload_id() -> str:
    return new_id("upload")


def _part_id() -> str:
    return new_id("part")


class MixedPart(TypedDict):
    """A file of a mixture; `rows` counts what was taken of it, once the mixture is written."""

    file: str
    name: str
    weight: float
    rows: NotRequired[int]


class Made(TypedDict, total=False):
    """Where a file comes from: enough to make it again, and what came of it."""

    how: str
    """upload, reading, recipe, repair, split, mix, append or edit."""
    of: str | None
    """The file that it was made from."""
    reading: dict[str, object]
    recipe: str
    teacher: str
    """By what its teacher's replies can be had."""
    answers: dict[str, object]
    """What a questionnaire was answered, until the rows are written."""
    repairs: list[str]
    values: dict[str, str]
    shares: dict[str, float]
    part: str
    parts: list[MixedPart]
    seed: int
    appended: list[list[dict[str, object]]]
    """Rows at its end that its source has not."""
    edits: dict[str, list[dict[str, object]] | None]
    """Rows by their numbers, as they shall be; None for one that goes. Until they are written."""
    added: int
    repeats: int
    changed: int
    dropped: int
    rows: int


class TrainingFileQuerySet(models.QuerySet["TrainingFile"]):
    def visible_to(self, team: Team) -> "TrainingFileQuerySet":
        """Files of `team` that have not expired."""
        return self.filter(team=team).filter(models.Q(expires_at=None) | models.Q(expires_at__gt=timezone.now()))

    def expired(self) -> "TrainingFileQuerySet":
        return self.filter(expires_at__lte=timezone.now())

    def unchecked(self) -> "TrainingFileQuerySet":
        """Files waiting for their check that nobody is checking now."""
        return self.filter(_unattended(), status=TrainingFile.Status.UPLOADED).exclude(storage_name="")

    def unmade(self) -> "TrainingFileQuerySet":
        """Files waiting for their bytes that nobody is writing now."""
        return self.filter(_unattended(), status=TrainingFile.Status.UPLOADED, storage_name="")

    def made_from(self, file: "TrainingFile") -> "TrainingFileQuerySet":
        """Files without bytes yet, which are made from `file`."""
        sources = models.Q(made__of=file.pk) | models.Q(made__parts__contains=[{"file": file.pk}])
        return self.filter(sources, status=TrainingFile.Status.UPLOADED, storage_name="")


def _unattended() -> models.Q:
    silent = timezone.now() - timedelta(seconds=HEARTBEAT_SECONDS)
    return models.Q(heartbeat_at=None) | models.Q(heartbeat_at__lt=silent)


class TrainingFile(Guarded):
    """One stored file: conversations to train on, or a result of a job. Its bytes never change."""

    class Status(models.TextChoices):
        UPLOADED = "uploaded"
        PROCESSED = "processed"
        ERROR = "error"

    STATE = "status"
    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {
        "uploaded": ("processed", "error"),
        "processed": (),
        "error": (),
    }

    id = models.CharField(primary_key=True, max_length=40, default=_file_id)
    team = models.ForeignKey(Team, models.CASCADE, related_name="files")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    filename = models.CharField(max_length=255)
    purpose = models.CharField(max_length=30)
    bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64, db_index=True)
    storage_name = models.CharField(max_length=200)
    """Where its bytes are stored; "" while they are still being made from other files."""
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.UPLOADED)
    status_details = MessageField()
    """Why it cannot be used; NULL while it can."""
    format = models.CharField(max_length=30, blank=True)
    """How the bytes are laid out: jsonl, json, csv, …"""
    shape = models.CharField(max_length=40, blank=True)
    """What a row is: messages, conversations, alpaca, …"""
    use = models.CharField(max_length=20, blank=True)
    """What its rows can train: chat, text, preference, reinforcement."""
    reading = models.JSONField(default=dict)
    """What the user says instead of what is detected: format, shape, columns, encoding."""
    left_out = models.JSONField(default=list)
    """Keys that nothing reads, though they hold text or a mask, and that the user says to leave out; "*": all."""
    family = models.CharField(max_length=40, blank=True, db_index=True)
    """The id of the first version, which all versions of one data set share; "" for a file that is not a data set."""
    version = models.PositiveIntegerField(default=1)
    parent = models.ForeignKey("self", models.SET_NULL, null=True, related_name="children")
    """The version that this one was made from."""
    made = models.JSONField(default=dict)
    """How this version was made: {"how": "upload" | "repair" | "append" | "mix" | "recipe" | …, and its options}."""
    recipe = models.JSONField(default=dict)
    """The goal recipe that the data set serves, which its versions and parts inherit: {"name": "identity",
    "answers": {…}}, of which those are kept that its test is made of; {} without one."""
    reason = models.CharField(max_length=300, blank=True)
    """Why its author made this version, in his words."""
    progress = models.JSONField(default=dict)
    """How far the check is: bytes, rows, faults."""
    num_rows = models.BigIntegerField(null=True)
    """Conversations that can be learned from; None until the file is checked."""
    num_faults = models.BigIntegerField(null=True)
    """Faulty rows, of which the first are kept as Fault; None until the file is checked."""
    statistics = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    """When the check, or the making, last said that it is alive."""
    num_checks = models.PositiveSmallIntegerField(default=0)
    """How often its check was started."""

    objects = TrainingFileQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["team", "-created_at", "-id"]), models.Index(fields=["status", "heartbeat_at"])]
        constraints = [
            models.UniqueConstraint(
                fields=["family", "version"], condition=~models.Q(family=""), name="one_file_per_version"
            )
        ]

    def __str__(self) -> str:
        return f"{self.filename} ({self.id})"

    @property
    def rows_filename(self) -> str:
        """The name of its rows as JSON Lines, or of a text as its lines."""
        return f"{self.filename.partition('.')[0] or self.pk}.{'txt' if self.format == 'text' else 'jsonl'}"

    @property
    def is_processed(self) -> bool:
        return self.status == self.Status.PROCESSED

    @property
    def unanswered(self) -> list[list[str]]:
        """[name, kind, sample] of keys with text or a mask that is not used and not yet decided about: the file is not
        trained on until then."""
        asked = (self.statistics or {}).get("asked") or []
        if not self.is_processed or EVERY_KEY in self.left_out:
            return []
        return [entry for entry in asked if entry[0] not in self.left_out]

    def claim(self) -> bool:
        """Take the check of this file for oneself; False when it is done or another worker is at it."""
        waiting = type(self).objects.unchecked().filter(pk=self.pk)
        claimed = waiting.update(heartbeat_at=timezone.now(), num_checks=models.F("num_checks") + 1)
        if claimed:
            self.refresh_from_db(fields=["num_checks"])
        return bool(claimed)

    def uncount_check(self) -> None:
        """Take back one counted check, which broke off through no fault of the file."""
        type(self).objects.filter(pk=self.pk, num_checks__gt=0).update(num_checks=models.F("num_checks") - 1)

    @property
    def is_being_made(self) -> bool:
        return self.status == self.Status.UPLOADED and not self.storage_name

    def claim_making(self) -> bool:
        """Take the making of this file's bytes for oneself; False when it is done or another worker is at it."""
        return bool(type(self).objects.unmade().filter(pk=self.pk).update(heartbeat_at=timezone.now()))

    def record_content(self, *, storage_name: str, num_bytes: int, sha256: str, made: Made) -> bool:
        """Record where the bytes are and leave the file to its check; False when the file is gone or has its bytes."""
        waiting = type(self).objects.filter(pk=self.pk, status=self.Status.UPLOADED, storage_name="")
        changed = waiting.update(
            storage_name=storage_name, bytes=num_bytes, sha256=sha256, made=made, progress={}, heartbeat_at=None
        )
        return bool(changed)

    def record_unmade(self, details: Message) -> bool:
        """Store why the file will never have any bytes; False when it is gone, or another worker has stored them."""
        with transaction.atomic():
            waiting = type(self).objects.select_for_update().filter(pk=self.pk, storage_name="").first()
            return waiting is not None and self.record_check(
                is_good=False, details=details, num_rows=0, num_faults=0, progress={}
            )

    def save_progress(self, progress: Mapping[str, object]) -> None:
        """Say how far the check or the making is."""
        type(self).objects.filter(pk=self.pk, status=self.Status.UPLOADED).update(progress=progress)

    def beat(self) -> None:
        """Record that the check is still running."""
        type(self).objects.filter(pk=self.pk).update(heartbeat_at=timezone.now())

    def release_making(self) -> None:
        """Give the making back, to be tried again in the next round."""
        type(self).objects.filter(pk=self.pk, storage_name="").update(heartbeat_at=None)

    def beat_making(self) -> None:
        """Record that the file is still being made; once its bytes are stored it waits for its check, unclaimed."""
        type(self).objects.filter(pk=self.pk, storage_name="").update(heartbeat_at=timezone.now())

    def release(self) -> None:
        """Give the check back, so that another worker may begin it at once."""
        type(self).objects.filter(pk=self.pk, status=self.Status.UPLOADED).update(heartbeat_at=None)

    def record_check(self, *, is_good: bool, details: Message | None, **found: Any) -> bool:
        """Store what the check found; False when the file is gone or another check was first."""
        to = self.Status.PROCESSED if is_good else self.Status.ERROR
        return self.move(to, status_details=details, checked_at=timezone.now(), **found)


class Fault(models.Model):
    """One row of a file that cannot be learned from, and why. Only the first of a file are kept."""

    file = models.ForeignKey(TrainingFile, models.CASCADE, related_name="faults")
    number = models.PositiveIntegerField()
    """1 for the file's first fault."""
    level = models.CharField(max_length=10, default="fault")
    """fault: the row cannot be learned from; note: it can, but deserves a look."""
    row = models.BigIntegerField(null=True)
    """The number of the row, from 0, where the fault is one row's."""
    line = models.BigIntegerField(null=True)
    """The physical line where the row begins; None when the fault is the whole file's."""
    field = models.CharField(max_length=300, blank=True)
    kind = models.CharField(max_length=60)
    message = MessageField()
    hint = MessageField()

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["file", "number"], name="one_fault_per_number")]

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


class UploadQuerySet(models.QuerySet["Upload"]):
    def visible_to(self, team: Team) -> "UploadQuerySet":
        return self.filter(team=team)

    def overdue(self) -> "UploadQuerySet":
        """Uploads that were not completed in time."""
        return self.filter(status=Upload.Status.PENDING, expires_at__lte=timezone.now())

    def joined(self) -> "UploadQuerySet":
        """Completed uploads whose parts nobody needs any more: their file has its bytes, will never have any, or is
        gone."""
        waiting = models.Q(file__status=TrainingFile.Status.UPLOADED, file__storage_name="")
        return self.filter(status=Upload.Status.COMPLETED, parts__isnull=False).exclude(waiting).distinct()


class Upload(Guarded):
    """A large file that arrives in parts."""

    class Status(models.TextChoices):
        PENDING = "pending"
        COMPLETED = "completed"
        CANCELLED = "cancelled"
        EXPIRED = "expired"

    STATE = "status"
    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {
        "pending": ("completed", "cancelled", "expired"),
        "completed": (),
        "cancelled": (),
        "expired": (),
    }

    id = models.CharField(primary_key=True, max_length=40, default=_upload_id)
    team = models.ForeignKey(Team, models.CASCADE, related_name="uploads")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    filename = models.CharField(max_length=255)
    purpose = models.CharField(max_length=30)
    bytes = models.BigIntegerField()
    """What the file will have, as announced."""
    expires_after = models.JSONField(null=True)
    """The policy for the finished file."""
    md5 = models.CharField(max_length=100, blank=True)
    """What the joined parts must have, where the client says so and a worker joins them."""
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    file = models.OneToOneField(TrainingFile, models.SET_NULL, null=True, related_name="upload")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    objects = UploadQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.filename} ({self.id})"


class UploadPart(models.Model):
    """One part, stored as it came."""

    id = models.CharField(primary_key=True, max_length=40, default=_part_id)
    upload = models.ForeignKey(Upload, models.CASCADE, related_name="parts")
    bytes = models.BigIntegerField()
    storage_name = models.CharField(max_length=200)
    place = models.PositiveIntegerField(null=True)
    """Its place in the file, once the upload is completed and a worker joins the parts."""
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.id


class Leftover(models.Model):
    """An object in storage that no row names any more; forgotten once storage has deleted it."""

    storage_name = models.CharField(max_length=250, unique=True)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.storage_name

    @staticmethod
    def note(names: Iterable[str]) -> None:
        """Have these objects deleted, in the caller's transaction."""
        Leftover.objects.bulk_create((Leftover(storage_name=name) for name in names), ignore_conflicts=True)
