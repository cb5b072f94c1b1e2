"""What was foretold of a waiting Run, kept beside it until the truth is known."""

from datetime import timedelta
from typing import TypedDict

from django.conf import settings
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery
from django.utils import timezone

FRESH_SECONDS = 10.0
REMEMBERED = 100
"""So many of the newest pairs of predicted and actual are learned from."""


class WhatIf(TypedDict):
    """A change that would let a Run start sooner, as a simulation with it has shown; times in Unix seconds."""

    change: dict[str, str | int]
    name: str
    """What would be paused; "" where nothing is."""
    idle_seconds: int
    low: float
    high: float


class RunForecastQuerySet(models.QuerySet["RunForecast"]):
    def answered(self) -> "RunForecastQuerySet":
        """Those whose first range can be compared with the truth, newest first."""
        return self.filter(actual_at__isnull=False, predicted_low__isnull=False).order_by("-actual_at")

    def telling(self, *, is_coarse: bool) -> "RunForecastQuerySet":
        """Those that say how wrong ranges are, newest first: answered ones, and those that still wait beyond theirs.

        Without the latter only short waits would be learned from.
        """
        prefix, at = ("predicted", "predicted_at") if is_coarse else ("near", "near_at")
        late = Q(actual_at=None, run__state="waiting", **{f"{prefix}_high__lt": timezone.now()})
        answered = Q(actual_at__isnull=False, **{f"{prefix}_high__isnull": False})
        found = self.filter(is_coarse=True) if is_coarse else self
        return found.filter(answered | late).order_by(f"-{at}")

    def held(self) -> "RunForecastQuerySet":
        """Those whose first range held."""
        return self.answered().filter(Q(actual_at__gte=F("predicted_low"), actual_at__lte=F("predicted_high")))

    def note_starts(self) -> int:
        """Write down when Runs have started that were waiting before."""
        from compute.models import Run

        started = Run.objects.filter(pk=OuterRef("run_id"), started_at__isnull=False).values("started_at")
        begun = self.filter(actual_at=None, run__started_at__isnull=False)
        return begun.update(actual_at=Subquery(started))


class RunForecast(models.Model):
    """A Run's place in line and when it should start: the first range that was made, and the newest."""

    run = models.OneToOneField("compute.Run", models.CASCADE, primary_key=True, related_name="forecast")
    position = models.PositiveIntegerField()
    """From 1."""
    low_at = models.DateTimeField(null=True)
    high_at = models.DateTimeField(null=True)
    made_at = models.DateTimeField()
    blockers = models.JSONField(default=list)
    """Ids of the Runs whose devices, or whose share of the team's quota, it waits for."""
    what_if = models.JSONField(default=list)
    """`WhatIf`s; made only for Runs that somebody looks at."""
    asked_at = models.DateTimeField(null=True)
    """When somebody last looked."""
    predicted_at = models.DateTimeField()
    predicted_low = models.DateTimeField(null=True)
    predicted_high = models.DateTimeField(null=True)
    futures = models.JSONField(null=True)
    """[low, middle, high] of the first range in seconds from `predicted_at`, before what was learned widened it."""
    is_coarse = models.BooleanField(default=False)
    """The first range was made while it stood far back."""
    near_at = models.DateTimeField(null=True)
    """When its first range was made that is not coarse; that is the first of all unless it stood far back."""
    near_high = models.DateTimeField(null=True)
    near_futures = models.JSONField(null=True)
    actual_at = models.DateTimeField(null=True)
    """When it first had devices."""

    objects = RunForecastQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["-actual_at"], name="forecast_answered")]

    def __str__(self) -> str:
        return f"{self.run_id}: {self.low_at} to {self.high_at}"

    @property
    def is_fresh(self) -> bool:
        return timezone.now() - self.made_at < timedelta(seconds=FRESH_SECONDS * settings.TIMES.reconcile_seconds / 3)
