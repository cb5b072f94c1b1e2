"""The pool's page for administrators: quotas by team, devices and who holds them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.html import escape
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from accounts.models import PLATFORM_TEAM, Team
from accounts.requests import PageRequest
from common.wording import in_words
from compute.administering.quotas import SHARES, devices_in, effect_of, guaranteed_in, quota_in, said_of, set_quota
from compute.explanations import count_of
from compute.forecasting.lines import how_often
from compute.models import Pool
from compute.node.disk import KINDS
from compute.pool import MeasuredDisk, NodeObject, TeamObject, WholePool, pool_summary, whole_pool
from compute.web.admins import require_admin
from compute.web.forms import QuotaForm
from compute.web.pool_map import STATES, Question, map_of

FEW_NODES = 10
"""Of so many are the disks shown at once; of a larger pool's other nodes when one is looked at."""
TEAMS = 20
"""So many on one page."""


@login_required
@require_GET
def pool_page(request: PageRequest) -> HttpResponse:
    require_admin(request)
    return _page(request)


@login_required
@require_POST
def change_quota(request: PageRequest, team_id: int) -> HttpResponse:
    require_admin(request)
    team = get_object_or_404(Team, pk=team_id)

    def change(**shares: Any) -> HttpResponse:
        set_quota(team=team, by=request.user, **shares)
        messages.success(request, _said(team))
        return redirect("pool")

    form = QuotaForm(request.POST, team_id=team_id)
    return form.answer(change) or _page(request, refused={team_id: form}, status=form.status)


@login_required
@require_GET
def quota_effect(request: PageRequest, team_id: int) -> HttpResponse:
    """Say what saving a row's form would do at once; nothing while its fields are refused."""
    require_admin(request)
    team = get_object_or_404(Team, pk=team_id)

    def show(**shares: int | None) -> HttpResponse:
        said = " ".join(in_words(one) for one in said_of(effect_of(team=team, changes=shares)))
        return HttpResponse(escape(said))

    return QuotaForm(request.GET, team_id=team_id).answer(show) or HttpResponse("")


def _said(team: Team) -> str:
    """Say what a team has from now on."""
    quota, kind = quota_in(team, Pool.default()), pool_summary()["kind"]
    most = _("the whole pool") if quota.ceiling is None else in_words(count_of(quota.ceiling, kind))
    if not quota.guaranteed:
        return _("%(team)s may now use %(quota)s at once.") % {"team": team.name, "quota": most}
    return _("%(team)s is now guaranteed %(guaranteed)s and may use %(quota)s at once.") % {
        "team": team.name,
        "guaranteed": in_words(count_of(quota.guaranteed, kind)),
        "quota": most,
    }


def _guaranteed() -> str:
    """Say how much of the pool is promised."""
    pool = Pool.default()
    guaranteed, total = guaranteed_in(pool), devices_in(pool)
    if not guaranteed:
        return ""
    if guaranteed > total:
        said = _("Guarantees add up to %(guaranteed)s, more than the %(total)s there are.")
    else:
        said = _("Guarantees add up to %(guaranteed)s of %(total)s.")
    return said % {"guaranteed": guaranteed, "total": total}


def _page(request: PageRequest, *, refused: Mapping[int, QuotaForm] | None = None, status: int = 200) -> HttpResponse:
    whole, refused = whole_pool(), refused or {}
    teams = [team for team in whole["teams"] if team["slug"] != PLATFORM_TEAM]
    question = Question.of(request.GET.dict())
    context = {
        "sentence": _sentence(whole),
        "guaranteed": _guaranteed(),
        "forecasts": _forecasts(),
        **_teams(request, teams, refused),
        **_map(whole, question),
        "disks": [_disk(node["name"], disk) for node in _with_disks(whole, question) if (disk := node["disk"])],
        "curl": f"curl {settings.PUBLIC_URL}/api/v1/pool -H 'Authorization: Bearer sk-luthier-…'",
    }
    return render(request, "compute/pool.html", context, status=status)


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


def _teams(request: PageRequest, teams: list[TeamObject], refused: Mapping[int, QuotaForm]) -> dict[str, object]:
    """Return one page of the teams that are searched for; the one whose form was refused is on it."""
    find = request.GET.get("team", "")[:100]
    found = [team for team in teams if find.casefold() in team["name"].casefold()]
    start = request.GET.get("from", "")
    first = int(start) if start.isascii() and start.isdigit() and len(start) < 7 else 0
    first = next((n for n, team in enumerate(found) if team["id"] in refused), first) // TEAMS * TEAMS
    quotas = {row["team_id"]: row for row in Pool.default().quotas.values("team_id", *SHARES)}
    return {
        "team_find": find,
        "are_many": len(teams) > TEAMS,
        "teams_before": urlencode({"team": find, "from": first - TEAMS}) if first else "",
        "teams_after": urlencode({"team": find, "from": first + TEAMS}) if len(found) > first + TEAMS else "",
        "teams": [
            {
                **team,
                "borrowed": max(0, team["in_use"] - quotas.get(team["id"], {"guaranteed": 0})["guaranteed"]),
                "form": refused.get(team["id"]) or QuotaForm(initial=quotas.get(team["id"]), team_id=team["id"]),
            }
            for team in found[first : first + TEAMS]
        ],
    }


def _map(whole: WholePool, question: Question) -> dict[str, object]:
    drawn = map_of(whole, question)
    node = drawn.looked_at["node"] if drawn.looked_at else None
    is_closed = bool(node and node["draining"])
    return {
        "map": drawn,
        "question": question,
        "first_nodes": replace(question, after="").address(),
        "holders": sorted({d["team"] for n in whole["nodes"] for d in n["devices"] if d["team"]}),
        "states": STATES.items(),
        "map_actions": [
            ("cordon", _("Cordon"), not is_closed),
            ("drain", _("Drain"), node is not None and (not is_closed or any(d["taken"] for d in node["devices"]))),
            ("uncordon", _("Put back into service"), is_closed),
        ],
    }


def _with_disks(whole: WholePool, question: Question) -> list[NodeObject]:
    """Return the nodes whose disks are shown: the one that is looked at, else all of a small pool."""
    if question.node:
        return [node for node in whole["nodes"] if node["name"] == question.node]
    return whole["nodes"][:FEW_NODES]
