"""What was used: a row for each answered request, summed up in the ledger when its day is over."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from django.db import models, transaction
from django.db.models import Count, F, Max, Min, QuerySet, Sum
from django.db.models.functions import Coalesce, TruncDate
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiKey, Team, User
from common.days import beginning
from ledger.models import Entry, FoldedDay
from ledger.reading import Question, Sums

SLACK = timedelta(minutes=10)
"""So long after midnight a row of the day before may still come."""
KEYS = {"team": "team__slug", "user": "user__email", "model": "asked_model"}
SUMS = {
    "requests": Count("pk"),
    "prompt": Coalesce(Sum("prompt_tokens"), 0),
    "completion": Coalesce(Sum("completion_tokens"), 0),
}


class UsageQuerySet(models.QuerySet["Usage"]):
    def visible_to(self, team: Team) -> "UsageQuerySet":
        return self.filter(team=team)

    def tokens(self) -> int:
        """Tokens of prompts and answers together."""
        total = self.aggregate(sum=models.Sum(F("prompt_tokens") + F("completion_tokens")))["sum"]
        return total or 0


class Usage(models.Model):
    """One answered request: counts and times, never a word of it."""

    class Outcome(models.TextChoices):
        ANSWERED = "answered", _("Answered")
        CANCELLED = "cancelled", _("The caller left")
        FAILED = "failed", _("Failed")

    team = models.ForeignKey(Team, models.CASCADE, related_name="usage")
    api_key = models.ForeignKey(ApiKey, models.SET_NULL, null=True, related_name="+")
    user = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    """Who asked, by key or in the console; null: a program on this machine, or a person who is gone."""
    deployment = models.ForeignKey("deployments.Deployment", models.SET_NULL, null=True, related_name="usage")
    model = models.CharField(max_length=255)
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    prompt_tokens = models.PositiveIntegerField(
        null=True, help_text="Empty when the caller left before the count came."
    )
    completion_tokens = models.PositiveIntegerField(null=True)
    at = models.DateTimeField(auto_now_add=True)
    milliseconds = models.PositiveIntegerField()
    first_token_milliseconds = models.PositiveIntegerField(null=True)

    objects = UsageQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["team", "at"]), models.Index(fields=["at"], name="usage_at")]


def fold_requests() -> None:
    """Write the sums of every day that is over and has none."""
    day = _first_unfolded()
    while day is not None and beginning(day + timedelta(days=1)) + SLACK <= timezone.now():
        _fold(day)
        day += timedelta(days=1)


def folded() -> QuerySet[Usage]:
    """Return the rows whose sums are in the ledger."""
    day = _first_unfolded()
    return Usage.objects.none() if day is None else Usage.objects.filter(at__lt=beginning(day))


def unfolded_requests(question: Question) -> Iterable[Sums]:
    """Return the requests of the days that are asked for and not folded yet; the ledger's source."""
    day = _first_unfolded()
    if day is None or day > question.last:
        return
    rows = _rows(beginning(max(day, question.first)), beginning(question.last + timedelta(days=1)))
    if question.team is not None:
        rows = rows.filter(team=question.team)
    day_of = TruncDate("at", tzinfo=timezone.get_default_timezone())
    key: Any = day_of if question.by == "day" else F(KEYS[question.by])
    summed: Any = rows.values(key=key).annotate(**SUMS)
    for row in summed:
        yield Sums(
            key=str(row["key"] or ""),
            requests=row["requests"],
            prompt_tokens=row["prompt"],
            completion_tokens=row["completion"],
        )


@transaction.atomic
def _fold(day: date) -> None:
    """Write the sums of a day, once: of two at it the second waits for the first, and finds that it is done."""
    _marked, is_mine = FoldedDay.objects.get_or_create(day=day)
    if not is_mine:
        return
    summed = (
        _rows(beginning(day), beginning(day + timedelta(days=1))).values("team_id", *KEYS.values()).annotate(**SUMS)
    )
    Entry.objects.bulk_create(
        Entry(
            what=Entry.What.REQUESTS,
            day=day,
            kind="serving",
            team_id=row["team_id"],
            team=row["team__slug"],
            user=row["user__email"] or "",
            model=row["asked_model"],
            requests=row["requests"],
            prompt_tokens=row["prompt"],
            completion_tokens=row["completion"],
        )
        for row in summed
    )


def _first_unfolded() -> date | None:
    """Return the first day that has no sums; None while there are no requests."""
    last = FoldedDay.objects.aggregate(day=Max("day"))["day"]
    if last is not None:
        return last + timedelta(days=1)
    first = Usage.objects.aggregate(at=Min("at"))["at"]
    return first.astimezone(timezone.get_default_timezone()).date() if first is not None else None


def _rows(begin: datetime, end: datetime) -> QuerySet[Usage, Any]:
    """Return the rows of a time, each with the model that answered: what a deployment's name stands for."""
    rows = Usage.objects.filter(at__gte=begin, at__lt=end).order_by()
    return rows.annotate(asked_model=Coalesce("deployment__model", "model"))
