"""What a page says where a team's accelerator-hours run out."""

from typing import Any

from django import template

from compute.hours.sums import FULL, notice_for
from ledger.days import next_month

register = template.Library()


@register.inclusion_tag("compute/_hours_notice.html", takes_context=True)
def hours_notice(context: dict[str, Any]) -> dict[str, Any]:
    """A notice that the team's hours are used up, or nearly; nothing else."""
    team = context.get("team")
    notice = notice_for(team) if team else None
    if notice is None:
        return {"notice": None}
    return {"notice": notice, "is_full": notice.percent >= FULL, "resets_on": next_month(notice.month)}
