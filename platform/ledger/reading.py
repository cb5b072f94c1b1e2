"""What was used, summed up: the entries, and what has not become entries yet, which other apps know."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Sum

from accounts.models import Team
from ledger.models import Entry

GROUPS = ("team", "user", "day", "model")
COUNTED = ("accelerator_seconds", "requests", "prompt_tokens", "completion_tokens")


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of the ledger."""

    first: date
    last: date
    """The last day that is counted."""
    by: str
    """One of GROUPS."""
    team: Team | None = None
    """None: every team."""


@dataclass(kw_only=True)
class Sums:
    """What one team, person, day or model has used."""

    key: str
    """A team's slug, an email, a day such as 2026-11-28, or a model's name; "" where it is not known."""
    accelerator_seconds: Decimal = Decimal(0)
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def add(self, other: "Sums") -> None:
        for name in COUNTED:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def is_something(self) -> bool:
        return any(getattr(self, name) for name in COUNTED)


Source = Callable[[Question], Iterable[Sums]]
_sources: list[Source] = []


def also_from(source: Source) -> Source:
    """Ask `source` for usage that is not an entry yet; called by AppConfig.ready()."""
    if source not in _sources:
        _sources.append(source)
    return source


def usage(question: Question) -> list[Sums]:
    """Return what was used, days in their order, anything else from the most to the least.

    As many queries as there are sources, and one: the database adds up.
    """
    found: dict[str, Sums] = {}
    for source in (_booked, *_sources):
        for part in source(question):
            found.setdefault(part.key, Sums(key=part.key)).add(part)
    rows = [sums for sums in found.values() if sums.is_something]
    return sorted(rows, key=_by_key if question.by == "day" else _by_use)


def total(rows: Iterable[Sums]) -> Sums:
    """Return the sum of all."""
    whole = Sums(key="")
    for row in rows:
        whole.add(row)
    return whole


def _booked(question: Question) -> Iterable[Sums]:
    taken = [Entry.What.CHARGE, Entry.What.REQUESTS]
    entries = Entry.objects.filter(what__in=taken).between(question.first, question.last)
    if question.team is not None:
        entries = entries.visible_to(question.team)
    summed = entries.order_by().values(question.by).annotate(**{f"sum_{name}": Sum(name) for name in COUNTED})
    for row in summed:
        yield Sums(key=str(row[question.by]), **{name: row[f"sum_{name}"] for name in COUNTED})


def _by_key(sums: Sums) -> str:
    return sums.key


def _by_use(sums: Sums) -> tuple[Decimal, int, str]:
    return (-sums.accelerator_seconds, -sums.prompt_tokens - sums.completion_tokens, sums.key)
