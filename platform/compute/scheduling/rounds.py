"""The scheduler at work: a look at each pool, and what was decided written in bulk, under a guard."""

import json
import time
from collections import defaultdict
from collections.abc import Sequence

from django.db import connection, transaction
from django.utils import timezone

from common.shared_measures import SCHEDULER, observe
from compute.models import Allocation, Node, Pool, Run, RunQuerySet
from compute.scheduler import Decision, End, Start, Stop, Wait, decide
from compute.scheduling.fair_shares import enter_usage
from compute.scheduling.snapshots import take_snapshot
from compute.wakes import wake_supervisor

ADVISORY_LOCK = 0x6C757468
"""Two schedulers at once could each see a team below its quota; one at a time cannot."""


def lock_the_line() -> None:
    """Wait until no scheduler decides, and keep others from it until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])


@transaction.atomic
def schedule() -> list[Decision]:
    """Look at the queues once and start, stop and explain; returns what was decided."""
    lock_the_line()
    decisions: list[Decision] = []
    for pool in Pool.objects.order_by("pk"):
        began = time.monotonic()
        enter_usage(pool, timezone.now())
        decisions += decide(take_snapshot(pool))
        observe(SCHEDULER, time.monotonic() - began)
    _start([one for one in decisions if isinstance(one, Start)])
    _stop([one for one in decisions if isinstance(one, Stop)])
    _end([one for one in decisions if isinstance(one, End)])
    _explain([one for one in decisions if isinstance(one, Wait)])
    return decisions


def _start(decisions: Sequence[Start]) -> None:
    """Give out devices to the Runs that still wait."""
    if not decisions:
        return
    line = Run.objects.filter(state=Run.State.WAITING, stop_requested_at=None)
    runs = _locked(line, decisions)
    nodes = Node.objects.in_bulk({one.node_id for one in decisions})
    begun = [one for one in decisions if one.run_id in runs]
    Allocation.objects.bulk_create(
        Allocation(run=runs[one.run_id], device_id=device) for one in begun for device in one.device_ids
    )
    now = timezone.now()
    for one in begun:
        run = runs[one.run_id]
        run.state, run.node, run.started_at, run.explanation = Run.State.STARTING, nodes[one.node_id], now, {}
        run.claimed_node = None
        wake_supervisor(run.pk, queue=nodes[one.node_id].queue)
    Run.objects.bulk_update(runs.values(), ["state", "node", "started_at", "explanation", "claimed_node"])


def _stop(decisions: Sequence[Stop]) -> None:
    """Ask Runs to stop that nobody has asked yet; one that gives way must still be idle."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for one in decisions:
        by_reason[one.reason].append(one.run_id)
    for reason, run_ids in by_reason.items():
        runs = Run.objects.live().filter(pk__in=run_ids, stop_requested_at=None, outcome="")
        if reason == Run.StopReason.YIELD:
            runs = runs.filter(idle_since__isnull=False)
        runs.update(stop_requested_at=timezone.now(), stop_reason=reason)


def _end(decisions: Sequence[End]) -> None:
    for run in _locked(Run.objects.filter(state=Run.State.WAITING), decisions).values():
        run.move(Run.State.CONCLUDING, outcome=Run.Outcome.STOPPED, outcome_code="not_started", explanation={})
        wake_supervisor(run.pk, queue=None)


def _explain(decisions: Sequence[Wait]) -> None:
    """Write why Runs wait, and where, if that has changed, the same reason at once for all that have it."""
    line = Run.objects.filter(state=Run.State.WAITING).values_list("pk", "explanation", "claimed_node_id")
    present = {run_id: (explanation, node) for run_id, explanation, node in line}
    changed: dict[tuple[str, int | None], list[str]] = defaultdict(list)
    texts: dict[int, str] = {}
    for one in decisions:
        if present.get(one.run_id) != (one.explanation, one.claimed_node):
            text = texts.setdefault(id(one.explanation), json.dumps(one.explanation))
            changed[text, one.claimed_node].append(one.run_id)
    for (text, node), run_ids in changed.items():
        waiting = Run.objects.filter(pk__in=run_ids, state=Run.State.WAITING)
        waiting.update(explanation=json.loads(text), claimed_node=node)


def _locked(runs: RunQuerySet, decisions: Sequence[Start | End]) -> dict[str, Run]:
    """Return those of `runs` that were decided about, locked."""
    ours = runs.filter(pk__in=[one.run_id for one in decisions]).order_by("pk")
    return {run.pk: run for run in ours.select_for_update(of=("self",))}
