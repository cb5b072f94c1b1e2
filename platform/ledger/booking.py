"""How a Run enters the ledger: held when it is asked for, charged when its devices are free again."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal

from ledger.days import by_day, today
from ledger.models import Entry

What = Entry.What


@dataclass(frozen=True, kw_only=True)
class Account:
    """What an entry says of the Run it is for."""

    run: str
    kind: str
    team_id: int
    team: str
    user: str = ""
    pool: str = ""
    model: str = ""


def hold(account: Account, seconds: Decimal | float) -> None:
    """Note what a Run is expected to take from now on, in device-seconds, besides what is held for it already."""
    Entry.objects.create(what=What.HOLD, day=today(), accelerator_seconds=round(Decimal(seconds), 6), **asdict(account))


def settle(account: Account, spans: Iterable[tuple[datetime, datetime]]) -> None:
    """Charge a Run for its devices, each from one moment to another, and release what is left of its hold.

    In the transaction that frees the devices, and once: the database refuses a second charge.
    """
    taken: defaultdict[date, Decimal] = defaultdict(Decimal)
    for begin, end in spans:
        for day, seconds in by_day(begin, end):
            taken[day] += seconds
    entries = [_entry(account, What.CHARGE, day, seconds) for day, seconds in sorted(taken.items())]
    left = Entry.objects.holds().filter(run=account.run).seconds() - sum(taken.values())
    if left > 0:
        entries.append(_entry(account, What.RELEASE, today(), left))
    Entry.objects.bulk_create(entries)


def _entry(account: Account, what: str, day: date, seconds: Decimal) -> Entry:
    return Entry(what=what, day=day, accelerator_seconds=seconds, **asdict(account))
