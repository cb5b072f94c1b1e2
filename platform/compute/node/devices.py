"""What this node has: GPUs by NVML, else CPU cores."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path

import psutil
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models.functions import Now

from compute.models import Device, Node
from compute.node import nvml

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, kw_only=True)
class Accelerator:
    """One GPU or core of this node."""

    index: int
    kind: str
    """"cuda" or "cpu"."""
    name: str
    memory_bytes: int = 0
    """Its own; 0 for a core, which shares the host's."""


def node_name() -> str:
    """Return this node's name: settings.NODE_NAME, else the host's."""
    return settings.NODE_NAME or socket.gethostname()


def node_queue() -> str:
    """Return the Celery queue that only this node's worker reads."""
    return f"node-{node_name()}"


def boot_id() -> str:
    """Return what changes when the host restarts, so that a pid of the boot before is never taken for one of ours."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return str(int(psutil.boot_time()))


def accelerators() -> list[Accelerator]:
    """Return what this node offers; settings.NODE_ACCELERATORS is empty (all), "cpu" (cores) or the most of them."""
    allowed = settings.NODE_ACCELERATORS.strip().lower()
    if allowed not in ("", "cpu") and not (allowed.isdecimal() and int(allowed) > 0):
        raise ImproperlyConfigured(
            f"LUTHIER_ACCELERATORS is {allowed!r}. Accepted: nothing (all there is), 'cpu', or a number from 1 on."
        )
    found = (gpus() if allowed != "cpu" else []) or cores()
    return found[: int(allowed)] if allowed.isdecimal() else found


def gpus() -> list[Accelerator]:
    """Return the NVIDIA GPUs that NVML reports; none where there is no driver."""
    return [
        Accelerator(index=one.index, kind="cuda", name=one.name, memory_bytes=one.memory_bytes) for one in nvml.gpus()
    ]


def cores() -> list[Accelerator]:
    """Return the cores that this process may use."""
    name = _processor_name()
    return [Accelerator(index=core, kind="cpu", name=name) for core in sorted(os.sched_getaffinity(0))]


def _processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


@transaction.atomic
def register_node(*, reopens: bool = True) -> Node:
    """Record this node and its devices as they are now, and that it is alive.

    `reopens` lets a node that ended by draining take new Runs again; a worker that restarts while the platform is
    ending must not.
    """
    found = accelerators()
    facts = {
        "boot_id": boot_id(),
        "address": settings.NODE_ADDRESS,
        "kind": found[0].kind if found else "cpu",
        "queue": node_queue(),
        "last_seen_at": Now(),
    }
    node, _ = Node.objects.update_or_create(name=node_name(), defaults=facts | ({"closing": False} if reopens else {}))
    for accelerator in found:
        Device.objects.update_or_create(
            node=node,
            index=accelerator.index,
            defaults={
                "kind": accelerator.kind,
                "name": accelerator.name,
                "memory_bytes": accelerator.memory_bytes,
                "present": True,
            },
        )
    Device.objects.filter(node=node).exclude(index__in=[a.index for a in found]).update(present=False)
    node.refresh_from_db()
    return node
