"""What teams may hold of a pool: read, changed, and what a change would mean before it is made."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction
from django.db.models import Sum

from accounts.models import AuditEvent, Team, User
from common.errors import UserError
from compute.administering.nodes import lock_pool
from compute.messages import message
from compute.models import Device, Pool, Quota
from compute.scheduler import Decision, Snapshot, Start, Stop, Wait, decide
from compute.scheduling.snapshots import take_snapshot
from compute.wakes import wake_scheduler
from wording import Message

MOST_ACCELERATORS = 1_000_000
"""Of a quota: more than any pool has."""
MOST_BYTES = 2**62
MOST_SECONDS = 2**31 - 1
MOST = {"storage_bytes": MOST_BYTES, "longest_run_seconds": MOST_SECONDS}
SHARES = ("guaranteed", "ceiling", "accelerator_hours", "per_user", "longest_run_seconds")
"""What a quota says of a pool; `storage_bytes` is the team's in all of them."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What a change would do at once."""

    starts: int
    """Runs that wait now and could start, or get room by preempting borrowers."""
    preempted: int
    ended: int
    """Runs that have lasted longer than they may, and are paused."""


def quota_of(team: Team, pool: Pool | None = None) -> int | None:
    """Return how many accelerators `team` may hold at once; None: the whole pool."""
    quota = Quota.objects.filter(team=team, pool=pool or Pool.default()).first()
    return quota.ceiling if quota else None


def quota_in(team: Team, pool: Pool) -> Quota:
    """Return the team's quota; one that nobody has set guarantees nothing and allows the whole pool."""
    return Quota.objects.filter(team=team, pool=pool).first() or Quota(team=team, pool=pool)


@transaction.atomic
def set_quota(*, team: Team, by: User | None, pool: Pool | None = None, **changes: int | None) -> None:
    """Change what a team may hold: any of SHARES and `storage_bytes`; None is no limit.

    `accelerators` alone is a ceiling without a guarantee, None the whole pool.
    """
    pool = lock_pool(pool or Pool.default())  # guarantees are added up
    changes = _checked(changes)
    quota, before = _as_changed(team, pool, changes)
    if "storage_bytes" in changes:
        Team.objects.filter(pk=team.pk).update(storage_bytes=changes["storage_bytes"])
        team.storage_bytes = changes["storage_bytes"]
    changed = {name: value for name, value in changes.items() if value != before[name]} or changes
    is_of_pool = not changes.keys().isdisjoint(SHARES)
    if (quota.pk or not is_of_pool) and all(value == before[name] for name, value in changed.items()):
        return
    if is_of_pool:
        quota.save()
    before = {name: before[name] for name in changed}
    AuditEvent.record(actor=by, team=team, action="quota.set", target=team.slug, before=before, **changed)
    wake_scheduler()


def guaranteed_in(pool: Pool) -> int:
    """Return what all teams together are guaranteed."""
    return Quota.objects.filter(pool=pool).aggregate(sum=Sum("guaranteed"))["sum"] or 0


def devices_in(pool: Pool) -> int:
    """Return how many devices the pool has, those of silent and draining nodes included."""
    return Device.objects.filter(node__pool=pool, healthy=True, present=True).count()


def effect_of(*, team: Team, changes: Mapping[str, int | None], pool: Pool | None = None) -> Effect:
    """Return what `changes` would do, as the scheduler itself would decide; UserError as saving them would."""
    pool, changes = pool or Pool.default(), _checked(dict(changes))
    _as_changed(team, pool, changes)
    now = take_snapshot(pool)
    limits = {team.pk: changes["longest_run_seconds"]} if "longest_run_seconds" in changes else None
    then = _changed(take_snapshot(pool, limits=limits), team.pk, changes)
    before, after = decide(now), decide(then)
    already = {one.run_id for one in before if isinstance(one, Stop)}
    stopped = Counter(one.reason for one in after if isinstance(one, Stop) and one.run_id not in already)
    return Effect(starts=len(starting(after) - starting(before)), preempted=stopped["preempt"], ended=stopped["limit"])


def with_changes(*, team: Team, changes: Mapping[str, int | None], pool: Pool) -> Quota:
    """Return the team's quota as `changes` would make it."""
    return _as_changed(team, pool, _checked(dict(changes)))[0]


def said_of(effect: Effect) -> Message:
    """Return the effect in sentences."""
    said = []
    if effect.starts:
        said.append(message("waiting_runs_can_start", count=effect.starts))
    if effect.preempted:
        said.append(message("borrowers_are_preempted", count=effect.preempted))
    if effect.ended:
        said.append(message("too_long_runs_are_paused", count=effect.ended))
    return said[0].followed_by(*said[1:]) if said else message("nothing_changes_now")


def _checked(changes: dict[str, int | None]) -> dict[str, int | None]:
    """Return the changes under the names of the columns."""
    if "accelerators" in changes:
        if "guaranteed" in changes or "ceiling" in changes:
            raise UserError(message("one_way_to_say_it"), code="invalid_quota", param="accelerators")
        changes = {**changes, "guaranteed": 0, "ceiling": changes["accelerators"]}
        del changes["accelerators"]
    if unknown := set(changes) - {*SHARES, "storage_bytes"}:
        raise ValueError(f"A quota has no {sorted(unknown)[0]!r}.")
    if changes.get("guaranteed", 0) is None:
        changes = {**changes, "guaranteed": 0}
    for name, value in changes.items():
        most = MOST.get(name, MOST_ACCELERATORS)
        if value is not None and not 0 <= value <= most:
            raise UserError(message("invalid_quota", most=most), code="invalid_quota", param=name)
    return changes


def _as_changed(team: Team, pool: Pool, changes: Mapping[str, int | None]) -> tuple[Quota, dict[str, Any]]:
    """Return the team's quota with `changes`, unsaved, and the values before; UserError says what cannot be."""
    quota = quota_in(team, pool)
    before: dict[str, Any] = {
        name: team.storage_bytes if name == "storage_bytes" else getattr(quota, name) for name in changes
    }
    for name in SHARES:
        if name in changes:
            setattr(quota, name, changes[name])
    if quota.ceiling is not None and quota.guaranteed > quota.ceiling:
        refusal = message("guaranteed_beyond_ceiling", guaranteed=quota.guaranteed, ceiling=quota.ceiling)
        raise UserError(refusal, code="invalid_quota", param="guaranteed")
    if "guaranteed" in changes and quota.guaranteed > before["guaranteed"] and not pool.overcommit:
        _require_devices(quota)
    return quota, before


def _require_devices(quota: Quota) -> None:
    """Refuse guarantees that no pool could keep; one whose nodes have not come yet is believed."""
    others = Quota.objects.filter(pool=quota.pool).exclude(team=quota.team)
    promised = others.aggregate(sum=Sum("guaranteed"))["sum"] or 0
    there = devices_in(quota.pool)
    if there and promised + quota.guaranteed > there:
        refusal = message("guarantees_beyond_pool", guaranteed=promised + quota.guaranteed, total=there)
        raise UserError(refusal, code="invalid_quota", param="guaranteed")


def _changed(snapshot: Snapshot, team_id: int, changes: Mapping[str, int | None]) -> Snapshot:
    def numbers(name: str, present: Mapping[int, int]) -> dict[int, int]:
        if name not in changes:
            return dict(present)
        value = changes[name]
        others = {team: number for team, number in present.items() if team != team_id}
        return others if value is None else {**others, team_id: value}

    return replace(
        snapshot,
        quotas=numbers("ceiling", snapshot.quotas),
        guarantees=numbers("guaranteed", snapshot.guarantees),
        per_user=numbers("per_user", snapshot.per_user),
    )


def starting(decisions: list[Decision]) -> set[str]:
    """Return the Runs that start, or get room by preempting borrowers."""
    return {
        one.run_id
        for one in decisions
        if isinstance(one, Start) or (isinstance(one, Wait) and one.explanation["code"] == "reclaiming")
    }
