"""What would let a waiting Run start sooner, in words."""

from datetime import UTC, datetime, timedelta

from django.utils import timezone
from django.utils.dateformat import format as format_date

from compute.explanations import count_of
from compute.messages import message
from compute.models import Run
from compute.models.forecasts import WhatIf
from wording import Message

PRIORITIES = {
    "low": "priority_low",
    "normal": "priority_normal",
    "high": "priority_high",
    "urgent": "priority_urgent",
}
"""The message of each."""
NOW_SECONDS = 60.0
"""What should start within this time starts now, as far as people care."""


def helps(found: WhatIf, *, run: Run, kind: str) -> Message:
    """Return what a change would do for `run`; `kind` says what its accelerators are."""
    change, when = found["change"], _when(found)
    if "accelerators" in change:
        fewer, asked = count_of(int(change["accelerators"]), kind), count_of(run.accelerators or 0, kind)
        return message("helps_with_fewer", fewer=fewer, asked=asked, when=when)
    if "priority" in change:
        return message("helps_with_priority", priority=message(PRIORITIES[str(change["priority"])]), when=when)
    return message("helps_by_pausing", name=found["name"], idle=_for(found["idle_seconds"]), when=when)


def clock(low: datetime, high: datetime) -> tuple[str, str]:
    """Return both ends of a range as people write them: times, with dates where they are not today's, the zone once."""
    ends = timezone.localtime(low), timezone.localtime(high)
    is_today = all(end.date() == timezone.localdate() for end in ends)
    before = "" if is_today else "Y-m-d "
    return format_date(ends[0], f"{before}H:i"), format_date(ends[1], f"{before}H:i T")


def _when(found: WhatIf) -> Message:
    low, high = (datetime.fromtimestamp(found[end], UTC) for end in ("low", "high"))  # type: ignore[literal-required]
    if high - timezone.now() < timedelta(seconds=NOW_SECONDS):
        return message("would_start_now")
    first, last = clock(low, high)
    return message("would_start_between", low=first, high=last)


def _for(seconds: int) -> Message:
    if seconds < 3600:
        return message("minutes", count=max(1, seconds // 60))
    if seconds < 48 * 3600:
        return message("hours", count=seconds // 3600)
    return message("days", count=seconds // 86_400)
