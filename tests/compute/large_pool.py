"""A pool of many devices, teams and waiting Runs, for what must not grow with it."""

import time
from collections.abc import Callable
from datetime import timedelta

import psutil
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Team
from compute.models import Allocation, Device, Node, Quota, Run

DEVICES_PER_NODE = 8
MOST_SECONDS = 0.2
"""Of the server, for a page of a large pool."""


def server_seconds(look: Callable[[], object], *, times: int = 5) -> float:
    """Return the processor's time that a page takes here and in the database, the least of several looks.

    By the clock it would be that of whatever else runs on the machine.
    """
    connection.ensure_connection()
    backend = psutil.Process(connection.connection.info.backend_pid)

    def used() -> float:
        there = backend.cpu_times()
        return time.process_time() + there.user + there.system

    seconds = []
    for _ in range(times):
        before = used()
        look()
        seconds.append(used() - before)
    return min(seconds)


def num_queries(look: Callable[[], object]) -> int:
    """Return how often the second look asks the database: what is kept for later is asked at the first."""
    look()
    with CaptureQueriesContext(connection) as asked:
        look()
    return len(asked)


def fill(name: str, *, devices: int, teams: int, waiting: int) -> None:
    """Write nodes of eight GPUs, most of them held, teams with quotas, and a queue."""
    now = timezone.now()
    made = [Team.create(name=f"Team {name} {number:03}") for number in range(teams)]
    Quota.objects.bulk_create(Quota(team=team, guaranteed=1, ceiling=20) for team in made)
    nodes = Node.objects.bulk_create(
        Node(
            name=f"{name}-{number:03}",
            queue=f"{name}-{number}",
            kind="cuda",
            last_seen_at=now,
            draining=number % 20 == 1,
        )
        for number in range(devices // DEVICES_PER_NODE)
    )  # fmt: skip
    cells = Device.objects.bulk_create(
        Device(node=node, index=index, kind="cuda", name="NVIDIA H100 80GB HBM3", memory_bytes=80 * 10**9)
        for node in nodes
        for index in range(DEVICES_PER_NODE)
    )
    held = [cell for number, cell in enumerate(cells) if number % 10]
    runs = Run.objects.bulk_create(
        Run(
            kind="training", team=made[number % teams], label=f"run {number}", state="running", node=cell.node,
            started_at=now - timedelta(hours=1), explanation={},
        )
        for number, cell in enumerate(held)
    )  # fmt: skip
    Allocation.objects.bulk_create(
        Allocation(run=run, device=cell, created_at=now - timedelta(hours=1))
        for run, cell in zip(runs, held, strict=True)
    )
    Run.objects.bulk_create(
        Run(
            kind="training", team=made[number % teams], label=f"job {number}", priority=number % 3 - 1, accelerators=1,
            queued_at=now - timedelta(seconds=waiting - number), explanation={"code": "room", "asked": 1, "total": 8},
        )
        for number in range(waiting)
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as the database does by itself, a little later
