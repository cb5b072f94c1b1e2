"""How many bytes a team has in storage, counted by the apps that put them there, and how many it may have."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.db import transaction
from django.utils.functional import Promise

from accounts.models import Team
from common.errors import UserError
from common.templatetags.luthier import size
from ledger.messages import message
from wording import Message

Counter = Callable[[Team], int]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Something that a team stores."""

    title: "str | Promise"
    """For a page."""
    way_out: Message
    """What to delete of it where there is no room."""
    count: Counter


_kinds: dict[str, Kind] = {}


def counts(name: str, *, title: "str | Promise", way_out: Message) -> Callable[[Counter], Counter]:
    """Register a function that counts the bytes of one kind; called as its module is imported by AppConfig.ready()."""

    def register(count: Counter) -> Counter:
        _kinds[name] = Kind(title=title, way_out=way_out, count=count)
        return count

    return register


def stored(team: Team) -> Mapping[str, int]:
    """Return the bytes that `team` has in storage, by kind."""
    return {name: kind.count(team) for name, kind in _kinds.items()}


def titles() -> Mapping[str, "str | Promise"]:
    return {name: kind.title for name, kind in _kinds.items()}


def require_room(team: Team, num_bytes: int) -> None:
    """Raise UserError where `num_bytes` more are beyond what `team` may store.

    In a transaction the team's row is locked until its end, so that of two at once the second sees what the first has
    put there.
    """
    teams = Team.objects.filter(pk=team.pk)
    allowed = teams.values_list("storage_bytes", flat=True).first()
    if allowed is None or num_bytes <= 0:
        return
    if transaction.get_connection().in_atomic_block:
        list(teams.select_for_update(no_key=True))
    found = stored(team)
    used = sum(found.values())
    if used + num_bytes <= allowed:
        return
    largest = max(found, key=lambda name: found[name])
    full = message("storage_full", used=size(used), allowed=size(allowed), asked=size(num_bytes))
    said = full.followed_by(_kinds[largest].way_out) if found[largest] else full
    raise UserError(said.followed_by(message("ask_for_storage")), code="storage_full", status=413)
