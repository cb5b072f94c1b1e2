"""What is shared out: pools, a team's quota in each, and what it has used of them."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Team

DEFAULT_POOL = "default"


class PoolManager(models.Manager["Pool"]):
    """The pools that there are."""

    def get_queryset(self) -> models.QuerySet["Pool"]:
        return super().get_queryset().filter(deleted_at=None)


class Pool(models.Model):
    """Nodes that are shared out together; quotas are given in one."""

    name = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=100, blank=True)
    launcher = models.CharField(max_length=20, default="local")
    overcommit = models.BooleanField(
        default=False, help_text=_("Guarantees may add up to more accelerators than there are.")
    )
    deleted_at = models.DateTimeField(null=True, editable=False)
    """The row stays for the Runs that were in it; made again under its name, it is there again."""

    objects = PoolManager()
    with_deleted = models.Manager["Pool"]()

    def __str__(self) -> str:
        return self.title or self.name

    @classmethod
    def default(cls) -> "Pool":
        """Return the pool that every node belongs to unless an administrator moves it."""
        return cls.objects.get_or_create(name=DEFAULT_POOL)[0]


def default_pool() -> int:
    return Pool.default().pk


class Quota(models.Model):
    """A team's share of a pool; a team without one is guaranteed nothing and may hold the whole pool."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="quotas")
    pool = models.ForeignKey(Pool, models.CASCADE, related_name="quotas", default=default_pool)
    guaranteed = models.PositiveIntegerField(_("guaranteed"), default=0)
    """Accelerators that it gets whenever it has work for them, even while others borrow them."""
    ceiling = models.PositiveIntegerField(_("ceiling"), null=True, blank=True)
    """Accelerators that it may hold at once, by borrowing what others leave idle; null: the whole pool."""
    accelerator_hours = models.PositiveIntegerField(_("accelerator-hours a month"), null=True, blank=True)
    per_user = models.PositiveIntegerField(_("most at once per person"), null=True, blank=True)
    longest_run_seconds = models.PositiveIntegerField(_("longest run in seconds"), null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "pool"], name="one_quota_per_team_and_pool")]

    def __str__(self) -> str:
        return f"{self.team}: {self.guaranteed} to {'all' if self.ceiling is None else self.ceiling}"


class TeamUsage(models.Model):
    """What a team has used of a pool, decayed: fair shares follow from it. Written under the scheduler's lock."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="+")
    pool = models.ForeignKey(Pool, models.CASCADE, related_name="+")
    decayed = models.FloatField()
    """Device-seconds."""
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "pool"], name="one_usage_per_team_and_pool")]

    def __str__(self) -> str:
        return f"{self.team_id}: {self.decayed:.0f}"


class HoursNotice(models.Model):
    """A mark of its accelerator-hours that a team has crossed this month, noted once for each limit."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="+")
    pool = models.ForeignKey(Pool, models.CASCADE, related_name="+")
    month = models.DateField()
    hours = models.PositiveIntegerField()
    """The limit then: of a raised one nothing was crossed yet."""
    percent = models.PositiveSmallIntegerField()
    at = models.DateTimeField(db_default=Now())
    told_at = models.DateTimeField(null=True)
    """When the team's jobs were notified."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["team", "pool", "month", "hours", "percent"], name="one_notice_per_mark_and_limit"
            )
        ]

    def __str__(self) -> str:
        return f"{self.team_id} has used {self.percent} % of {self.hours} hours"
