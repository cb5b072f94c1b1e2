"""What a person or a program may ask of the ledger, read from the texts that they send."""

from datetime import timedelta

from accounts.models import Team
from common.days import read_day
from common.errors import UserError
from ledger.days import month_of, today
from ledger.messages import message
from ledger.reading import GROUPS, Question

MOST_DAYS = 3660
"""Ten years."""


def question_of(*, first: str, last: str, by: str, team: Team | None) -> Question:
    """Return what is asked for; empty: from the beginning of the month, up to today, by team."""
    if by and by not in GROUPS:
        said = message("unknown_usage_group", value=repr(by[:40]), known=list(GROUPS))
        raise UserError(said, code="invalid_value", param="group_by")
    end = read_day(last, "to") or today()
    begin = read_day(first, "from") or month_of(end)[0]
    if begin > end:
        said = message("days_reversed", first=str(begin), last=str(end))
        raise UserError(said, code="invalid_value", param="from")
    if end - begin > timedelta(days=MOST_DAYS):
        said = message("days_too_many", first=str(begin), last=str(end), most=MOST_DAYS)
        raise UserError(said, code="invalid_value", param="from")
    return Question(first=begin, last=end, by=by or "team", team=team)
