"""A pool's page for administrators: quotas by team, devices and who holds them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from accounts.models import PLATFORM_TEAM, Team
from accounts.requests import PageRequest
from common.wording import in_words
from compute.administering.idle_work import idle_minutes
from compute.administering.nodes import node_named, pool_named, state_of
from compute.administering.pools import LONGEST_NAME
from compute.administering.quotas import SHARES, devices_in, guaranteed_in
from compute.explanations import count_of
from compute.forecasting.lines import how_often
from compute.hours.sums import used_this_month
from compute.models import Maintenance, Pool
from compute.models.shares import DEFAULT_POOL
from compute.node.disk import KINDS
from compute.pool import MeasuredDisk, NodeObject, TeamObject, WholePool, whole_pool
from compute.web.admins import require_admin
from compute.web.forms import MoveForm, NewPoolForm, PoolForm, QuotaForm
from compute.web.pool_map import STATES, Question, map_of
from compute.web.usage_page import in_hours

FEW_NODES = 10
"""Of so many are the disks shown at once; of a larger pool's other nodes when one is looked at."""
SHOWN_WINDOWS = 5
TEAMS = 20
"""So many on one page."""


@dataclass(frozen=True, kw_only=True)
class Refused:
    """Forms of the page whose fields were refused, and the status to say so with."""

    quotas: Mapping[int, QuotaForm] = field(default_factory=dict)
    """By team."""
    pool: PoolForm | None = None
    new_pool: NewPoolForm | None = None
    status: int = 200


@login_required
@require_GET
def pool_page(request: PageRequest) -> HttpResponse:
    require_admin(request)
    return show_pool(request, chosen(request.GET.get("pool", "")))


def chosen(name: str) -> Pool:
    """Return the pool of a name; of none the one that nodes belong to by default."""
    return pool_named(name[:LONGEST_NAME]) if name else Pool.default()


def address_of(pool: Pool, *, node: str = "") -> str:
    """Return where the pool's page is, and one of its nodes on it."""
    of_pool = {} if pool.name == DEFAULT_POOL else {"pool": pool.name}
    query = urlencode({**of_pool, **({"node": node} if node else {})})
    return reverse("pool") + (f"?{query}" if query else "") + ("#looked-at" if node else "")


def _guaranteed(pool: Pool) -> str:
    """Say how much of the pool is promised."""
    guaranteed, total = guaranteed_in(pool), devices_in(pool)
    if not guaranteed:
        return ""
    if guaranteed > total:
        said = _("Guarantees add up to %(guaranteed)s, more than the %(total)s there are.")
    else:
        said = _("Guarantees add up to %(guaranteed)s of %(total)s.")
    return said % {"guaranteed": guaranteed, "total": total}


def show_pool(request: PageRequest, one: Pool, refused: Refused | None = None) -> HttpResponse:
    """Draw a pool's page."""
    whole, refused = whole_pool(of=one), refused or Refused()
    teams = [team for team in whole["teams"] if team["slug"] != PLATFORM_TEAM]
    pools = list(Pool.objects.order_by("pk"))
    question = replace(Question.of(request.GET.dict()), pool="" if one.name == DEFAULT_POOL else one.name)
    context = {
        "pool": one,
        "may_be_deleted": one.name != DEFAULT_POOL,
        "pools": [(str(other), address_of(other), other.pk == one.pk) for other in pools],
        "sentence": _sentence(whole),
        "guaranteed": _guaranteed(one),
        "forecasts": _forecasts(),
        "maintenance": Maintenance.objects.to_come().of_pool(one).select_related("node", "pool")[:SHOWN_WINDOWS],
        "pool_form": refused.pool or PoolForm(pool=one),
        "new_pool_form": refused.new_pool or NewPoolForm(),
        **_teams(request, one, teams, refused.quotas),
        **_map(whole, question, [other for other in pools if other.pk != one.pk]),
        "disks": [_disk(node["name"], disk) for node in _with_disks(whole, question) if (disk := node["disk"])],
        "curl": f"curl '{settings.PUBLIC_URL}/api/v1/pool?pool={one.name}' -H 'Authorization: Bearer sk-luthier-…'",
    }
    return render(request, "compute/pool.html", context, status=refused.status)


def _sentence(whole: WholePool) -> str:
    free, total = whole["free"], in_words(count_of(whole["accelerators"], whole["kind"]))
    waiting = sum(team["waiting"] for team in whole["teams"])
    queue = ngettext("%(count)s run waits", "%(count)s runs wait", waiting) % {"count": waiting}
    return _("%(free)s of %(total)s are free, %(queue)s.") % {"free": free, "total": total, "queue": queue}


def _forecasts() -> str:
    """Say how often the ranges held in which waiting work should start."""
    found = how_often()
    if found["share"] is None:
        return ""
    return _("Expected starts: %(percent)s %% of the last %(count)s ranges held; 80 %% should.") % {
        "percent": round(100 * found["share"]),
        "count": found["ranges"],
    }


def _disk(node: str, disk: MeasuredDisk) -> dict[str, object]:
    """Return a node's disk with a row for each kind that takes room, the largest first."""
    rows = [(KINDS[kind], size) for kind, size in disk["kinds"].items() if kind in KINDS and size]
    rows.sort(key=lambda row: -row[1])
    return {**disk, "node": node, "rows": rows, "at": datetime.fromtimestamp(disk["measured_at"], UTC)}


def _teams(
    request: PageRequest, one: Pool, teams: list[TeamObject], refused: Mapping[int, QuotaForm]
) -> dict[str, object]:
    """Return one page of the teams that are searched for; the one whose form was refused is on it."""
    find = request.GET.get("team", "")[:100]
    rows = {row["slug"]: row for row in Team.objects.values("slug", "pk", "storage_bytes")}
    found = [(rows[team["id"]]["pk"], team) for team in teams if find.casefold() in team["name"].casefold()]
    start = request.GET.get("from", "")
    first = int(start) if start.isascii() and start.isdigit() and len(start) < 7 else 0
    first = next((n for n, (key, _team) in enumerate(found) if key in refused), first) // TEAMS * TEAMS
    quotas = {row["team_id"]: row for row in one.quotas.values("team_id", *SHARES)}
    used = used_this_month()
    kept = {"team": find} if one.name == DEFAULT_POOL else {"team": find, "pool": one.name}
    return {
        "team_find": find,
        "are_many": len(teams) > TEAMS,
        "teams_before": urlencode({**kept, "from": first - TEAMS}) if first else "",
        "teams_after": urlencode({**kept, "from": first + TEAMS}) if len(found) > first + TEAMS else "",
        "teams": [
            {
                **team,
                "pk": key,
                "borrowed": max(0, team["in_use"] - quotas.get(key, {"guaranteed": 0})["guaranteed"]),
                "is_outside": one.name != DEFAULT_POOL and key not in quotas,
                "hours": in_hours(used.get((key, one.name), Decimal(0))),
                "form": refused.get(key)
                or QuotaForm(
                    initial={**quotas.get(key, {}), "storage_bytes": rows[team["id"]]["storage_bytes"]}, team_id=key
                ),
            }
            for key, team in found[first : first + TEAMS]
        ],
    }


def _map(whole: WholePool, question: Question, others: list[Pool]) -> dict[str, object]:
    drawn = map_of(whole, question)
    node = drawn.looked_at.node if drawn.looked_at else None
    is_closed = bool(node and node["draining"])
    has_work = is_closed and node is not None and state_of(node_named(node["name"]))["runs"] > 0
    return {
        "map": drawn,
        "question": question,
        "idle_minutes": idle_minutes(),
        "first_nodes": replace(question, after="").address(),
        "holders": sorted({d["team"] for n in whole["nodes"] for d in n["devices"] if d["team"]}),
        "states": STATES.items(),
        "move_form": MoveForm(others=others) if others and node else None,
        "map_actions": [
            ("cordon", _("Cordon"), not is_closed),
            ("drain", _("Drain"), node is not None and (not is_closed or has_work)),
            ("uncordon", _("Put back into service"), is_closed),
        ],
    }


def _with_disks(whole: WholePool, question: Question) -> list[NodeObject]:
    """Return the nodes whose disks are shown: the one that is looked at, else all of a small pool."""
    if question.node:
        return [node for node in whole["nodes"] if node["name"] == question.node]
    return whole["nodes"][:FEW_NODES]
