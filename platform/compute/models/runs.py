"""Runs, and the devices that they hold."""

from typing import Any, ClassVar, TypedDict

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Team, User
from common.ids import new_id
from common.message_field import MessageField
from compute.models.nodes import Device, Node
from compute.models.shares import Pool, default_pool
from ledger.booking import Account, settle
from rundir import RunDirectory
from wording import Message


class NotHeld(RuntimeError):
    """The Run has a newer fencing number: the holder of the old one must let go of it."""


class Priority(models.IntegerChoices):
    """Who comes first among otherwise equal ones; urgent is granted by an administrator."""

    LOW = -1, pgettext_lazy("priority", "Low")
    NORMAL = 0, pgettext_lazy("priority", "Normal")
    HIGH = 1, pgettext_lazy("priority", "High")
    URGENT = 2, pgettext_lazy("priority", "Urgent")

    @property
    def word(self) -> str:
        """What it is called in the API."""
        return self.name.lower()


class RunQuerySet(models.QuerySet["Run"]):
    def visible_to(self, team: Team) -> "RunQuerySet":
        return self.filter(team=team)

    def waiting(self) -> "RunQuerySet":
        """Runs in the queue, first in line first."""
        return self.filter(state=Run.State.WAITING).by_place()

    def running(self) -> "RunQuerySet":
        """Runs that compute, or are about to."""
        return self.filter(state__in=[Run.State.STARTING, Run.State.RUNNING])

    def by_place(self) -> "RunQuerySet":
        """By priority and place in line."""
        return self.order_by("-priority", "queued_at", "created_at", "pk")

    def waiting_before(self, run: "Run") -> int:
        """Return how many Runs are before `run` by priority and place alone, whatever else the scheduler weighs."""
        sooner = models.Q(priority__gt=run.priority) | models.Q(priority=run.priority, queued_at__lt=run.queued_at)
        return self.filter(sooner, state=Run.State.WAITING, pool=run.pool_id).count()

    def live(self) -> "RunQuerySet":
        """Runs that have started and not ended."""
        return self.filter(state__in=[Run.State.STARTING, Run.State.RUNNING, Run.State.CONCLUDING])

    def unfinished(self) -> "RunQuerySet":
        return self.exclude(state=Run.State.ENDED)

    def unheld(self) -> "RunQuerySet":
        """Live Runs whose lease is absent or over, by the database's clock."""
        return self.live().filter(models.Q(lease_until=None) | models.Q(lease_until__lt=Now()))

    def held_by(self, run_id: str, fencing: int) -> "RunQuerySet":
        """The Run while this fencing number is its newest; every write of a supervisor goes through here."""
        return self.filter(pk=run_id, fencing=fencing)


def _run_id() -> str:
    return new_id("run")


class Decided(TypedDict, total=False):
    """How a Run has ended, in its row's columns; empty while that is open, or decided already."""

    outcome: str
    outcome_code: str
    outcome_message: Message | None


class Run(models.Model):
    """One supervised process tree on named devices."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        STARTING = "starting", _("Starting")
        RUNNING = "running", _("Running")
        CONCLUDING = "concluding", _("Concluding")
        ENDED = "ended", _("Ended")

    class Outcome(models.TextChoices):
        SUCCEEDED = "succeeded", _("Succeeded")
        FAILED = "failed", _("Failed")
        STOPPED = "stopped", _("Stopped")
        LOST = "lost", _("Lost")

    class StopReason(models.TextChoices):
        CANCEL = "cancel", _("cancelled")
        PAUSE = "pause", _("paused")
        DRAIN = "drain", _("its node takes no work")
        YIELD = "yield", _("gave way to waiting work")
        EXPIRE = "expire", _("no longer needed")
        PREEMPT = "preempt", _("gave back what another team is guaranteed")
        LIMIT = "limit", _("ran as long as it may")
        HOURS = "hours", _("its team has no accelerator-hours left")
        BY_ADMIN = "by_admin", _("preempted by an administrator")
        IDLE = "idle", _("computed nothing")

    id = models.CharField(primary_key=True, max_length=40, default=_run_id)
    kind = models.CharField(max_length=40)
    team = models.ForeignKey(Team, models.PROTECT, related_name="runs")
    label = models.CharField(max_length=200, blank=True)
    """What its team calls it, for sentences such as '"invoice-v3" should end at 14:20'."""
    model = models.CharField(max_length=255, blank=True)
    """What it trains or serves: a base model's id, or a tuned model's name."""
    pool = models.ForeignKey(Pool, models.PROTECT, related_name="runs", default=default_pool)
    user = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    """Who asked for the work."""
    priority = models.IntegerField(choices=Priority.choices, default=Priority.NORMAL)
    queued_at = models.DateTimeField(default=timezone.now)
    """Its place in line: the work's own, which every later Run for the same work keeps."""
    preemptible = models.BooleanField(default=True)
    """False: the last of its team's Runs to be taken for one that borrows."""
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    accelerators = models.PositiveIntegerField(null=True)
    """How many were asked for; null is "auto": every free one of a node that the quota allows; 0: none (`beside`)."""
    min_accelerators = models.PositiveIntegerField(null=True)
    """The fewest that "auto" may begin with; null: one."""
    kept_accelerators = models.PositiveIntegerField(null=True)
    """What its work had before, when "auto" continues with it."""
    max_seconds = models.PositiveIntegerField(null=True)
    """How long it may hold its devices; null: as long as its team's quota allows."""
    counts_in_quota = models.BooleanField(default=True)
    yields = models.BooleanField(default=False)
    """True: once `idle_since` is set, the Run is stopped when another one waits for its devices."""
    idle_since = models.DateTimeField(null=True)
    node = models.ForeignKey(Node, models.PROTECT, null=True, related_name="runs")
    claimed_node = models.ForeignKey(Node, models.SET_NULL, null=True, related_name="+")
    """Where devices are coming free for it, within its team's guarantee, while it waits."""
    fencing = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    holder = models.CharField(max_length=200, blank=True)
    launcher = models.JSONField(null=True)
    event_offset = models.BigIntegerField(default=0)
    last_seq = models.BigIntegerField(default=0)
    stop_reason = models.CharField(max_length=10, choices=StopReason.choices, blank=True)
    stop_requested_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True)
    outcome_code = models.CharField(max_length=60, blank=True)
    outcome_message = MessageField()
    explanation = models.JSONField(default=dict)
    """Why it waits: {"code": …, numbers…}; `services.explain` makes a sentence of it."""
    predicted_end_at = models.DateTimeField(null=True)
    expected_seconds = models.FloatField(null=True)
    """How long it should last, as estimated before it began; null where nobody knows."""
    trace = models.CharField(max_length=55, blank=True)
    """Where it was asked for, as a traceparent; "" where nobody traces."""
    computed_at = models.DateTimeField(null=True)
    """When its processes or GPUs were last seen to compute, or it said anything."""
    idle_told_at = models.DateTimeField(null=True)
    """When it was said that it computes nothing; null once it computes again."""
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        indexes = [
            models.Index(fields=["state", "-priority", "queued_at"], name="run_queue"),
            models.Index(fields=["team", "-created_at"], name="run_team"),
        ]

    def __str__(self) -> str:
        return f"{self.id} ({self.kind}, {self.state})"

    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {
        "waiting": ("starting", "concluding"),
        "starting": ("running", "concluding"),
        "running": ("concluding",),
        "concluding": ("ended",),
        "ended": (),
    }

    def move(self, to: str, *, fencing: int | None = None, **changes: Any) -> None:
        """Lock the row, check the table and write the new state with `changes`.

        Raises NotHeld when `fencing` is given and no longer the Run's own, ValidationError when the table does not
        allow the step (somebody else was faster).
        """
        with transaction.atomic():
            current = type(self).objects.select_for_update(of=("self",)).get(pk=self.pk)
            if fencing is not None and current.fencing != fencing:
                raise NotHeld(f"{self.pk} is held under fencing number {current.fencing}, no longer {fencing}.")
            if fencing is not None and current.state == to:
                self.refresh_from_db()  # this supervisor's own write, whose commit the database did not confirm
                return
            if to not in self.TRANSITIONS[current.state]:
                raise ValidationError(f"{self.pk} is {current.state} and cannot become {to}.", code="transition")
            type(self).objects.filter(pk=self.pk).update(state=to, **changes)
            if to == Run.State.CONCLUDING:
                self._release()
        self.refresh_from_db()

    def _release(self) -> None:
        """Free its devices, and enter into the ledger how long it had them."""
        begun = dict(self.allocations.filter(released_at=None).values_list("pk", "created_at"))
        self.allocations.filter(pk__in=begun).update(released_at=Now())
        released = dict(self.allocations.filter(pk__in=begun).values_list("pk", "released_at"))
        settle(self.account, [(begun[pk], released[pk] or begun[pk]) for pk in begun])

    @property
    def account(self) -> Account:
        """What the ledger says of it."""
        return Account(
            run=self.pk,
            kind=self.kind,
            team_id=self.team_id,
            team=self.team.slug,
            user=self.user.email if self.user else "",
            pool=self.pool.name,
            model=self.model,
        )

    def devices(self) -> list[Device]:
        """Return the devices it holds, or held last, by index."""
        return list(Device.objects.filter(allocations__run=self).order_by("index"))

    @property
    def directory(self) -> RunDirectory:
        return RunDirectory(settings.LUTHIER_HOME / "runs" / self.pk)

    @property
    def is_over(self) -> bool:
        return self.state == Run.State.ENDED

    @property
    def is_live(self) -> bool:
        return self.state in (Run.State.STARTING, Run.State.RUNNING, Run.State.CONCLUDING)

    @property
    def is_stopping(self) -> bool:
        return self.stop_requested_at is not None and not self.is_over


class Allocation(models.Model):
    """One device given to one Run; the constraint makes it impossible to give it twice."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="allocations")
    device = models.ForeignKey(Device, models.PROTECT, related_name="allocations")
    created_at = models.DateTimeField(db_default=Now())
    """By the database's clock, as its end is: the ledger charges the time between them."""
    released_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["device"], condition=models.Q(released_at=None), name="one_live_run_per_device"
            ),
            models.UniqueConstraint(fields=["run", "device"], name="one_allocation_per_run_and_device"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} holds {self.device}"
