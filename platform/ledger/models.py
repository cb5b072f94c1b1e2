"""The ledger: what accelerators and answers were used, by whom and for what. Entries are added, never changed."""

from datetime import date
from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import Team


class EntryQuerySet(models.QuerySet["Entry"]):
    def visible_to(self, team: Team) -> "EntryQuerySet":
        return self.filter(team_id=team.pk)

    def between(self, first: date, last: date) -> "EntryQuerySet":
        """Entries that count for a day from `first` to `last`, both included."""
        return self.filter(day__gte=first, day__lte=last)

    def holds(self) -> "EntryQuerySet":
        return self.filter(what=Entry.What.HOLD)

    def charges(self) -> "EntryQuerySet":
        return self.filter(what=Entry.What.CHARGE)

    def seconds(self) -> Decimal:
        """The sum of their device-seconds."""
        return self.aggregate(sum=models.Sum("accelerator_seconds"))["sum"] or Decimal(0)


class Entry(models.Model):
    """One line of the ledger.

    It names run, team and person in text, so that it says the same when they are gone. A trigger of the database
    refuses to change or delete one; only `retention` may, in a transaction that says so.
    """

    class What(models.TextChoices):
        HOLD = "hold"
        """What a Run is expected to take, before it has."""
        CHARGE = "charge"
        """What a Run has taken on one day: of each device, from the moment it was given to the moment it was free."""
        RELEASE = "release"
        """What was held and not taken."""
        REQUESTS = "requests"
        """What models have answered on one day, for one person and one model."""

    what = models.CharField(max_length=10, choices=What.choices)
    at = models.DateTimeField(db_default=Now())
    """When it was written."""
    day = models.DateField()
    """The day it counts for, in the platform's time zone."""
    run = models.CharField(max_length=40, blank=True, db_index=True)
    kind = models.CharField(max_length=40, blank=True)
    """training, serving, …"""
    team_id = models.BigIntegerField()
    """No foreign key: it stays when the team goes, and no later team gets it."""
    team = models.CharField(max_length=60)
    """Its slug."""
    user = models.CharField(max_length=254, blank=True)
    """An email; "" where it was no particular person."""
    pool = models.CharField(max_length=60, blank=True)
    model = models.CharField(max_length=255, blank=True)
    """A base model's id, or a tuned model's name."""
    accelerator_seconds = models.DecimalField(max_digits=20, decimal_places=6, default=Decimal(0))
    requests = models.BigIntegerField(default=0)
    prompt_tokens = models.BigIntegerField(default=0)
    completion_tokens = models.BigIntegerField(default=0)

    objects = EntryQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        indexes = [
            models.Index(fields=["team_id", "day"], name="ledger_team_day"),
            models.Index(fields=["day"], name="ledger_day"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "day"], condition=Q(what="charge"), name="one_charge_per_run_and_day"
            ),
            models.UniqueConstraint(fields=["run"], condition=Q(what="release"), name="one_release_per_run"),
            models.CheckConstraint(
                condition=Q(
                    accelerator_seconds__gte=0, requests__gte=0, prompt_tokens__gte=0, completion_tokens__gte=0
                ),
                name="a_ledger_entry_adds",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.what} {self.run or self.model}: {self.accelerator_seconds} s"


class FoldedDay(models.Model):
    """A day whose single requests have been summed up as entries."""

    day = models.DateField(primary_key=True)

    def __str__(self) -> str:
        return str(self.day)
