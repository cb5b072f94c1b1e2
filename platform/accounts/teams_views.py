"""The administrators' page of teams and people."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts import links, teams
from accounts.forms import LimitsForm, TeamNameForm, TeamRowForm
from accounts.models import Team, User
from accounts.requests import PageRequest

ROWS = 50


@login_required
@require_http_methods(["GET", "POST"])
def teams_page(request: PageRequest) -> HttpResponse:
    """List teams and people; POST makes a team."""
    _require_admin(request)
    if request.method == "GET":
        return _page(request, TeamNameForm())

    def create(name: str) -> HttpResponse:
        teams.create_team(name=name, by=request.user)
        return redirect("teams")

    form = TeamNameForm(request.POST)
    return form.answer(create) or _page(request, form, status=form.status)


@login_required
@require_POST
def rename_team(request: PageRequest, team_id: int) -> HttpResponse:
    """Give a team another name."""
    _require_admin(request)
    team = get_object_or_404(Team.objects.tenants(), pk=team_id)
    form = TeamRowForm(request.POST, team=team)

    def rename(name: str) -> HttpResponse:
        teams.rename_team(team=team, name=name, by=request.user)
        return redirect("teams")

    return form.answer(rename) or _page(request, TeamNameForm(), renamed=(team, form), status=form.status)


@login_required
@require_http_methods(["GET", "POST"])
def team_limits(request: PageRequest, team_id: int) -> HttpResponse:
    """Show what the keys of a team may ask; POST changes it."""
    _require_admin(request)
    team = get_object_or_404(Team.objects.tenants(), pk=team_id)
    form = LimitsForm(request.POST if request.method == "POST" else None, team=team)

    def change(**limits: int | None) -> HttpResponse:
        teams.set_limits(team=team, by=request.user, **limits)
        messages.success(request, _("The limits were saved."))
        return redirect("team_limits", team.pk)

    address = f"{settings.PUBLIC_URL}/api/v1/teams/{team.slug}/limits"
    context = {"team": team, "form": form, "curl": f"curl {address} -H 'Authorization: Bearer sk-luthier-…'"}
    return form.answer(change) or render(
        request, "accounts/limits.html", context, status=form.status if form.errors else 200
    )


@login_required
@require_POST
def password_link(request: PageRequest, user_id: int) -> HttpResponse:
    """Make a link by which a person chooses a new password, and show it once."""
    _require_admin(request)
    user = get_object_or_404(User, pk=user_id, is_active=True)
    link, url = links.make_password_link(user=user, by=request.user)
    return _page(request, TeamNameForm(), shown={"url": url, "email": link.email, "expires_at": link.expires_at})


def _page(
    request: PageRequest,
    form: TeamNameForm,
    *,
    renamed: tuple[Team, TeamNameForm] | None = None,
    shown: dict[str, object] | None = None,
    status: int = 200,
) -> HttpResponse:
    text = request.GET.get("q", "").strip()[:100]
    found = Team.objects.tenants().annotate(num_members=Count("memberships")).order_by("name")
    people = User.objects.order_by("email")
    if text:
        found = found.filter(Q(name__icontains=text) | Q(slug__icontains=text))
        people = people.filter(Q(email__icontains=text) | Q(name__icontains=text))
    rows = [
        (team, renamed[1] if renamed and renamed[0].pk == team.pk else TeamRowForm(team=team)) for team in found[:ROWS]
    ]
    context = {
        "form": form,
        "rows": rows,
        "people": people.prefetch_related("memberships__team")[:ROWS],
        "num_teams": found.count(),
        "num_people": people.count(),
        "text": text,
        "most": ROWS,
        "shown": shown,
        "curl": f"curl {settings.PUBLIC_URL}/api/v1/teams -H 'Authorization: Bearer sk-luthier-…'",
    }
    return render(request, "accounts/teams.html", context, status=status)


def _require_admin(request: PageRequest) -> None:
    if not request.user.is_staff:
        raise PermissionDenied(_("Only an administrator of the platform may do this."))
