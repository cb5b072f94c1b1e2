"""A pool as the scheduler sees it, read in as many queries for a long line as for a short one."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from compute.beside import NO_DEVICE
from compute.hours.sums import FULL, notices
from compute.models import Allocation, Maintenance, Node, Pool, Quota, Run
from compute.scheduler import Held, NodeState, Snapshot, SpentHours, Waiting, Window
from compute.scheduling.fair_shares import HORIZON, usage_of
from ledger.days import next_month, today

LATEST = 1.5
"""A Run is taken to have ended after so many times as long as it is expected to last."""


def take_snapshot(
    pool: Pool | None = None, *, queued_again: str = "", limits: Mapping[int, int | None] | None = None
) -> Snapshot:
    """Read a pool's queue, nodes, quotas and what is held; consistent while the advisory lock is held.

    For what a change would do: with the Run `queued_again` back in its place in line, and with `limits` by team instead
    of the longest runs that are in force.
    """
    pool, now = pool or Pool.default(), timezone.now()
    quotas = list(Quota.objects.filter(pool=pool))
    asked = {one.team_id: one.longest_run_seconds for one in quotas} | dict(limits or {})
    longest = {team_id: seconds for team_id, seconds in asked.items() if seconds is not None}
    return Snapshot(
        waiting=_waiting(pool, longest, queued_again),
        nodes=_nodes(pool),
        quotas={one.team_id: one.ceiling for one in quotas if one.ceiling is not None},
        guarantees={one.team_id: one.guaranteed for one in quotas if one.guaranteed},
        per_user={one.team_id: one.per_user for one in quotas if one.per_user is not None},
        held=[one for one in _held(pool, longest) if one.run_id != queued_again],
        out_of_hours=_out_of_hours(pool),
        usage=usage_of(pool),
        half_life=settings.FAIR_SHARE_HALF_LIFE_SECONDS,
        horizon=HORIZON,
        now=now.timestamp(),
    )


def _waiting(pool: Pool, longest: dict[int, int], queued_again: str) -> list[Waiting]:
    line = Run.objects.filter(Q(state=Run.State.WAITING) | Q(pk=queued_again), pool=pool).by_place()
    columns = line.values_list(
        "pk", "team_id", "user_id", "priority", "accelerators", "min_accelerators", "kept_accelerators", "max_seconds",
        "expected_seconds", "preemptible", "counts_in_quota", "stop_requested_at", "claimed_node_id",
    )  # fmt: skip
    return [
        Waiting(
            run_id=pk,
            team_id=team_id,
            user_id=user_id,
            priority=priority,
            accelerators=accelerators,
            min_accelerators=least,
            kept_accelerators=kept,
            most_seconds=_least_of(
                limit_of(most, longest.get(team_id), is_preemptible=preemptible), expected and LATEST * expected
            ),
            expected_seconds=expected,
            preemptible=preemptible,
            counts_in_quota=counted,
            stop_requested=stopped is not None,
            claimed_node=claimed,
        )
        for pk, team_id, user_id, priority, accelerators, least, kept, most, expected, preemptible, counted, stopped,
        claimed in columns
    ]  # fmt: skip


def limit_of(most: int | None, longest: int | None, *, is_preemptible: bool) -> float | None:
    """Return how long a Run may hold its devices. A team's longest run is for work that can continue later.

    A deployment, which cannot, has no limit.
    """
    return _least_of(most, longest if is_preemptible else None)


def _least_of(*seconds: float | None) -> float | None:
    return min((one for one in seconds if one is not None), default=None)


def _nodes(pool: Pool) -> list[NodeState]:
    nodes = Node.objects.filter(pool=pool)
    open_nodes = set(nodes.open().values_list("pk", flat=True))
    heard_nodes = set(nodes.heard().values_list("pk", flat=True))
    maintenance = list(Maintenance.objects.of_pool(pool).to_come())
    return [
        NodeState(
            node_id=node.pk,
            name=node.name,
            kind=node.kind,
            takes_runs=node.pk in open_nodes,
            heard=node.pk in heard_nodes,
            device_ids=tuple(d.pk for d in node.devices.all() if d.healthy and d.present),
            windows=tuple(
                Window(begins_at=one.begins_at.timestamp(), ends_at=one.ends_at.timestamp())
                for one in maintenance
                if one.covers(node.pk)
            ),
        )
        for node in nodes.prefetch_related("devices")
    ]


def _held(pool: Pool, longest: dict[int, int]) -> list[Held]:
    devices: dict[str, list[int]] = {}
    held = Allocation.objects.filter(released_at=None, run__node__pool=pool)
    for run_id, device_id in held.values_list("run_id", "device_id"):
        devices.setdefault(run_id, []).append(device_id)
    beside = Q(pool=pool, accelerators=NO_DEVICE, pk__in=Run.objects.live())
    runs = Run.objects.filter(Q(pk__in=devices) | beside)
    return [_as_held(run, tuple(devices.get(run.pk, ())), longest) for run in runs]


def _as_held(run: Run, devices: tuple[int, ...], longest: dict[int, int]) -> Held:
    most = limit_of(run.max_seconds, longest.get(run.team_id), is_preemptible=run.preemptible)
    must_end_at = run.started_at + timedelta(seconds=most) if run.started_at and most is not None else None
    return Held(
        run_id=run.pk,
        team_id=run.team_id,
        user_id=run.user_id,
        priority=run.priority,
        node_id=run.node_id or 0,
        device_ids=devices,
        started_at=_seconds(run.started_at) or 0.0,
        preemptible=run.preemptible,
        counts_in_quota=run.counts_in_quota,
        idle=run.yields and run.idle_since is not None,
        stopping=run.stop_requested_at is not None or bool(run.outcome),
        yielding=run.stop_reason in (Run.StopReason.YIELD, Run.StopReason.PREEMPT),
        label=run.label,
        ends_at=_seconds(run.predicted_end_at),
        must_end_at=_seconds(must_end_at),
        checkpoint_seconds=settings.TIMES.checkpoint_seconds,
    )


def _seconds(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment is not None else None


def _out_of_hours(pool: Pool) -> dict[int, SpentHours]:
    resets_on = str(next_month(today()))
    spent = notices().filter(percent=FULL, pool=pool).values_list("team_id", "hours")
    return {team_id: SpentHours(hours=hours, resets_on=resets_on) for team_id, hours in spent}
