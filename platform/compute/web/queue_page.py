"""The page of the queue: to administrators all of it, with what they may do, to others their team's part."""

from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.models import Team
from accounts.requests import PageRequest
from common.errors import NotFound, UserError
from common.idempotency import once
from common.wording import in_words
from compute.administering import preempting, queue
from compute.beside import NO_DEVICE
from compute.messages import message
from compute.models import Pool, Priority, Run
from compute.services import explain
from compute.web.admins import require_admin
from compute.web.forms import QueueActionForm
from compute.web.queue_api import PRIORITIES, question_of

ROWS = 50
KINDS = {
    "training": pgettext_lazy("kind of work", "training"),
    "serving": pgettext_lazy("kind of work", "serving"),
    "evaluation": pgettext_lazy("kind of work", "evaluation"),
}
"""What a Run's kind is called on pages."""
FIELDS = ("state", "team", "kind", "priority", "pool", "search")


@login_required
@require_GET
def queue_page(request: PageRequest) -> HttpResponse:
    own = None if request.user.is_staff else request.team
    asked = {name: request.GET.get(name, "")[:100] for name in FIELDS}
    after, error, status = request.GET.get("after", "")[:40], "", 200
    try:
        found = list(queue.line(question_of(asked, own=own), after=after)[: ROWS + 1])
    except UserError as refused:
        error, status, found = in_words(refused.message), refused.status, []
    query = {name: value for name, value in asked.items() if value}
    context = {
        "error": error,
        "asked": asked,
        "is_asked": any(value for name, value in query.items() if name != "state"),
        "is_running": asked["state"] == "running",
        "states": [("waiting", _("Waiting")), ("running", _("Running"))],
        "kinds": KINDS.items(),
        "pools": [(one.name, str(one)) for one in Pool.objects.order_by("pk")],
        "teams": Team.objects.tenants().order_by("name") if own is None else (),
        "priorities": [(priority.word, priority.label) for priority in Priority],
        "rows": [{"run": run, "size": _size(run), "kind": KINDS.get(run.kind, run.kind), "why": explain(run),
                  "forecast": getattr(run, "forecast", None), "priority": Priority(run.priority).word}
                 for run in found[:ROWS]],
        "later": urlencode({**query, "after": found[ROWS - 1].pk}) if len(found) > ROWS else "",
        "first": urlencode(query) if after else None,
        "curl": f"curl '{settings.PUBLIC_URL}/api/v1/queue?{urlencode(query)}' -H 'Authorization: Bearer sk-luthier-…'",
    }  # fmt: skip
    return render(request, "compute/queue.html", context, status=status)


def _size(run: Run) -> str:
    """Say how many accelerators work asks for."""
    if run.accelerators is None:
        return _("auto")
    if run.accelerators == NO_DEVICE:
        return _("shares cores")
    found = ngettext("%(count)s accelerator", "%(count)s accelerators", run.accelerators)
    return found % {"count": run.accelerators}


@login_required
@require_POST
def queue_action(request: PageRequest, run: str) -> HttpResponse:
    """Move waiting work, or give it the priority that was chosen."""
    require_admin(request)
    sent = QueueActionForm(request.POST).sent()
    to, priority = sent.get("to"), PRIORITIES.get(sent.get("priority") or "")
    moved: Run
    try:
        if to:
            moved = queue.move(run_id=run, to=to, by=request.user)
        elif priority is not None:
            moved = queue.prioritise(run_id=run, priority=priority, by=request.user)
        else:
            raise NotFound(message("no_such_run", run=run[:60]))
    except UserError as refused:
        if refused.status != 409:
            raise
        messages.error(request, in_words(refused.message))
    else:
        messages.success(request, _("%(work)s has its new place.") % {"work": moved.label or moved.pk})
    return redirect("queue")


@login_required
@require_http_methods(["GET", "POST"])
def preempt_page(request: PageRequest, run: str) -> HttpResponse:
    """Say what preempting would do; POST does it."""
    require_admin(request)
    running = f"{reverse('queue')}?state=running"

    def act() -> HttpResponse:
        done = preempting.preempt(run_id=run, by=request.user)
        messages.success(request, _("%(work)s is being preempted.") % {"work": done.label or done.pk})
        return redirect(running)

    try:
        if request.method == "POST":
            return once(request, act)
        found = queue.run_named(run)
        preempting.require_running(found)
    except UserError as refused:
        if refused.status != 409:
            raise
        messages.error(request, in_words(refused.message))
        return redirect(running)
    said = preempting.said_of(preempting.effect_of(found), found)
    context = {
        "run": found,
        "kind": KINDS.get(found.kind, found.kind),
        "said": said,
        "curl": f"curl -X POST {settings.PUBLIC_URL}/api/v1/queue/{found.pk}/preempt "
        "-H 'Authorization: Bearer sk-luthier-…'",
    }
    return render(request, "compute/preempt.html", context)
