"""What there is and who holds it, for pages and the API."""

from collections import defaultdict
from datetime import datetime
from typing import Annotated, NamedTuple, NotRequired, TypedDict, cast

from django.db.models import Count, Q

from accounts.models import Team
from compute.models import Allocation, Device, Maintenance, Node, Pool, Quota, Run
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
    idle: bool
    """It was told that it computes nothing."""


class DeviceObject(Holder):
    """A device of a node."""

    index: int
    name: str
    memory_bytes: int
    memory_used_bytes: int | None
    """Now, with `utilisation`, in percent: of a GPU as NVML tells them; of a core what the processes of the Run that
    holds it have for themselves, and the share of the Run's cores that they keep busy. null where nobody knows."""
    utilisation: int | None
    healthy: bool


class MeasuredDisk(Disk):
    """A node's disk, with when it was measured in unix seconds."""

    measured_at: int


class MaintenanceOfNode(TypedDict):
    """The maintenance of a node that goes on or comes next, in Unix seconds."""

    begins_at: int
    ends_at: int
    reason: str
    going_on: bool


class NodeObject(TypedDict):
    """A node with its devices; its disk is for administrators."""

    name: str
    pool: str
    kind: Annotated[str, Node.Kind]
    heard: bool
    draining: bool
    maintenance: MaintenanceOfNode | None
    last_seen_at: int | None
    disk: NotRequired[MeasuredDisk | None]
    devices: list[DeviceObject]


class TeamObject(TypedDict):
    """A team's share of the pool: its quota (null: all of it), and how many devices and Runs use and wait."""

    id: str
    """As everywhere at the API: the slug, which is beside it under its older name."""
    name: str
    slug: str
    quota: int | None
    in_use: int
    waiting: int


class WholePool(TypedDict):
    """Nodes with their devices, and teams with their shares."""

    accelerators: int
    free: int
    kind: Annotated[str, Node.Kind]
    nodes: list[NodeObject]
    teams: list[TeamObject]


def whole_pool(*, team: Team | None = None, of: Pool | None = None) -> WholePool:
    """Return nodes with their devices and holders, and teams with quota, use and queue: of one pool, or of all nodes.

    Quotas of all nodes are those of the pool that nodes belong to by default. With `team`, only that team's row is
    shown, other teams' Runs are shown as taken, without names, and no disk.
    """
    holders, devices, windows = _holders(of), _devices(), list(Maintenance.objects.to_come())
    found = Node.objects.select_related("pool").order_by("name")
    nodes = [_node(node, devices[node.pk], holders, team, windows) for node in (found.filter(pool=of) if of else found)]
    usable = [d for n in nodes if n["heard"] and not is_closed(n) for d in n["devices"] if d["healthy"]]
    return {
        "accelerators": len(usable),
        "free": sum(not device["taken"] for device in usable),
        "kind": "cuda" if any(node["kind"] == "cuda" for node in nodes) else "cpu",
        "nodes": nodes,
        "teams": _teams(holders, team, of),
    }


def is_closed(node: NodeObject) -> bool:
    """Whether a node gets no new work: by an administrator's hand, or since it is being maintained."""
    return node["draining"] or (node["maintenance"] is not None and node["maintenance"]["going_on"])


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
    idle_told_at: datetime | None


class _Row(NamedTuple):
    """A device."""

    node_id: int
    id: int
    number: int
    name: str
    memory_bytes: int
    healthy: bool
    present: bool
    memory_used_bytes: int | None
    utilisation: int | None


def _holders(of: Pool | None) -> dict[int, _Held]:
    given = Allocation.objects.filter(released_at=None)
    held = (given.filter(device__node__pool=of) if of else given).values_list(
        "device_id", "created_at", "run_id", "run__kind", "run__label", "run__team_id", "run__team__name",
        "run__counts_in_quota", "run__idle_told_at",
    )  # fmt: skip
    return {row[0]: _Held(*row) for row in held}


def _devices() -> dict[int, list[_Row]]:
    """Return the devices of each node, by index."""
    found: dict[int, list[_Row]] = defaultdict(list)
    for row in Device.objects.order_by("node_id", "index").values_list(
        "node_id", "id", "index", "name", "memory_bytes", "healthy", "present", "memory_used_bytes", "utilisation"
    ):
        found[row[0]].append(_Row(*row))
    return found


def _node(
    node: Node, rows: list[_Row], holders: dict[int, _Held], team: Team | None, windows: list[Maintenance]
) -> NodeObject:
    devices = [device for device in rows if device.present or device.id in holders]
    is_known = node.is_heard and node.is_sampled
    shown: NodeObject = {
        "name": node.name,
        "pool": node.pool.name,
        "kind": node.kind,
        "heard": node.is_heard,
        "draining": node.draining or node.closing,
        "maintenance": _maintenance(node, windows),
        "last_seen_at": int(node.last_seen_at.timestamp()) if node.last_seen_at else None,
        "devices": [
            {
                "index": device.number,
                "name": device.name,
                "memory_bytes": device.memory_bytes,
                "memory_used_bytes": device.memory_used_bytes if is_known else None,
                "utilisation": device.utilisation if is_known else None,
                "healthy": device.healthy and device.present,
                **_holder(holders.get(device.id), team),
            }
            for device in devices
        ],
    }
    if team is None:
        shown["disk"] = _disk(node)
    return shown


def _maintenance(node: Node, windows: list[Maintenance]) -> MaintenanceOfNode | None:
    for one in windows:
        if node.pk == one.node_id or node.pool_id == one.pool_id:
            return {
                "begins_at": int(one.begins_at.timestamp()),
                "ends_at": int(one.ends_at.timestamp()),
                "reason": one.reason,
                "going_on": one.is_on,
            }
    return None


def _disk(node: Node) -> MeasuredDisk | None:
    """Return bytes by kind with what is free; None until it was measured."""
    if node.disk_at is None:
        return None
    return {**cast(Disk, node.disk), "measured_at": int(node.disk_at.timestamp())}


def _holder(held: _Held | None, team: Team | None) -> Holder:
    if held is None:
        return {
            "taken": False, "run": None, "team": None, "kind": None, "label": None, "since": None, "idle": False,
        }  # fmt: skip
    since = int(held.since.timestamp())
    if team is not None and held.team_id != team.pk:
        return {
            "taken": True, "run": None, "team": None, "kind": None, "label": None, "since": since, "idle": False,
        }  # fmt: skip
    return {
        "taken": True, "run": held.run_id, "team": held.team, "kind": held.kind, "label": held.label, "since": since,
        "idle": held.idle_told_at is not None,
    }  # fmt: skip


def _teams(holders: dict[int, _Held], only: Team | None, of: Pool | None) -> list[TeamObject]:
    quotas = dict(Quota.objects.filter(pool__name=of.name if of else DEFAULT_POOL).values_list("team_id", "ceiling"))
    in_use: dict[int, int] = {}
    for held in holders.values():
        if held.counts_in_quota:
            in_use[held.team_id] = in_use.get(held.team_id, 0) + 1
    line = Run.objects.filter(state=Run.State.WAITING).order_by()
    waiting = (line.filter(pool=of) if of else line).values("team_id")
    queued = dict(waiting.annotate(number=Count("pk")).values_list("team_id", "number"))
    teams = Team.objects.order_by("name")
    return [
        {
            "id": team.slug,
            "name": team.name,
            "slug": team.slug,
            "quota": quotas.get(team.pk),
            "in_use": in_use.get(team.pk, 0),
            "waiting": queued.get(team.pk, 0),
        }
        for team in (teams.filter(pk=only.pk) if only else teams)
    ]


class Room(NamedTuple):
    """What a pool has to work on."""

    kind: str
    """cuda where it has GPUs, else cpu."""
    largest: int
    """Devices of the largest node that takes work; 0 where none does."""


def room_in(pool: Pool) -> Room:
    """Return what the pool has to work on, in one question."""
    usable = Q(devices__healthy=True, devices__present=True)
    nodes = list(Node.objects.filter(pool=pool).annotate(number=Count("devices", filter=usable)))
    sizes = [node.number for node in nodes if node.is_heard and not (node.draining or node.closing)]
    is_cuda = any(node.kind == Node.Kind.CUDA for node in nodes)
    return Room(Node.Kind.CUDA if is_cuda else Node.Kind.CPU, max(sizes, default=0))
