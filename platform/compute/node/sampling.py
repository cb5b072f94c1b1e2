"""What this node's devices and Runs use, looked at every few seconds; only the newest look is kept.

A GPU says itself how much of it is used. A core does not: what is shown of it is what the processes of the Run that
holds it compute, as a share of the Run's cores, and the memory that these processes have for themselves.
"""

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from compute.models import Allocation, Device, Node, Run
from compute.node import nvml
from compute.node.devices import boot_id, node_name
from compute.node.hold import DATABASE_AWAY, STOPPING
from compute.node.launcher import Handle
from compute.node.processes import cpu_seconds_of, living_members, own_memory_of

logger = logging.getLogger(__name__)

COMPUTES = 0.02
"""A Run whose processes take less of one core than this, and no GPU, computes nothing: it waits for something."""


@dataclass(frozen=True, kw_only=True)
class TreeUse:
    """What the processes of a Run use."""

    cores: float | None
    """How many cores they have kept busy since the look before; None at the first."""
    memory_bytes: int


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """One look at a tree's processes."""

    at: float
    cpu_seconds: dict[int, float]
    """Of each process."""


class Sampler:
    """Looks at this node again and again, and remembers the look before, since time used is a difference."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}
        self._lost: dict[int, bool] = {}

    def note(self, node: Node) -> None:
        """Write what is used now into the rows of the node's devices and Runs: two statements, however many."""
        gpus = nvml.use() if node.kind == Node.Kind.CUDA else {}
        runs = list(Run.objects.filter(node=node, state=Run.State.RUNNING).exclude(launcher=None))
        trees = {run.pk: self._look(run) for run in runs}
        self._seen = {run_id: seen for run_id, seen in self._seen.items() if run_id in trees}
        holders: dict[int, str] = {}
        held: dict[str, list[Device]] = {run.pk: [] for run in runs}
        allocations = Allocation.objects.filter(released_at=None, run__in=runs).select_related("device")
        for allocation in allocations:
            holders[allocation.device_id] = allocation.run_id
            held[allocation.run_id].append(allocation.device)
        devices = list(node.devices.all())
        for device in devices:
            run_id = holders.get(device.pk, "")
            self._set(device, gpus, trees.get(run_id), len(held.get(run_id, ())))
        Device.objects.bulk_update(devices, ["memory_used_bytes", "utilisation"])
        computing = [run.pk for run in runs if _computes(trees[run.pk], held[run.pk], gpus)]
        Run.objects.filter(pk__in=computing).update(computed_at=Now())
        Node.objects.filter(pk=node.pk).update(sampled_at=Now())

    def _look(self, run: Run) -> TreeUse:
        """Look at the processes of a Run."""
        handle = cast(Handle, run.launcher)
        pids = living_members(handle["pid"], started=handle["started"]) if handle["boot_id"] == boot_id() else []
        now = _Seen(at=time.monotonic(), cpu_seconds={pid: cpu_seconds_of(pid) for pid in pids})
        before, self._seen[run.pk] = self._seen.get(run.pk), now
        return TreeUse(cores=_cores(before, now), memory_bytes=sum(own_memory_of(pid) for pid in pids))

    def _set(self, device: Device, gpus: Mapping[int, nvml.GpuUse], tree: TreeUse | None, num_devices: int) -> None:
        if device.kind == Node.Kind.CUDA:
            use = gpus.get(device.index, nvml.GpuUse())
            device.memory_used_bytes, device.utilisation = use.memory_used_bytes, use.utilisation
            if use.is_lost != self._lost.get(device.index, False):  # else it stays what an administrator has said
                Device.objects.filter(pk=device.pk).update(healthy=not use.is_lost)
            self._lost[device.index] = use.is_lost
        else:
            device.memory_used_bytes = tree.memory_bytes if tree is not None else None
            device.utilisation = _percent(tree, num_devices)


def sample_node() -> None:
    """Look at this node until its worker stops. In a thread of its own: a driver may keep a question waiting."""
    sampler = Sampler()
    while not STOPPING.wait(settings.TIMES.sample_seconds):
        try:
            node = Node.objects.filter(name=node_name()).first()
            if node is not None:
                sampler.note(node)
        except DATABASE_AWAY as error:
            logger.warning("The database did not take what the node uses: %s", error)
            connection.close()
        except Exception:
            logger.exception("What the node uses could not be looked at")
            connection.close()
    connection.close()


def _cores(before: _Seen | None, now: _Seen) -> float | None:
    """Return how many cores were busy between two looks; a process that has begun meanwhile counts from its start."""
    if before is None or now.at <= before.at:
        return None
    spent = sum(seconds - before.cpu_seconds.get(pid, 0.0) for pid, seconds in now.cpu_seconds.items())
    return max(0.0, spent) / (now.at - before.at)


def _percent(tree: TreeUse | None, num_devices: int) -> int | None:
    if tree is None or tree.cores is None or not num_devices:
        return None
    return min(100, round(100 * tree.cores / num_devices))


def _computes(tree: TreeUse, held: Iterable[Device], gpus: Mapping[int, Any]) -> bool:
    """Whether a Run was seen to compute, by its processes or its GPUs; at the first look it is believed to."""
    if tree.cores is None or tree.cores >= COMPUTES:
        return True
    uses = (gpus.get(device.index) for device in held if device.kind == Node.Kind.CUDA)
    return any(use is not None and use.utilisation for use in uses)
