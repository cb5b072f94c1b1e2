"""The page of API keys."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts import services
from accounts.forms import KeyForm
from accounts.models import ApiKey
from accounts.requests import PageRequest
from accounts.roles import Powers, Role, needs
from common.idempotency import Reply, submitted_once

OVERLAP = timedelta(hours=24)
"""For which a key that was rotated on the page still works, so that programs can be changed over."""


@login_required
@require_http_methods(["GET", "POST"])
def keys(request: PageRequest) -> HttpResponse:
    """List the person's keys, to owners the team's; a new one is shown once."""
    if request.method == "GET":
        return _page(request, _form(request))
    form = _form(request, request.POST)

    def make(*, expires_in_days: int | None, **fields: Any) -> HttpResponse:
        end = None if expires_in_days is None else timezone.now() + timedelta(days=expires_in_days)
        return _shown_once(
            request,
            lambda: services.issue_api_key(user=request.user, team=request.team, expires_at=end, **fields),
        )

    return form.answer(make) or _page(request, form, status=form.status)


@login_required
@require_POST
def rotate_key(request: PageRequest, key_id: str) -> HttpResponse:
    """Replace a key by a new one, which is shown once; the old one ends a day later."""
    return _shown_once(
        request,
        lambda: services.rotate_api_key(key_id=key_id, team=request.team, by=request.user, overlap=OVERLAP),
    )


@needs(Role.VIEWER)  # whoever has lost a role may still take their own keys away
@login_required
@require_POST
def revoke_key(request: PageRequest, key_id: str) -> HttpResponse:
    services.revoke_api_key(key_id=key_id, team=request.team, by=request.user)
    messages.success(request, _("The key was revoked. Requests with it are refused from now on."))
    return redirect("keys")


def _shown_once(request: PageRequest, make: Callable[[], tuple[ApiKey, str]]) -> HttpResponse:
    """Make a key and show its secret; the very same form sent again makes none, and shows none."""
    made: list[str] = []

    def create() -> Reply:
        made.append(make()[1])
        return 200, None

    submitted_once(request, create)
    if made:
        return _page(request, _form(request), secret=made[0])
    messages.info(request, _("This key has already been created and was shown once. If you lost it, create another."))
    return redirect("keys")


def _form(request: PageRequest, data: Any = None) -> KeyForm:
    return KeyForm(data, may_administer=request.user.is_staff or Powers(request).own)


def _page(request: PageRequest, form: KeyForm, *, secret: str = "", status: int = 200) -> HttpResponse:
    context = {
        "keys": services.keys_of(team=request.team, user=request.user),
        "secret": secret,
        "form": form,
        "curl": f"curl {settings.PUBLIC_URL}/api/v1/keys -H 'Authorization: Bearer sk-luthier-…'",
    }
    return render(request, "accounts/keys.html", context, status=status)
