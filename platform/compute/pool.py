"""What there is and who holds it, for pages and the API."""

from collections import defaultdict
from datetime import datetime
from typing import Annotated, NamedTuple, NotRequired, TypedDict, cast

from django.db.models import Count

from accounts.models import Team
from compute.models import Allocation, Device, Node, Quota, Run
from compute.models.shares import DEFAULT_POOL
from compute.node.disk import Disk


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


class WholePool(PoolSummary):
    """Nodes with their devices, and teams with their shares."""

    nodes: list[NodeObject]
    teams: list[TeamObject]


def whole_pool(*, team: Team | None = None) -> WholePool:
    """Return nodes with their devices and holders, and teams with quota, use and queue.

    With `team`, only that team's row is shown, other teams' Runs are shown as taken, without names, and no disk.
    """
    holders, devices = _holders(), _devices()
    nodes = [_node(node, devices[node.pk], holders, team) for node in Node.objects.order_by("name")]
    usable = [d for n in nodes if n["heard"] and not n["draining"] for d in n["devices"] if d["healthy"]]
    return {
        "accelerators": len(usable),
        "free": sum(not device["taken"] for device in usable),
        "kind": "cuda" if any(node["kind"] == "cuda" for node in nodes) else "cpu",
        "nodes": nodes,
        "teams": _teams(holders, team),
    }


class _Held(NamedTuple):
    """Who holds a device: plain values, as there may be thousands."""

    device_id: int
    since: datetime
    run_id: str
    kind: str
    label: str
    team_id: int
    team: str
    counts_in_quota: bool


class _Row(NamedTuple):
    """A device."""

    node_id: int
    id: int
    number: int
    name: str
    memory_bytes: int
    healthy: bool
    present: bool


def _holders() -> dict[int, _Held]:
    held = Allocation.objects.filter(released_at=None).values_list(
        "device_id", "created_at", "run_id", "run__kind", "run__label", "run__team_id", "run__team__name",
        "run__counts_in_quota",
    )  # fmt: skip
    return {row[0]: _Held(*row) for row in held}


def _devices() -> dict[int, list[_Row]]:
    """Return the devices of each node, by index."""
    found: dict[int, list[_Row]] = defaultdict(list)
    for row in Device.objects.order_by("node_id", "index").values_list(
        "node_id", "id", "index", "name", "memory_bytes", "healthy", "present"
    ):
        found[row[0]].append(_Row(*row))
    return found


def _node(node: Node, rows: list[_Row], holders: dict[int, _Held], team: Team | None) -> NodeObject:
    devices = [device for device in rows if device.present or device.id in holders]
    shown: NodeObject = {
        "name": node.name,
        "kind": node.kind,
        "heard": node.is_heard,
        "draining": node.draining or node.closing,
        "last_seen_at": int(node.last_seen_at.timestamp()) if node.last_seen_at else None,
        "devices": [
            {
                "index": device.number,
                "name": device.name,
                "memory_bytes": device.memory_bytes,
                "healthy": device.healthy and device.present,
                **_holder(holders.get(device.id), team),
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


def _holder(held: _Held | None, team: Team | None) -> Holder:
    if held is None:
        return {"taken": False, "run": None, "team": None, "kind": None, "label": None, "since": None}
    since = int(held.since.timestamp())
    if team is not None and held.team_id != team.pk:
        return {"taken": True, "run": None, "team": None, "kind": None, "label": None, "since": since}
    return {
        "taken": True, "run": held.run_id, "team": held.team, "kind": held.kind, "label": held.label, "since": since,
    }  # fmt: skip


def _teams(holders: dict[int, _Held], only: Team | None) -> list[TeamObject]:
    quotas = dict(Quota.objects.filter(pool__name=DEFAULT_POOL).values_list("team_id", "ceiling"))
    in_use: dict[int, int] = {}
    for held in holders.values():
        if held.counts_in_quota:
            in_use[held.team_id] = in_use.get(held.team_id, 0) + 1
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


def pool_summary() -> PoolSummary:
    """Return the pool without names, for every member: accelerators, free, kind."""
    whole = whole_pool()
    return {"accelerators": whole["accelerators"], "free": whole["free"], "kind": whole["kind"]}
