"""What there is and who holds it, for pages and the API."""

from typing import Any

from django.db.models import Count

from accounts.models import Team
from compute.models import Allocation, Node, Quota, Run


def pool(*, team: Team | None = None) -> dict[str, Any]:
    """Return nodes with their devices and holders, and teams with quota, use and queue.

    With `team`, only that team's row is told, other teams' Runs are shown as taken, without names, and no disk.
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


def _node(node: Node, holders: dict[int, Allocation], team: Team | None) -> dict[str, Any]:
    devices = [device for device in node.devices.all() if device.present or device.pk in holders]
    return {
        "name": node.name,
        "kind": node.kind,
        "heard": node.is_heard,
        "draining": node.draining or node.closing,
        "last_seen_at": int(node.last_seen_at.timestamp()) if node.last_seen_at else None,
        **({"disk": _disk(node)} if team is None else {}),
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


def _disk(node: Node) -> dict[str, Any] | None:
    """Return bytes by kind with what is free; None until it was measured."""
    if node.disk_at is None:
        return None
    return {**node.disk, "measured_at": int(node.disk_at.timestamp())}


def _holder(allocation: Allocation | None, team: Team | None) -> dict[str, Any]:
    if allocation is None:
        return {"taken": False, "run": None, "team": None, "kind": None, "label": None, "since": None}
    run = allocation.run
    since = int(allocation.created_at.timestamp())
    if team is not None and run.team_id != team.pk:
        return {"taken": True, "run": None, "team": None, "kind": None, "label": None, "since": since}
    return {"taken": True, "run": run.pk, "team": run.team.name, "kind": run.kind, "label": run.label, "since": since}


def _teams(holders: dict[int, Allocation], only: Team | None) -> list[dict[str, Any]]:
    quotas = dict(Quota.objects.values_list("team_id", "accelerators"))
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
