"""A pool of many devices, teams and waiting Runs, for what must not grow with it."""

from datetime import timedelta

from django.db import connection
from django.utils import timezone

from accounts.models import Team
from compute.models import Allocation, Device, Node, Quota, Run

DEVICES_PER_NODE = 8


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
