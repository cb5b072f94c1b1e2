"""Work that holds devices and computes nothing: it is named, and stopped where the administrator has said so.

Which kinds of work compute all the time, their apps say; a model that waits for questions is idle by nature.
"""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from compute.messages import message
from compute.models import Node, Run, RunQuerySet
from compute.services import request_stop
from compute.work import always_computing, tell_idle


def watch_idle_work() -> None:
    """Tell what has computed nothing for too long, once each time, and stop it if that is switched on."""
    Run.objects.filter(idle_told_at__lt=F("computed_at")).update(idle_told_at=None)
    if not settings.IDLE_WORK_SECONDS:
        return
    for run in idle_work():
        if run.idle_told_at is None:
            _tell(run)
        if settings.RECLAIM_IDLE_WORK:
            request_stop(run=run, reason=Run.StopReason.IDLE)


def idle_work() -> RunQuerySet:
    """Return the Runs that should compute, hold devices, and were last seen to do so too long ago."""
    long_ago = Now() - timedelta(seconds=settings.IDLE_WORK_SECONDS)
    running = Run.objects.filter(state=Run.State.RUNNING, kind__in=always_computing(), stop_requested_at=None)
    seen = running.filter(outcome="", node__in=Node.objects.sampled()).exclude(accelerators=0)
    return seen.alias(last=Coalesce("computed_at", "started_at")).filter(last__lt=long_ago)


def idle_minutes() -> int:
    return round(settings.IDLE_WORK_SECONDS / 60)


@transaction.atomic
def _tell(run: Run) -> None:
    """Say it once: of two at it the second finds that it is said."""
    if Run.objects.filter(pk=run.pk, idle_told_at=None).update(idle_told_at=Now()):
        tell_idle(run, message("computes_nothing", minutes=idle_minutes()))
