"""The buttons of a node on the pool's page."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from accounts.requests import PageRequest
from common.errors import NotFound
from compute.administering.nodes import ACTIONS, node_named, state_of
from compute.messages import message
from compute.web.admins import require_admin
from compute.web.views import address_of


@login_required
@require_POST
def node_action(request: PageRequest, name: str, action: str) -> HttpResponse:
    require_admin(request)
    act = ACTIONS.get(action)
    if act is None:
        raise NotFound(message("no_node_action", action=action[:40]))
    node = node_named(name)
    act(node=node, by=request.user)
    messages.success(request, _said(action, name, state_of(node)["runs"]))
    return redirect(address_of(node.pool, node=name))


def _said(action: str, name: str, runs: int) -> str:
    if action == "uncordon":
        return _("%(node)s gets work again.") % {"node": name}
    if action == "drain" and runs:
        asked = ngettext("%(count)s run there stops", "%(count)s runs there stop", runs) % {"count": runs}
        return _("%(node)s gets no new work, and %(asked)s.") % {"node": name, "asked": asked}
    return _("%(node)s gets no new work.") % {"node": name}
