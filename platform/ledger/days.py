"""Days and months as the ledger counts them: in the platform's time zone, whatever a reader's is."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.utils import timezone

from common.days import beginning

MICROSECOND = timedelta(microseconds=1)


def today() -> date:
    return timezone.now().astimezone(timezone.get_default_timezone()).date()


def month_of(day: date) -> tuple[date, date]:
    """Return the first and the last day of the month that `day` is in."""
    first = day.replace(day=1)
    return first, next_month(first) - timedelta(days=1)


def next_month(day: date) -> date:
    """Return the first day of the month after that of `day`."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def by_day(begin: datetime, end: datetime) -> Iterator[tuple[date, Decimal]]:
    """Yield each day between two moments with the seconds that fall on it; nothing where they are no time apart."""
    zone = timezone.get_default_timezone()
    while begin < end:
        day = begin.astimezone(zone).date()
        until = min(end, beginning(day + timedelta(days=1)))
        yield day, exact_seconds(until - begin)
        begin = until


def exact_seconds(period: timedelta) -> Decimal:
    """Return a period in seconds, to the microsecond that the database keeps."""
    return Decimal(period // MICROSECOND).scaleb(-6)
