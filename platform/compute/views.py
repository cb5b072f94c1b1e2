"""The pool's page for administrators: quotas by team, devices and who holds them."""

from collections.abc import Mapping
from datetime import UTC, datetime

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from accounts.models import PLATFORM_TEAM, Team
from accounts.requests import PageRequest
from common.wording import in_words
from compute import services
from compute.disk import KINDS
from compute.explanations import count_of
from compute.forecasting import how_often
from compute.forms import QuotaForm
from compute.pool import DeviceObject, MeasuredDisk, Pool, TeamObject


@login_required
@require_GET
def pool(request: PageRequest) -> HttpResponse:
    _require_admin(request)
    return _page(request)


@login_required
@require_POST
def set_quota(request: PageRequest, team_id: int) -> HttpResponse:
    _require_admin(request)
    team = get_object_or_404(Team, pk=team_id)

    def change(accelerators: int | None) -> HttpResponse:
        services.set_quota(team=team, accelerators=accelerators, by=request.user)
        count = _("the whole pool")
        if accelerators is not None:
            count = in_words(count_of(accelerators, services.pool_summary()["kind"]))
        messages.success(request, _("%(team)s may now use %(quota)s at once.") % {"team": team.name, "quota": count})
        return redirect("pool")

    form = QuotaForm(request.POST, team_id=team_id)
    return form.answer(change) or _page(request, refused={team_id: form}, status=form.status)


def _page(request: PageRequest, *, refused: Mapping[int, QuotaForm] | None = None, status: int = 200) -> HttpResponse:
    whole, refused = services.pool(), refused or {}
    teams = [team for team in whole["teams"] if team["slug"] != PLATFORM_TEAM]
    context = {
        "sentence": _sentence(whole),
        "forecasts": _forecasts(),
        "teams": [{**team, "form": refused.get(team["id"]) or _form(team)} for team in teams],
        "nodes": [{**node, "devices": [_device(device) for device in node["devices"]]} for node in whole["nodes"]],
        "disks": [_disk(node["name"], disk) for node in whole["nodes"] if (disk := node["disk"])],
        "curl": f"curl {settings.PUBLIC_URL}/api/v1/pool -H 'Authorization: Bearer sk-luthier-…'",
    }
    return render(request, "compute/pool.html", context, status=status)


def _form(team: TeamObject) -> QuotaForm:
    return QuotaForm(initial={"accelerators": team["quota"]}, team_id=team["id"])


def _require_admin(request: PageRequest) -> None:
    if not request.user.is_staff:
        raise PermissionDenied(_("Only an administrator of the platform may do this."))


def _sentence(whole: Pool) -> str:
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


def _device(device: DeviceObject) -> dict[str, object]:
    since = device["since"]
    return {**device, "since": datetime.fromtimestamp(since, UTC) if since else None}
