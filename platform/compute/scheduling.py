"""The scheduler at work: snapshot, decisions, and each of them applied under a guard."""

from django.db import connection, transaction
from django.utils import timezone

from compute.hours import FULL, notices
from compute.models import Allocation, Node, Quota, Run
from compute.scheduler import Decision, End, Held, NodeState, Snapshot, SpentHours, Start, Stop, Wait, Waiting, decide
from compute.wakes import wake_supervisor
from ledger.days import next_month, today

ADVISORY_LOCK = 0x6C757468
"""Two schedulers at once could each see a team below its quota; one at a time cannot."""


@transaction.atomic
def schedule() -> list[Decision]:
    """Look at the queue once and start, stop and explain; returns what was decided."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])
    snapshot = take_snapshot()
    decisions = decide(snapshot) if snapshot.waiting else []
    for decision in decisions:
        _apply(decision)
    return decisions


def take_snapshot() -> Snapshot:
    """Read queue, nodes, quotas and what is held; consistent while the advisory lock is held."""
    return Snapshot(
        waiting=[
            Waiting(
                run_id=run.pk,
                team_id=run.team_id,
                accelerators=run.accelerators,
                counts_in_quota=run.counts_in_quota,
                stop_requested=run.stop_requested_at is not None,
            )
            for run in Run.objects.waiting()
        ],
        nodes=_nodes(),
        quotas={quota.team_id: quota.ceiling for quota in Quota.objects.all() if quota.ceiling is not None},
        held=_held(),
        out_of_hours=_out_of_hours(),
    )


def _out_of_hours() -> dict[int, SpentHours]:
    resets_on = str(next_month(today()))
    spent = notices().filter(percent=FULL).values_list("team_id", "hours")
    return {team_id: SpentHours(hours=hours, resets_on=resets_on) for team_id, hours in spent}


def _nodes() -> list[NodeState]:
    open_nodes = set(Node.objects.open().values_list("pk", flat=True))
    heard_nodes = set(Node.objects.heard().values_list("pk", flat=True))
    return [
        NodeState(
            node_id=node.pk,
            name=node.name,
            kind=node.kind,
            takes_runs=node.pk in open_nodes,
            heard=node.pk in heard_nodes,
            device_ids=tuple(d.pk for d in node.devices.all() if d.healthy and d.present),
        )
        for node in Node.objects.prefetch_related("devices")
    ]


def _held() -> list[Held]:
    devices: dict[str, list[int]] = {}
    for run_id, device_id in Allocation.objects.filter(released_at=None).values_list("run_id", "device_id"):
        devices.setdefault(run_id, []).append(device_id)
    return [
        Held(
            run_id=run.pk,
            team_id=run.team_id,
            node_id=run.node_id or 0,
            device_ids=tuple(devices[run.pk]),
            counts_in_quota=run.counts_in_quota,
            idle=run.yields and run.idle_since is not None,
            stopping=run.stop_requested_at is not None,
            yielding=run.stop_reason == Run.StopReason.YIELD,
            label=run.label,
            ends_at=run.predicted_end_at.isoformat() if run.predicted_end_at else "",
        )
        for run in Run.objects.filter(pk__in=devices)
    ]


def _apply(decision: Decision) -> None:
    """Carry out one decision if its Run still is what the snapshot said."""
    run = Run.objects.select_for_update(of=("self",)).filter(pk=decision.run_id).first()
    if run is None:
        return
    match decision:
        case Start() if run.state == Run.State.WAITING and run.stop_requested_at is None:
            _start(run, decision)
        case Stop() if run.idle_since is not None and run.stop_requested_at is None and not run.outcome:
            Run.objects.filter(pk=run.pk).update(stop_requested_at=timezone.now(), stop_reason=decision.reason)
        case End() if run.state == Run.State.WAITING:
            run.move(Run.State.FINISHING, outcome=Run.Outcome.STOPPED, outcome_code="not_started", explanation={})
            wake_supervisor(run.pk, queue=None)
        case Wait() if run.state == Run.State.WAITING and run.explanation != decision.explanation:
            Run.objects.filter(pk=run.pk).update(explanation=dict(decision.explanation))


def _start(run: Run, decision: Start) -> None:
    node = Node.objects.get(pk=decision.node_id)
    Allocation.objects.bulk_create(Allocation(run=run, device_id=device) for device in decision.device_ids)
    run.move(Run.State.STARTING, node=node, started_at=timezone.now(), explanation={})
    wake_supervisor(run.pk, queue=node.queue)
