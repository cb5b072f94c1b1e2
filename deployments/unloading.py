"""Adapters that nobody asks leave the memory of a shared replica; the next request has them loaded and proven anew."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from deployments.models import Replica, ReplicaAdapter


def let_idle_go(replica: Replica) -> None:
    """Mark the adapters that the replica shall let go of: the unused, then the least recently used beyond the bound."""
    now = timezone.now()
    long_ago = now - timedelta(seconds=settings.ADAPTER_IDLE_SECONDS)
    in_use = now - timedelta(seconds=settings.TIMES.reconcile_seconds)
    """A request may be on its way whose note is not written yet."""
    proven = list(replica.adapters.filter(state=ReplicaAdapter.State.PROVEN).order_by("last_used_at"))
    total = sum(one.memory_bytes for one in proven)
    for one in proven:
        is_too_much = total > settings.ADAPTER_MEMORY_BYTES and one.last_used_at < in_use
        if (one.last_used_at < long_ago or is_too_much) and one.mark_leaving():
            total -= one.memory_bytes
