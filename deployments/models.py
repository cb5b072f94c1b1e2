"""What answers requests: deployments that people made, and replicas that hold devices."""

import secrets
from datetime import datetime
from typing import Any, ClassVar, Literal, TypedDict

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Team, User
from catalogue.models import BaseModel
from common.encryption import decrypt, encrypt
from common.errors import UserError
from common.ids import new_id
from common.message_field import MessageField
from common.states import Guarded
from compute.models import Pool, Run
from deployments.usage import Usage
from jobs.models import Checkpoint, TunedModel
from jobs.training.checkpoints import Adapter, as_columns
from wording import Message

__all__ = ["Accelerators", "Deployment", "Measured", "Replica", "ReplicaAdapter", "Reserved", "Usage"]

Accelerators = int | Literal["shared", "auto"]
"""What a deployment keeps for itself: nothing, every free one that the quota allows, or so many."""


class Measured(TypedDict):
    """What the same-answer check measured; null where nothing was compared."""

    max_difference: float | None
    tolerance: float | None
    base_difference: float | None


class Reserved(TypedDict):
    """The columns of what a deployment keeps for itself."""

    shared: bool
    accelerators: int | None
    min_replicas: int
    pool: Pool | None


VALID_NAME = RegexValidator(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


def _deployment_id() -> str:
    return new_id("dep")


def _replica_id() -> str:
    return new_id("replica")


def _new_token() -> str:
    return encrypt(secrets.token_urlsafe(32))


class DeploymentQuerySet(models.QuerySet["Deployment"]):
    def visible_to(self, team: Team) -> "DeploymentQuerySet":
        """Deployments of `team`: to others they do not exist."""
        return self.filter(team=team)

    def live(self) -> "DeploymentQuerySet":
        """Deployments that have not been taken down."""
        return self.filter(deleted_at=None)

    def serving(self, replica: "Replica") -> "DeploymentQuerySet":
        """The live deployments that `replica` answers for: its own, or names on a shared one."""
        if replica.deployment_id is not None:
            return self.live().filter(pk=replica.deployment_id, shared=False)
        names = self.live().filter(shared=True, base_model_id=replica.base_model_id, pool=replica.pool_id)
        if replica.full_model_id is not None:
            return names.filter(adapter_id=replica.full_model_id)
        return names.filter(Q(adapter=None) | ~Q(adapter__result="model"))


class Deployment(Guarded):
    """A model under a name of its own: on the shared replica of its base, or on accelerators of its own."""

    class State(models.TextChoices):
        STARTING = "starting", _("Starting")
        ANSWERING = "answering", _("Answering")
        ASLEEP = "asleep", _("Asleep")
        FAILED = "failed", _("Failed")
        STOPPED = "stopped", _("Stopped")

    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {
        "starting": ("answering", "asleep", "failed", "stopped"),
        "answering": ("starting", "answering", "asleep", "failed", "stopped"),
        "asleep": ("starting", "stopped"),
        "failed": ("starting", "stopped"),
        "stopped": (),
    }

    id = models.CharField(primary_key=True, max_length=40, default=_deployment_id)
    team = models.ForeignKey(Team, models.CASCADE, related_name="deployments")
    name = models.CharField(max_length=64, validators=[VALID_NAME])
    model = models.CharField(max_length=255, help_text="The public name of the model it serves: ft:… or a base's id.")
    adapter = models.ForeignKey(TunedModel, models.SET_NULL, null=True, related_name="deployments")
    checkpoint = models.ForeignKey(Checkpoint, models.SET_NULL, null=True, related_name="deployments")
    """Instead of a tuned model; neither: the base itself."""
    base_model = models.ForeignKey(BaseModel, models.PROTECT, related_name="deployments")
    shared = models.BooleanField(default=True, help_text="On the shared replica of its base: nothing is reserved.")
    accelerators = models.PositiveIntegerField(
        null=True, help_text="Of its own. Empty: auto, every free one the quota allows."
    )
    pool = models.ForeignKey(Pool, models.PROTECT, null=True, related_name="+")
    """On whose nodes it answers; null: the default one."""
    min_replicas = models.PositiveSmallIntegerField(default=0, help_text="0: it sleeps when nobody asks.")
    open_to_loopback = models.BooleanField(default=False)
    state = models.CharField(max_length=12, choices=State.choices, default=State.STARTING)
    """Of a name: what it came to when it was last loaded. How it stands now, `standing` says."""
    reason = MessageField(help_text="Why it failed.")
    proven_at = models.DateTimeField(null=True)
    verdict = models.JSONField(default=dict, help_text="What the same-answer check measured.")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    deleted_at = models.DateTimeField(null=True)

    objects = DeploymentQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["team", "name"], condition=Q(deleted_at=None), name="a_team_uses_a_deployment_name_once"
            ),
            models.UniqueConstraint(
                fields=["name"],
                condition=Q(deleted_at=None, open_to_loopback=True),
                name="an_open_deployments_name_is_unique",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_live(self) -> bool:
        return self.deleted_at is None

    @property
    def live_replica(self) -> "Replica | None":
        """The replica on its own accelerators that serves it or is about to; None between two, and of a name."""
        return self.replicas.live().select_related("run").first()

    @property
    def weights(self) -> Adapter | None:
        """What it serves; None for a base."""
        return self.checkpoint or self.adapter

    @property
    def weights_id(self) -> str | None:
        return self.checkpoint_id or self.adapter_id

    @property
    def reserved(self) -> Accelerators:
        return "shared" if self.shared else self.accelerators or "auto"

    def mark_starting(self) -> bool:
        return self.move(self.State.STARTING, reason=None)

    def mark_answering(self, verdict: Measured | None = None) -> bool:
        return self.move(self.State.ANSWERING, reason=None, proven_at=timezone.now(), **_told(verdict))

    def mark_asleep(self, reason: Message | None = None) -> bool:
        return self.move(self.State.ASLEEP, reason=reason)

    def mark_failed(self, reason: Message) -> bool:
        return self.move(self.State.FAILED, reason=reason)

    def mark_deleted(self) -> bool:
        return self.move(self.State.STOPPED, reason=None, deleted_at=timezone.now())


class ReplicaQuerySet(models.QuerySet["Replica"]):
    def live(self) -> "ReplicaQuerySet":
        """Replicas whose Run has not ended, as far as we have noticed."""
        return self.filter(ended_at=None)

    def shared(self) -> "ReplicaQuerySet":
        """Replicas of the platform's own team, which answer for every team."""
        return self.filter(deployment=None)

    def answering(self) -> "ReplicaQuerySet":
        """Replicas that take requests now."""
        return self.live().filter(ready_at__isnull=False, run__stop_requested_at=None)

    def silent_since(self, moment: datetime) -> "ReplicaQuerySet":
        """Replicas that had no request in flight since `moment`."""
        return self.filter(last_request_at__lt=moment)


class Replica(Guarded):
    """One serving process tree: a base with any number of adapters, or one fully trained model."""

    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {
        "starting": ("ready", "ended"),
        "ready": ("ended",),
        "ended": (),
    }

    id = models.CharField(primary_key=True, max_length=40, default=_replica_id)
    run = models.OneToOneField(Run, models.CASCADE, related_name="replica")
    base_model = models.ForeignKey(BaseModel, models.PROTECT, related_name="+")
    full_model = models.ForeignKey(
        TunedModel,
        models.CASCADE,
        null=True,
        related_name="+",
        help_text="A fully trained model, served instead of its base.",
    )
    deployment = models.ForeignKey(Deployment, models.CASCADE, null=True, related_name="replicas")
    pool = models.ForeignKey(Pool, models.PROTECT, null=True, related_name="+")
    """As of a deployment: null is the default one."""
    encrypted_token = models.TextField()
    host = models.CharField(max_length=255, blank=True)
    port = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    ready_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    failure = MessageField(help_text="Why it ended by itself.")
    last_request_at = models.DateTimeField(default=timezone.now, help_text="Renewed while a request is in flight.")

    objects = ReplicaQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["base_model", "full_model", "pool"],
                condition=Q(ended_at=None, deployment=None),
                nulls_distinct=False,
                name="one_live_shared_replica_per_model_and_pool",
            ),
            models.UniqueConstraint(
                fields=["deployment"], condition=Q(ended_at=None), name="one_live_replica_per_deployment"
            ),
        ]

    def __str__(self) -> str:
        return self.id

    @classmethod
    def create(
        cls,
        *,
        run: Run,
        base_model: BaseModel,
        full_model: TunedModel | None,
        deployment: Deployment | None,
        pool: Pool | None = None,
    ) -> "Replica":
        """Make the replica of `run`, with a secret token that its requests carry."""
        return cls.objects.create(
            run=run, base_model=base_model, full_model=full_model, deployment=deployment, pool=pool,
            encrypted_token=_new_token(),
        )  # fmt: skip

    @property
    def token(self) -> str:
        return decrypt(self.encrypted_token)

    @property
    def has_readable_token(self) -> bool:
        """False once LUTHIER_ENCRYPTION_KEY is another one than when the token was made."""
        try:
            return bool(self.token)
        except UserError:
            return False

    def renew_token(self) -> None:
        """Make another token, while no process has the old one."""
        self.encrypted_token = _new_token()
        type(self).objects.filter(pk=self.pk).update(encrypted_token=self.encrypted_token)

    @property
    def is_shared(self) -> bool:
        return self.deployment_id is None

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def own_name(self) -> str:
        """The name under which the model at its own path answers: the base's id, or the full model's."""
        return self.full_model_id or self.base_model_id

    @property
    def is_answering(self) -> bool:
        return self.ended_at is None and self.ready_at is not None and self.run.stop_requested_at is None

    def want(self, adapter: Adapter) -> "ReplicaAdapter":
        """Ask for `adapter` on this replica; asked twice, there is one row and one load."""
        return self.adapters.get_or_create(**as_columns(adapter))[0]

    @property
    def state(self) -> str:
        """starting, ready or ended, by its times."""
        if self.ended_at is not None:
            return "ended"
        return "starting" if self.ready_at is None else "ready"

    def mark_ready(self, *, host: str, port: int) -> bool:
        return self.move("ready", host=host, port=port)

    def mark_ended(self, failure: Message | None) -> bool:
        return self.move("ended", failure=failure)

    def mark_requested(self) -> None:
        """Note that a request is in flight."""
        self.last_request_at = timezone.now()
        type(self).objects.filter(pk=self.pk).update(last_request_at=self.last_request_at)

    def _columns(self, to: str) -> dict[str, Any]:
        return {f"{to}_at": timezone.now()}


class ReplicaAdapterQuerySet(models.QuerySet["ReplicaAdapter"]):
    def of(self, adapter: Adapter) -> "ReplicaAdapterQuerySet":
        return self.filter(**as_columns(adapter))


class ReplicaAdapter(Guarded):
    """A tuned model on a replica: wanted, then proven to answer as trained, or refused with the reason. A checkpoint,
    of which no training has stored answers to compare with, is taken for proven once it is loaded."""

    class State(models.TextChoices):
        WANTED = "wanted", _("Loading")
        PROVEN = "proven", _("Proven")
        REFUSED = "refused", _("Refused")
        LEAVING = "leaving", _("Leaving the memory")

    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {
        "wanted": ("proven", "refused"),
        # The engine's reply may come before the verdict that says by how much.
        "proven": ("proven", "leaving"),
        "refused": ("refused",),
        "leaving": (),
    }

    replica = models.ForeignKey(Replica, models.CASCADE, related_name="adapters")
    adapter = models.ForeignKey(TunedModel, models.CASCADE, null=True, related_name="+")
    checkpoint = models.ForeignKey(Checkpoint, models.CASCADE, null=True, related_name="+")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WANTED)
    reason = MessageField()
    verdict = models.JSONField(default=dict, help_text="What the same-answer check measured.")
    memory_bytes = models.BigIntegerField(default=0)
    last_used_at = models.DateTimeField(default=timezone.now, help_text="Of a request; renewed every few seconds.")

    objects = ReplicaAdapterQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["replica", "adapter"], name="an_adapter_is_loaded_once_per_replica"),
            models.UniqueConstraint(fields=["replica", "checkpoint"], name="a_checkpoint_is_loaded_once_per_replica"),
            models.CheckConstraint(
                condition=Q(adapter=None, checkpoint__isnull=False) | Q(adapter__isnull=False, checkpoint=None),
                name="a_tuned_model_or_a_checkpoint_is_loaded",
            ),
        ]

    @property
    def weights(self) -> Adapter:
        weights = self.checkpoint or self.adapter
        assert weights is not None  # as the constraint says
        return weights

    @property
    def weights_id(self) -> str:
        """Its name on the replica."""
        return str(self.checkpoint_id or self.adapter_id)

    def mark_proven(self, verdict: Measured | None = None, *, memory_bytes: int | None = None) -> bool:
        size: dict[str, Any] = {} if memory_bytes is None else {"memory_bytes": memory_bytes}
        return self.move(self.State.PROVEN, reason=None, **_told(verdict), **size)

    def mark_leaving(self) -> bool:
        return self.move(self.State.LEAVING)

    def mark_used(self) -> None:
        """Note that it was asked."""
        self.last_used_at = timezone.now()
        type(self).objects.filter(pk=self.pk).update(last_used_at=self.last_used_at)

    def mark_refused(self, reason: Message, verdict: Measured | None = None) -> bool:
        return self.move(self.State.REFUSED, reason=reason, **_told(verdict))


def _told(verdict: Measured | None) -> dict[str, Any]:
    return {} if verdict is None else {"verdict": verdict}
