"""What an administrator changes on a pool's page: quotas, the pool itself, and which nodes are in it."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.html import escape
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.models import Team
from accounts.requests import PageRequest
from common.errors import UserError
from common.forms import refused as back_to
from common.wording import in_words
from compute.administering.nodes import node_named, pool_named
from compute.administering.pools import (
    change_pool,
    create_pool,
    delete_pool,
    move_effect,
    move_node,
    require_movable,
    said_of_move,
)
from compute.administering.quotas import effect_of, quota_in, said_of, set_quota
from compute.explanations import count_of
from compute.models import Pool
from compute.pool import room_in
from compute.web.admins import require_admin
from compute.web.forms import MoveForm, NewPoolForm, PoolForm, QuotaForm
from compute.web.views import Refused, address_of, chosen, show_pool


@login_required
@require_POST
def change_quota(request: PageRequest, team_id: int) -> HttpResponse:
    require_admin(request)
    team, pool = get_object_or_404(Team, pk=team_id), chosen(request.GET.get("pool", ""))

    def change(**shares: Any) -> HttpResponse:
        set_quota(team=team, pool=pool, by=request.user, **shares)
        messages.success(request, _said(team, pool))
        return redirect(address_of(pool))

    form = QuotaForm(request.POST, team_id=team_id)
    return form.answer(change) or show_pool(request, pool, Refused(quotas={team_id: form}, status=form.status))


@login_required
@require_GET
def quota_effect(request: PageRequest, team_id: int) -> HttpResponse:
    """Say what saving a row's form would do at once, or why it is refused."""
    require_admin(request)
    team, pool = get_object_or_404(Team, pk=team_id), chosen(request.GET.get("pool", ""))

    def show(**shares: int | None) -> HttpResponse:
        return HttpResponse(escape(in_words(said_of(effect_of(team=team, pool=pool, changes=shares)))))

    form = QuotaForm(request.GET, team_id=team_id)
    return form.answer(show) or HttpResponse(escape(" ".join(form.refusals)))


def _said(team: Team, pool: Pool) -> str:
    """Say what a team has from now on."""
    quota, kind = quota_in(team, pool), room_in(pool).kind
    most = _("the whole pool") if quota.ceiling is None else in_words(count_of(quota.ceiling, kind))
    if not quota.guaranteed:
        return _("%(team)s may now use %(quota)s at once.") % {"team": team.name, "quota": most}
    return _("%(team)s is now guaranteed %(guaranteed)s and may use %(quota)s at once.") % {
        "team": team.name,
        "guaranteed": in_words(count_of(quota.guaranteed, kind)),
        "quota": most,
    }


@login_required
@require_POST
def create_pool_action(request: PageRequest) -> HttpResponse:
    require_admin(request)

    def create(**fields: Any) -> HttpResponse:
        made = create_pool(by=request.user, **fields)
        messages.success(request, _("The pool %(pool)s is there. Move nodes to it.") % {"pool": made})
        return redirect(address_of(made))

    form = NewPoolForm(request.POST)
    reply = form.answer_once(request, create)
    return reply or show_pool(request, Pool.default(), Refused(new_pool=form, status=form.status))


@login_required
@require_POST
def change_pool_action(request: PageRequest, pool: str) -> HttpResponse:
    require_admin(request)
    found = pool_named(pool)

    def change(**fields: Any) -> HttpResponse:
        changed = change_pool(pool=found, by=request.user, **fields)
        messages.success(request, _("Saved."))
        return redirect(address_of(changed))

    form = PoolForm(request.POST, pool=found)
    return form.answer(change) or show_pool(request, found, Refused(pool=form, status=form.status))


@login_required
@require_POST
def delete_pool_action(request: PageRequest, pool: str) -> HttpResponse:
    """Delete an empty pool; of another one say what is in it."""
    require_admin(request)
    found = pool_named(pool)
    try:
        delete_pool(pool=found, by=request.user)
    except UserError as refused:
        messages.error(request, in_words(refused.message))
        return redirect(address_of(found))
    messages.success(request, _("The pool %(pool)s is deleted.") % {"pool": found})
    return redirect("pool")


@login_required
@require_POST
def move_node_action(request: PageRequest, name: str) -> HttpResponse:
    require_admin(request)
    node = node_named(name)

    def move(pool: Pool) -> HttpResponse:
        move_node(node=node, pool=pool, by=request.user)
        said = _("%(node)s belongs to %(pool)s now.") % {"node": node.name, "pool": pool}
        closed = _("It gets no new work until you put it back into service.") if node.draining else ""
        messages.success(request, f"{said} {closed}".rstrip())
        return redirect(address_of(pool, node=node.name))

    form = MoveForm(request.POST)
    return form.answer(move) or back_to(request, form, address_of(node.pool, node=node.name))


@login_required
@require_GET
def move_node_effect(request: PageRequest, name: str) -> HttpResponse:
    """Say what moving the node would do, or what prevents it."""
    require_admin(request)
    node = node_named(name)

    def show(pool: Pool) -> HttpResponse:
        try:
            require_movable(node)
        except UserError as refused:
            return HttpResponse(escape(in_words(refused.message)))
        said = said_of_move(move_effect(node=node, pool=pool), node=node, pool=pool)
        return HttpResponse(escape(in_words(said)))

    return MoveForm(request.GET).answer(show) or HttpResponse("")
