"""The reconciler: Runs that no supervisor holds are woken again, and those that died with their node are given up."""

from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from compute.administering.idle_work import watch_idle_work
from compute.hours.limit import watch_hours
from compute.hours.sums import hold_on
from compute.messages import message
from compute.models import Decided, Node, NotHeld, Run
from compute.scheduling.rounds import schedule
from compute.wakes import wake_scheduler, wake_supervisor


def reconcile() -> None:
    """Schedule, hold hours for what still runs, wake missing supervisors, and give up what died with its node.

    Work that computes nothing is named meanwhile.
    """
    watch_hours()
    schedule()
    hold_on()
    watch_idle_work()
    heard = set(Node.objects.heard().values_list("pk", flat=True))
    for run in Run.objects.unheld().select_related("node"):
        if run.node is not None and run.node_id in heard:
            wake_supervisor(run.pk, queue=run.node.queue)
        elif run.state == Run.State.CONCLUDING:
            wake_supervisor(run.pk, queue=None)
        elif run.node is not None:
            give_up(run)


def give_up(run: Run) -> bool:
    """End a Run as lost whose lease is over and whose node has been silent for a lease and more.

    Its tree is gone by then: it exits before the lease ends. The new fencing number turns a late supervisor away.
    """
    times = settings.TIMES
    long_ago = Now() - timedelta(seconds=times.lease_seconds + times.node_silent_seconds)
    with transaction.atomic():
        gone = Run.objects.unheld().filter(pk=run.pk, fencing=run.fencing, node__last_seen_at__lt=long_ago)
        if not gone.update(fencing=F("fencing") + 1, holder="", lease_until=None):
            return False
        outcome = _outcome(run)
        try:
            run.move(Run.State.CONCLUDING, fencing=run.fencing + 1, **outcome)
        except (NotHeld, ValidationError):
            return False
        wake_scheduler()
        wake_supervisor(run.pk, queue=None)
    return True


def _outcome(run: Run) -> Decided:
    """Keep what a terminal event has decided already."""
    if run.outcome:
        return {}
    if run.stop_requested_at is not None:
        return {"outcome": Run.Outcome.STOPPED, "outcome_code": "node_gone"}
    said = message("node_gone", node=run.node.name if run.node else "")
    return {"outcome": Run.Outcome.LOST, "outcome_code": said.code, "outcome_message": said}
