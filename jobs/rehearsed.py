"""What rehearsals have found out about memory and pace, of all jobs."""

from datetime import timedelta
from typing import Self

from django.db import models
from django.utils import timezone

from catalogue.models import BaseModel

REMEMBERED = timedelta(days=7)
"""So long a configuration without enough memory is not tried again: another program may have had it that day."""


class RehearsalQuerySet(models.QuerySet["Rehearsal"]):
    def current(self) -> Self:
        """What fits, and what has not fitted lately."""
        return self.filter(models.Q(fits=True) | models.Q(seen_at__gt=timezone.now() - REMEMBERED))


class Rehearsal(models.Model):
    """What was found out about one configuration: a model, a method, a batch and a length on a kind of device."""

    key = models.CharField(primary_key=True, max_length=64)
    """SHA-256 of everything that decides how much memory it takes."""
    base_model = models.ForeignKey(BaseModel, models.CASCADE, related_name="rehearsals")
    fits = models.BooleanField()
    """False when memory ran out."""
    device_kind = models.CharField(max_length=10, blank=True)
    device_name = models.CharField(max_length=200, blank=True)
    num_devices = models.PositiveIntegerField(default=1)
    seconds_per_step = models.FloatField(null=True)
    """Of the heaviest batch."""
    tokens = models.PositiveIntegerField(null=True)
    """In the heaviest batch."""
    peak_memory_bytes = models.BigIntegerField(null=True)
    """Of one device, or of the process on CPUs."""
    checkpoint_bytes = models.BigIntegerField(null=True)
    seen_at = models.DateTimeField(auto_now=True)

    objects = RehearsalQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["base_model", "-seen_at"], name="rehearsal_of_base")]

    def __str__(self) -> str:
        return f"{self.base_model_id} on {self.num_devices} {self.device_name or self.device_kind}"
