"""The pages of webhooks: a team's, and one with what was sent."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.requests import PageRequest
from accounts.roles import Powers
from common.idempotency import Reply, once, submitted_once
from common.wording import in_words
from webhooks import events, services
from webhooks.models import Webhook
from webhooks.web.forms import RotateForm, SampleForm, SwitchForm, WebhookForm

SHOWN = 25
"""Deliveries on a page."""


@login_required
@require_http_methods(["GET", "POST"])
def webhooks(request: PageRequest) -> HttpResponse:
    """List the team's webhooks; POST makes one, whose secret is shown once."""
    if request.method == "GET":
        return _list(request, WebhookForm())
    form = WebhookForm(request.POST)

    def make(**fields: Any) -> HttpResponse:
        return _shown_once(
            request, lambda: services.create_webhook(team=request.team, by=request.user, **fields)
        ) or redirect("webhooks")

    return form.answer(make) or _list(request, form, status=form.status)


@login_required
@require_http_methods(["GET", "POST"])
def webhook(request: PageRequest, webhook_id: str) -> HttpResponse:
    """Show a webhook with what was sent; POST changes it."""
    found = services.get_webhook(team=request.team, webhook_id=webhook_id)
    if request.method == "GET":
        return _page(request, found, WebhookForm(webhook=found))

    def change(**fields: Any) -> HttpResponse:
        services.change_webhook(team=request.team, webhook_id=webhook_id, by=request.user, **fields)
        messages.success(request, _("The webhook was saved."))
        return redirect("webhook", webhook_id)

    form = WebhookForm(request.POST, webhook=found)
    return form.answer(change) or _page(request, found, form, status=form.status)


@login_required
@require_POST
def rotate_secret(request: PageRequest, webhook_id: str) -> HttpResponse:
    """Replace the secret; the new one is shown once."""
    keeps_old = bool(RotateForm(request.POST).sent().get("keep"))
    shown = _shown_once(
        request,
        lambda: services.rotate_secret(team=request.team, webhook_id=webhook_id, by=request.user, keeps_old=keeps_old),
    )
    return shown or redirect("webhook", webhook_id)


@login_required
@require_POST
def send_test(request: PageRequest, webhook_id: str) -> HttpResponse:
    """Send a sample and say what was answered."""
    found = services.get_webhook(team=request.team, webhook_id=webhook_id)
    form = SampleForm(request.POST)
    if not form.is_valid():
        return _page(request, found, WebhookForm(webhook=found), sample=form, status=form.status)

    def send() -> HttpResponse:
        sent = services.send_test(webhook=found, by=request.user, kind=form.cleaned_data["event_type"])
        if sent.last_error is None:
            messages.success(request, _("The test event arrived: HTTP %(status)s.") % {"status": sent.last_status})
        else:
            said = _("The test event did not arrive.")
            messages.error(request, f"{said} {in_words(sent.last_error)}")
        return redirect("webhook", webhook_id)

    return once(request, send)


@login_required
@require_POST
def switch(request: PageRequest, webhook_id: str) -> HttpResponse:
    """Switch a webhook on or off."""
    enabled = bool(SwitchForm(request.POST).sent().get("enabled"))
    services.change_webhook(team=request.team, webhook_id=webhook_id, by=request.user, enabled=enabled)
    return redirect("webhook", webhook_id)


@login_required
@require_POST
def delete_webhook(request: PageRequest, webhook_id: str) -> HttpResponse:
    services.delete_webhook(team=request.team, webhook_id=webhook_id, by=request.user)
    messages.success(request, _("The webhook was deleted. Nothing more is sent to its address."))
    return redirect("webhooks")


@login_required
@require_POST
def redeliver(request: PageRequest, webhook_id: str, delivery_id: str) -> HttpResponse:
    """Send what was sent before once more."""

    def send() -> HttpResponse:
        services.redeliver(team=request.team, webhook_id=webhook_id, delivery_id=delivery_id, by=request.user)
        messages.success(request, _("It is sent again. Reload the page to see what came of it."))
        return redirect("webhook", webhook_id)

    return once(request, send)


def _shown_once(request: PageRequest, make: Callable[[], tuple[Webhook, str]]) -> HttpResponse | None:
    """Make a secret and show it; the very same form sent again makes none, and shows none."""
    made: list[tuple[Webhook, str]] = []

    def create() -> Reply:
        made.append(make())
        return 200, None

    submitted_once(request, create)
    if not made:
        messages.info(request, _("This secret has already been shown once. If you lost it, rotate it."))
        return None
    found, secret = made[0]
    return _page(request, found, WebhookForm(webhook=found), secret=secret)


def _list(request: PageRequest, form: WebhookForm, *, status: int = 200) -> HttpResponse:
    context = {
        "rows": [(one, _heard_by(one)) for one in Webhook.objects.visible_to(request.team)[: services.MOST_WEBHOOKS]],
        "form": form,
        "curl": (
            f"curl {settings.PUBLIC_URL}/api/v1/webhooks -H 'Authorization: Bearer sk-luthier-…' "
            "-H 'Content-Type: application/json' -d '{\"url\": \"https://example.com/luthier\"}'"
        ),
        "python": (
            "event = client.webhooks.unwrap(body, headers, secret=secret)\n"
            'if event.type == "fine_tuning.job.succeeded":\n'
            "    print(client.fine_tuning.jobs.retrieve(event.data.id).fine_tuned_model)"
        ),
    }
    return render(request, "webhooks/webhooks.html", context, status=status)


def _heard_by(webhook: Webhook) -> str:
    """Say in words what a webhook hears about."""
    if set(events.names()) <= set(webhook.event_types):
        return _("everything")
    return " · ".join(str(kind.label) for kind in events.kinds() if kind.name in webhook.event_types)


def _page(
    request: PageRequest,
    found: Webhook,
    form: WebhookForm,
    *,
    secret: str = "",
    sample: SampleForm | None = None,
    status: int = 200,
) -> HttpResponse:
    address = f"{settings.PUBLIC_URL}/api/v1/webhooks/{found.pk}"
    context = {
        "webhook": found,
        "deliveries": found.deliveries.all()[:SHOWN],
        "shown": SHOWN,
        "form": form,
        "rotation": RotateForm(),
        "sample": sample or SampleForm(),
        "secret": secret,
        "may_change": Powers(request).change(found.created_by_id),
        "curl": f"curl {address}/deliveries -H 'Authorization: Bearer sk-luthier-…'",
    }
    return render(request, "webhooks/webhook.html", context, status=status)
