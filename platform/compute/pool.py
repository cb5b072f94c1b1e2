"""What there is and who holds it, for pages and the API."""

from typing import Annotated, NotRequired, TypedDict, cast

from django.db.models import Count

from accounts.models import Team
from compute.disk import Disk
from compute.models import Allocation, Node, Quota, Run
from compute.shares import DEFAULT_POOL


class Holder(TypedDict):
    """Who holds a device, since when in unix seconds; other teams' Runs stay without names."""

    taken: bool
    run: str | None
    team: str | None
    kind: str | None
    label: str | None
    since: int | None


class DeviceObject(Holder):
    """A device of a node."""

    index: int
    name: str
    memory_bytes: int
    healthy: bool


class MeasuredDisk(Disk):
    """A node's disk, with when it was measured in unix seconds."""

    measured_at: int


class NodeObject(TypedDict):
    """A node with its devices; its disk is for administrators."""

    name: str
    kind: Annotated[str, Node.Kind]
    heard: bool
    draining: bool
    last_seen_at: int | None
    disk: NotRequired[MeasuredDisk | None]
    devices: list[DeviceObject]


class TeamObject(TypedDict):
    """A team's share of the pool: its quota (null: all of it), and how many devices and Runs use and wait."""

    id: int
    name: str
    slug: str
    quota: int | None
    in_use: int
    waiting: int


class PoolSummary(TypedDict):
    """The pool without names."""

    accelerators: int
    free: int
    kind: Annotated[str, Node.Kind]


class Pool(PoolSummary):
    """Nodes with their devices, and teams with their shares."""

    nodes: list[NodeObject]
    teams: list[TeamObject]


def pool(*, team: Team | None = None) -> Pool:
    """Return nodes with their devices and holders, and teams with quota, use and queue.

    With `team`, only that team's row is shown, other teams' Runs are shown as taken, without names, and no disk.
    """
    holders = _holders()
    nodes = [_node(node, holders, team) for node in Node.objects.order_by("name").prefetch_related("devices")]
    usable = [d for n in nodes if n["heard"] and not n["draining"] for d in n["devices"] if d["healthy"]]
    return {
        "accelerators": len(usable),
        "free": sum(not device["taken"] for device in usable),
        "kind": "cuda" if any(node["kind"] == "cuda" for node in nodes) else "cpu",
        "nodes": nodes,
        "teams": _teams(holders, team),
    }


def _holders() -> dict[int, Allocation]:
    held = Allocation.objects.filter(released_at=None).select_related("run__team")
    return {allocation.device_id: allocation for allocation in held}


def _node(node: Node, holders: dict[int, Allocation], team: Team | None) -> NodeObject:
    devices = [device for device in node.devices.all() if device.present or device.pk in holders]
    shown: NodeObject = {
        "name": node.name,
        "kind": node.kind,
        "heard": node.is_heard,
        "draining": node.draining or node.closing,
        "last_seen_at": int(node.last_seen_at.timestamp()) if node.last_seen_at else None,
        "devices": [
            {
                "index": device.index,
                "name": device.name,
                "memory_bytes": device.memory_bytes,
                "healthy": device.healthy and device.present,
                **_holder(holders.get(device.pk), team),
            }
            for device in devices
        ],
    }
    if team is None:
        shown["disk"] = _disk(node)
    return shown


def _disk(node: Node) -> MeasuredDisk | None:
    """Return bytes by kind with what is free; None until it was measured."""
    if node.disk_at is None:
        return None
    return {**cast(Disk, node.disk), "measured_at": int(node.disk_at.timestamp())}


def _holder(allocation: Allocation | None, team: Team | None) -> Holder:
    if allocation is None:
        return {"taken": False, "run": None, "team": None, "kind": None, "label": None, "since": None}
    run = allocation.run
    since = int(allocation.created_at.timestamp())
    if team is not None and run.team_id != team.pk:
        return {"taken": True, "run": None, "team": None, "kind": None, "label": None, "since": since}
    return {"taken": True, "run": run.pk, "team": run.team.name, "kind": run.kind, "label": run.label, "since": since}


def _teams(holders: dict[int, Allocation], only: Team | None) -> list[TeamObject]:
    quotas = dict(Quota.objects.filter(pool__name=DEFAULT_POOL).values_list("team_id", "ceiling"))
    in_use: dict[int, int] = {}
    for allocation in holders.values():
        if allocation.run.counts_in_quota:
            in_use[allocation.run.team_id] = in_use.get(allocation.run.team_id, 0) + 1
    waiting = Run.objects.filter(state=Run.State.WAITING).order_by().values("team_id")
    queued = dict(waiting.annotate(number=Count("pk")).values_list("team_id", "number"))
    teams = Team.objects.order_by("name")
    return [
        {
            "id": team.pk,
            "name": team.name,
            "slug": team.slug,
            "quota": quotas.get(team.pk),
            "in_use": in_use.get(team.pk, 0),
            "waiting": queued.get(team.pk, 0),
        }
        for team in (teams.filter(pk=only.pk) if only else teams)
    ]
