"""Base models: what the platform can tune and serve, and what of it is on this installation's disk."""

from pathlib import Path
from typing import ClassVar

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from common.encryption import decrypt, encrypt
from common.message_field import MessageField
from common.states import Guarded
from wording import Message

VALID_ID = RegexValidator(
    r"^[a-z0-9][a-z0-9._-]{0,79}\Z",
    _("An id has lower-case letters, digits, '.', '_' and '-', and begins with no sign."),
)


VALID_NAME = RegexValidator(
    r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,119}\Z",
    _("A name has letters, digits, '.', '_', ':', '/' and '-', and begins with a letter or a digit."),
)


class BaseModelQuerySet(models.QuerySet["BaseModel"]):
    def present(self) -> "BaseModelQuerySet":
        """Models whose weights are on disk, so that they can be trained and served."""
        return self.filter(state=BaseModel.State.PRESENT)

    def downloading(self) -> "BaseModelQuerySet":
        return self.filter(state=BaseModel.State.DOWNLOADING)


class BaseModel(Guarded):
    """A pretrained model. Once present, its identity is the SHA-256 of its weights (`folders.weights_sha256`)."""

    class State(models.TextChoices):
        ABSENT = "absent", _("Not downloaded")
        DOWNLOADING = "downloading", _("Downloading")
        PRESENT = "present", _("Ready")
        FAILED = "failed", _("Failed")

    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {
        "absent": ("downloading", "present", "failed"),
        "downloading": ("present", "failed"),
        "present": ("absent", "failed"),
        "failed": ("downloading", "present"),
    }

    id = models.CharField(primary_key=True, max_length=80, validators=[VALID_ID])
    display_name = models.CharField(max_length=120)
    family = models.CharField(max_length=40, help_text="The model_type of its config.json, such as llama or qwen2.")
    parameters = models.BigIntegerField(help_text="Number of weights; 0 when unknown.")
    context_length = models.PositiveIntegerField()
    hidden_size = models.PositiveIntegerField()
    num_layers = models.PositiveIntegerField()
    vocab_size = models.PositiveIntegerField()
    licence = models.CharField(max_length=120)
    licence_url = models.URLField(blank=True)
    needs_licence_acceptance = models.BooleanField(default=False)
    sources = models.JSONField(default=list, help_text="Where it can be had, in order of preference.")
    template = models.CharField(max_length=40, help_text="own: the model's; or chatml, qwen, llama3.")

    state = models.CharField(max_length=12, choices=State.choices, default=State.ABSENT)
    sha256 = models.CharField(max_length=64, blank=True)
    folder = models.CharField(max_length=500, blank=True, help_text="Below LUTHIER_HOME/models, or absolute.")
    bytes_done = models.BigIntegerField(default=0)
    bytes_total = models.BigIntegerField(default=0)
    progress_at = models.DateTimeField(null=True, help_text="When the download last moved.")
    error = MessageField()
    error_code = models.CharField(max_length=60, blank=True)
    licence_accepted_at = models.DateTimeField(null=True)
    licence_accepted_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    present_at = models.DateTimeField(null=True)
    leaves_on = models.DateField(null=True)
    """The day on which administrators mean to take it away, as they have announced it; it ends nothing by itself."""

    objects = BaseModelQuerySet.as_manager()

    class Meta:
        ordering = ["parameters", "id"]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(state="present") | (~models.Q(sha256="") & ~models.Q(folder="")),
                name="a_present_model_has_a_folder_and_an_identity",
            )
        ]

    def __str__(self) -> str:
        return self.display_name

    @property
    def path(self) -> Path:
        """The folder with config.json, *.safetensors and tokenizer files; absent on a machine that has not needed it.

        A registered folder stays where it was, on that machine alone.
        """
        if Path(self.folder).is_absolute() and not Path(self.folder).is_dir():
            return Path(settings.LUTHIER_HOME) / "models" / self.id
        return Path(settings.LUTHIER_HOME) / "models" / (self.folder or self.id)

    @property
    def is_present(self) -> bool:
        return self.state == self.State.PRESENT

    @property
    def licence_is_open(self) -> bool:
        """True when the licence needs no acceptance (any more)."""
        return not self.needs_licence_acceptance or self.licence_accepted_at is not None

    @property
    def progress(self) -> float:
        """How much of the download is done, from 0 to 1."""
        return min(1.0, self.bytes_done / self.bytes_total) if self.bytes_total else 0.0

    def accept_licence(self, *, by: User) -> None:
        self.licence_accepted_at, self.licence_accepted_by = timezone.now(), by
        self.save(update_fields=["licence_accepted_at", "licence_accepted_by"])

    def mark_downloading(self) -> bool:
        now = timezone.now()
        return self.move(self.State.DOWNLOADING, error=None, error_code="", bytes_done=0, progress_at=now)

    def mark_progress(self, *, done: int, total: int) -> None:
        """Say how far the download is, while it is one."""
        self.bytes_done, self.bytes_total, self.progress_at = done, total, timezone.now()
        type(self).objects.downloading().filter(pk=self.pk).update(
            bytes_done=done, bytes_total=total, progress_at=self.progress_at
        )

    def mark_failed(self, message: Message, *, code: str) -> bool:
        return self.move(self.State.FAILED, error=message, error_code=code)

    def mark_not_fetched(self, message: Message, *, code: str) -> bool:
        """Say why a download broke off, unless another one has completed the model in the meantime."""
        return self.move(self.State.FAILED, only_from=self.State.DOWNLOADING, error=message, error_code=code)

    def mark_present(self, *, folder: str, sha256: str) -> bool:
        return self.move(
            self.State.PRESENT,
            folder=folder,
            sha256=sha256,
            error=None,
            error_code="",
            present_at=timezone.now(),
            bytes_done=models.F("bytes_total"),
        )


class ModelName(models.Model):
    """What another provider calls a model, and the base that it means here."""

    name = models.CharField(primary_key=True, max_length=120, validators=[VALID_NAME])
    base = models.ForeignKey(BaseModel, models.CASCADE, related_name="names")
    set_at = models.DateTimeField(auto_now=True)
    set_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class HubToken(models.Model):
    """A hub's access token, encrypted at rest; entered once and never shown again."""

    class Hub(models.TextChoices):
        HUGGING_FACE = "huggingface", "Hugging Face"
        MODELSCOPE = "modelscope", "ModelScope"

    hub = models.CharField(primary_key=True, max_length=20, choices=Hub.choices)
    encrypted = models.TextField()
    set_at = models.DateTimeField(auto_now=True)
    set_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    def __str__(self) -> str:
        return self.get_hub_display()

    @classmethod
    def store(cls, *, hub: str, token: str, by: User | None) -> None:
        cls.objects.update_or_create(hub=hub, defaults={"encrypted": encrypt(token.strip()), "set_by": by})

    @classmethod
    def secret_of(cls, hub: str) -> str | None:
        """Return the token in clear for a request to its hub, or None when none was entered."""
        row = cls.objects.filter(hub=hub).first()
        return decrypt(row.encrypted) if row else None
