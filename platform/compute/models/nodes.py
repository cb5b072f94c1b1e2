"""What there is to compute with."""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from compute.models.shares import Pool, default_pool


class NodeQuerySet(models.QuerySet["Node"]):
    def heard(self) -> "NodeQuerySet":
        """Nodes whose worker has reported lately, by the database's clock."""
        return self.filter(last_seen_at__gte=Now() - timedelta(seconds=settings.TIMES.node_silent_seconds))

    def sampled(self) -> "NodeQuerySet":
        """Nodes whose newest look at what is used can be believed."""
        return self.heard().filter(sampled_at__gte=Now() - timedelta(seconds=settings.TIMES.node_silent_seconds))

    def open(self) -> "NodeQuerySet":
        """Nodes that get new Runs."""
        return self.heard().filter(draining=False, closing=False)


class Node(models.Model):
    """One machine with its own Celery worker."""

    class Kind(models.TextChoices):
        CPU = "cpu", _("CPU cores")
        CUDA = "cuda", _("GPUs")

    name = models.CharField(max_length=200, unique=True)
    boot_id = models.CharField(max_length=64, blank=True)
    address = models.CharField(max_length=200, default="127.0.0.1")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.CPU)
    pool = models.ForeignKey(Pool, models.PROTECT, related_name="nodes", default=default_pool)
    queue = models.CharField(max_length=210)
    last_seen_at = models.DateTimeField(null=True)
    draining = models.BooleanField(_("draining"), default=False, help_text=_("A draining node gets no new work."))
    closing = models.BooleanField(default=False, editable=False)
    """Set while the node's platform ends, cleared by its next start; `draining` is an administrator's own switch."""

    disk = models.JSONField(default=dict)
    """What its home takes, as `disk.measure` says it; {} until it was measured."""
    disk_at = models.DateTimeField(null=True)
    sampled_at = models.DateTimeField(null=True)
    """When it last looked at what its devices and Runs use."""

    objects = NodeQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    @property
    def is_sampled(self) -> bool:
        """Whether its last look is new enough to be believed."""
        old = timedelta(seconds=settings.TIMES.node_silent_seconds)
        return self.sampled_at is not None and timezone.now() - self.sampled_at <= old

    def mark_seen(self) -> None:
        type(self).objects.filter(pk=self.pk).update(last_seen_at=Now())

    @property
    def is_heard(self) -> bool:
        silent = timedelta(seconds=settings.TIMES.node_silent_seconds)
        return self.last_seen_at is not None and timezone.now() - self.last_seen_at <= silent


class Device(models.Model):
    """One accelerator: a GPU, or a CPU core on a node without GPUs."""

    node = models.ForeignKey(Node, models.CASCADE, related_name="devices")
    index = models.PositiveIntegerField()
    """The core's or the GPU's number on its node."""
    kind = models.CharField(max_length=10, choices=Node.Kind.choices)
    name = models.CharField(max_length=200, blank=True)
    memory_bytes = models.BigIntegerField(default=0)
    healthy = models.BooleanField(default=True)
    present = models.BooleanField(default=True)
    """False once the node no longer offers it; the row stays for its history."""
    memory_used_bytes = models.BigIntegerField(null=True)
    """At the node's newest look. Of a core: what the processes of the Run that holds it have for themselves."""
    utilisation = models.PositiveSmallIntegerField(null=True)
    """Percent, likewise; of a core the share of the Run's cores that its processes keep busy. null: not told."""

    class Meta:
        ordering = ("node_id", "index")
        constraints = [models.UniqueConstraint(fields=["node", "index"], name="one_device_per_index")]

    def __str__(self) -> str:
        return f"{self.node.name}/{self.kind}{self.index}"
