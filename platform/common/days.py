"""Days as people write them and as the platform counts them: in its own time zone, whatever a reader's is."""

import re
from datetime import UTC, date, datetime, time

from django.utils import dateformat, timezone

from common.errors import UserError
from common.messages import message

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def beginning(day: date) -> datetime:
    """Return the first moment of `day`."""
    return datetime.combine(day, time.min, timezone.get_default_timezone()).astimezone(UTC)


def read_day(text: str, field: str) -> date | None:
    """Return the day that a request's `field` names; None where it is empty."""
    if not text:
        return None
    try:
        if not _DAY.fullmatch(text):
            raise ValueError(text)
        return date.fromisoformat(text)
    except ValueError:
        said = message("invalid_day", field=field, value=repr(text[:40]))
        raise UserError(said, code="invalid_value", param=field) from None


def clock_of(moment: datetime) -> str:
    """Return a moment as people write it: the time with its zone, and with its date where that is not today's."""
    moment = timezone.localtime(moment)
    return dateformat.format(moment, "H:i T" if moment.date() == timezone.localdate() else "Y-m-d H:i T")
