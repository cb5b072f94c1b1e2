"""What a team may still use of its pools: a sentence for each, on the start page."""

from django.utils.translation import gettext as _

from accounts.models import Team
from common.wording import in_words
from compute.administering.choosing import pools_for
from compute.administering.quotas import quota_in
from compute.explanations import count_of
from compute.hours.sums import left_for
from compute.models import Allocation, Device, Pool


def shares_of(team: Team) -> list[str]:
    """Return what the team uses, may use and has left of the month, one sentence a pool with accelerators."""
    pools = [(pool, list(_kinds(pool))) for pool in pools_for(team)]
    return [_share(team, pool, kinds, is_named=len(pools) > 1) for pool, kinds in pools if kinds]


def _kinds(pool: Pool) -> "list[str]":
    return list(
        Device.objects.filter(node__pool=pool, healthy=True, present=True).order_by().values_list("kind", flat=True)
    )


def _share(team: Team, pool: Pool, kinds: list[str], *, is_named: bool) -> str:
    ceiling = quota_in(team, pool).ceiling
    most = len(kinds) if ceiling is None else min(ceiling, len(kinds))
    in_use = Allocation.objects.filter(
        released_at=None, run__pool=pool, run__team=team, run__counts_in_quota=True
    ).count()
    said = _("Your team uses %(in_use)s of the %(accelerators_word)s that it may use.") % {
        "in_use": in_use,
        "accelerators_word": in_words(count_of(most, kinds[0])),
    }
    if (left := left_for(team, pool)) is not None:
        said += " " + _("%(hours)s accelerator-hours are left this month.") % {"hours": f"{left:,.1f}"}
    return f"{pool}: {said}" if is_named else said
