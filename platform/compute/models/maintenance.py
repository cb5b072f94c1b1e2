"""When nodes are taken out of service for a while, planned beforehand."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from accounts.models import User
from common.ids import new_id
from compute.models.nodes import Node
from compute.models.shares import Pool


def _maintenance_id() -> str:
    return new_id("maint")


class MaintenanceQuerySet(models.QuerySet["Maintenance"]):
    def to_come(self) -> "MaintenanceQuerySet":
        """Those that are not over, the next one first."""
        return self.filter(ends_at__gt=timezone.now()).order_by("begins_at", "pk")

    def of_pool(self, pool: Pool) -> "MaintenanceQuerySet":
        """Those of the pool as a whole, and of its nodes."""
        return self.filter(Q(pool=pool) | Q(node__pool=pool))


class Maintenance(models.Model):
    """A window in which one node, or every node of a pool, runs nothing."""

    id = models.CharField(primary_key=True, max_length=40, default=_maintenance_id)
    node = models.ForeignKey(Node, models.CASCADE, null=True, related_name="maintenance")
    pool = models.ForeignKey(Pool, models.CASCADE, null=True, related_name="maintenance")
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=200, blank=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    objects = MaintenanceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("begins_at")), name="maintenance_ends_after_it_begins"),
            models.CheckConstraint(
                condition=Q(node=None, pool__isnull=False) | Q(node__isnull=False, pool=None),
                name="maintenance_of_a_node_or_a_pool",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.place}: {self.begins_at} to {self.ends_at}"

    @property
    def place(self) -> str:
        """What is maintained, as people call it."""
        return str(self.node or self.pool)

    @property
    def is_on(self) -> bool:
        return self.begins_at <= timezone.now() < self.ends_at

    def covers(self, node_id: int) -> bool:
        """Whether it is about this node of its pool."""
        return self.node_id in (None, node_id)
