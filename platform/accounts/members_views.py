"""The page of a team's people."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts import members
from accounts.models import Membership
from accounts.requests import PageRequest
from accounts.roles import Role, needs
from common.errors import UserError
from common.wording import in_words


@needs(Role.OWNER, "POST")
@login_required
@require_http_methods(["GET", "POST"])
def team_members(request: PageRequest) -> HttpResponse:
    """List the team's people; POST takes somebody in."""
    if request.method == "GET":
        return _page(request)
    email = request.POST.get("email", "")
    try:
        added = members.add_member(
            team=request.team, email=email, role=request.POST.get("role", Role.MEMBER), by=request.user
        )
    except UserError as error:
        return _page(request, error=in_words(error.message), email=email, status=error.status)
    messages.success(request, _("%(email)s was added.") % {"email": added.user.email})
    return redirect("members")


def _page(request: PageRequest, *, error: str = "", email: str = "", status: int = 200) -> HttpResponse:
    address = f"{settings.PUBLIC_URL}/api/v1/teams/{request.team.slug}/members"
    context = {
        "members": members.members_of(request.team),
        "roles": Role.choices,
        "usual": Role.MEMBER,
        "error": error,
        "email": email,
        "curl": f"curl {address} -H 'Authorization: Bearer sk-luthier-…'",
    }
    return render(request, "accounts/members.html", context, status=status)


@needs(Role.OWNER)
@login_required
@require_POST
def change_member(request: PageRequest, member_id: str) -> HttpResponse:
    """Give a person another role."""
    found = _member(request, member_id)
    try:
        members.change_role(membership=found, role=request.POST.get("role", ""), by=request.user)
    except UserError as error:
        messages.error(request, in_words(error.message))
    return redirect("members")


@needs(Role.OWNER)
@login_required
@require_POST
def remove_member(request: PageRequest, member_id: str) -> HttpResponse:
    """Take a person out of the team."""
    found = _member(request, member_id)
    try:
        members.remove_member(membership=found, by=request.user)
    except UserError as error:
        messages.error(request, in_words(error.message))
        return redirect("members")
    said = _("%(email)s was removed. Their API keys for this team no longer work.")
    messages.success(request, said % {"email": found.user.email})
    return redirect("home" if found.user_id == request.user.pk else "members")


def _member(request: PageRequest, member_id: str) -> Membership:
    return members.get_member(team=request.team, member_id=member_id)
