"""The page of notifications: what happened, and what one wants to hear about."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.middleware import SESSION_KEY
from accounts.requests import PageRequest
from accounts.roles import Role, needs
from common.lists import page_of
from notifications import services
from notifications.models import Notice
from notifications.web.forms import ChoicesForm

SHOWN = 30


@needs(Role.VIEWER)
@login_required
@require_http_methods(["GET", "POST"])
def notifications(request: PageRequest) -> HttpResponse:
    """List what the person was told, of all their teams; POST changes what they hear about."""
    choices = services.choices_of(request.user)
    if request.method == "GET":
        return _page(request, ChoicesForm(choices=choices))

    def choose(*, on_pages: list[str], of_others: bool, by_mail: list[str] | None = None) -> HttpResponse:
        mail = choices.by_mail if by_mail is None and settings.MAIL_IS_ON else by_mail or []
        services.choose(user=request.user, on_pages=on_pages, by_mail=mail, of_others=of_others)
        messages.success(request, _("Your choice was saved."))
        return redirect("notifications")

    form = ChoicesForm(request.POST, choices=choices)
    return form.answer(choose) or _page(request, form, status=form.status)


@login_required
@require_GET
def notice(request: PageRequest, notice_id: str) -> HttpResponse:
    """Mark one as read and lead to its page, in the team that it is about."""
    own = Notice.objects.of(request.user)
    found = services.get_notice(of=own, notice_id=notice_id)
    services.mark_read(own.filter(pk=found.pk))
    request.session[SESSION_KEY] = found.team_id
    return redirect(found.path or "notifications")


@needs(Role.VIEWER)
@login_required
@require_POST
def read_notifications(request: PageRequest) -> HttpResponse:
    """Mark all as read."""
    services.mark_read(Notice.objects.of(request.user))
    return redirect("notifications")


def _page(request: PageRequest, form: ChoicesForm, *, status: int = 200) -> HttpResponse:
    every = Notice.objects.of(request.user)
    notices, narrowed = page_of(request, every.select_related("team"), size=SHOWN, every=every)
    context = {
        **narrowed,
        "notices": notices,
        "form": form,
        "mail_is_on": settings.MAIL_IS_ON,
        "curl": f"curl {settings.PUBLIC_URL}/api/v1/notifications -H 'Authorization: Bearer sk-luthier-…'",
    }
    return render(request, "notifications/notifications.html", context, status=status)
