"""The node's own end: its trees are asked to checkpoint and stop, and nothing new begins."""

import time
from datetime import timedelta

from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from compute.models import Node, Run
from compute.node.devices import node_name
from compute.node.launcher import LocalLauncher

POLL_SECONDS = 0.1
STORING_SECONDS = 5.0
"""How long results of stopped trees may still be stored."""


def drain_node(timeout_seconds: float) -> None:
    """Ask every tree of this node to stop (reason "drain") and wait; kill what is left after `timeout_seconds`.

    The supervisors of the node's worker do the asking, so they must be alive. Runs that end this way carry the stop
    reason "drain", by which their app knows to continue them at the next start.
    """
    node = Node.objects.filter(name=node_name()).first()
    if node is None:
        return
    Node.objects.filter(pk=node.pk).update(closing=True)
    runs = Run.objects.live().filter(node=node)
    begun = runs.filter(state__in=[Run.State.STARTING, Run.State.RUNNING])
    begun.filter(stop_requested_at=None, outcome="").update(
        stop_requested_at=timezone.now(), stop_reason=Run.StopReason.DRAIN
    )
    _wait_until_none(begun, timeout_seconds)
    _wait_until_none(runs.filter(lease_until__gt=Now() - timedelta(seconds=1)), STORING_SECONDS)
    launcher = LocalLauncher()
    for run in runs:
        if run.launcher:
            launcher.kill(run.launcher)


def _wait_until_none(runs: QuerySet[Run], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while runs.exists() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
