"""What was used: one row for each answered request, until its day is summed up in the ledger and it is forgotten."""

from django.db import models
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiKey, Team, User


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
