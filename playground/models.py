"""Conversations that somebody has shared with the team. Nothing else that is asked in the playground is stored."""

from typing import Self

from django.db import models
from django.db.models.fields.json import KT
from django.db.models.functions import Left
from django.utils import timezone

from accounts.models import Team, User
from common.ids import new_id
from playground.talks import Talk

LONGEST_TITLE = 80


def _share_id() -> str:
    return new_id("talk")


class ShareQuerySet(models.QuerySet["Share"]):
    def visible_to(self, team: Team) -> Self:
        """Shared conversations of `team`: to others they do not exist."""
        return self.filter(team=team)

    def listed(self) -> Self:
        """Shared conversations with their `title` alone: what was said stays in the database."""
        title = Left(KT("turns__0__prompt"), LONGEST_TITLE)
        return self.annotate(title=title).defer("turns", "system", "settings").select_related("created_by")


class Share(models.Model):
    """A talk with two models as it was when it was shared."""

    id = models.CharField(primary_key=True, max_length=40, default=_share_id)
    team = models.ForeignKey(Team, models.CASCADE, related_name="shares")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    left = models.CharField(max_length=300, blank=True)
    """A model's name in the API; "" where one model alone was asked."""
    right = models.CharField(max_length=300, blank=True)
    system = models.TextField(blank=True)
    settings = models.JSONField(default=dict)
    turns = models.JSONField(default=list)
    """[{"prompt", "left", "right"}]"""
    created_at = models.DateTimeField(default=timezone.now)

    objects = ShareQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [models.Index(fields=["team", "-created_at", "-id"], name="share_team")]

    def __str__(self) -> str:
        return self.talk.turns[0].prompt[:LONGEST_TITLE]

    @property
    def talk(self) -> Talk:
        return Talk.of(
            turns=self.turns, left=self.left, right=self.right, system=self.system, settings=self.settings or None
        )
