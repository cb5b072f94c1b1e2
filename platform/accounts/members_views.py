"""The page of a team's people."""

from collections.abc import Mapping

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts import links, members
from accounts.forms import InvitationForm, MemberForm, RoleForm
from accounts.models import Membership
from accounts.requests import PageRequest
from accounts.roles import Powers, Role, needs
from common.errors import UserError
from common.idempotency import Reply, submitted_once
from common.wording import in_words


@needs(Role.OWNER, "POST")
@login_required
@require_http_methods(["GET", "POST"])
def team_members(request: PageRequest) -> HttpResponse:
    """List the team's people; POST adds somebody."""
    if request.method == "GET":
        return _page(request, MemberForm())

    def add(email: str, role: str) -> HttpResponse:
        added = members.add_member(team=request.team, email=email, role=role, by=request.user)
        messages.success(request, _("%(email)s was added.") % {"email": added.user.email})
        return redirect("members")

    form = MemberForm(request.POST)
    return form.answer(add) or _page(request, form, status=form.status)


def _page(
    request: PageRequest,
    form: MemberForm,
    *,
    refused: Mapping[int, RoleForm] | None = None,
    invitation: InvitationForm | None = None,
    url: str = "",
    status: int = 200,
) -> HttpResponse:
    address = f"{settings.PUBLIC_URL}/api/v1/teams/{request.team.slug}/members"
    found = members.members_of(request.team)
    context = {
        "rows": [(one, (refused or {}).get(one.user_id) or RoleForm(member=one)) for one in found],
        "form": form,
        "invitation": invitation or InvitationForm(),
        "invitations": links.open_invitations(request.team) if Powers(request).own else (),
        "url": url,
        "curl": f"curl {address} -H 'Authorization: Bearer sk-luthier-…'",
    }
    return render(request, "accounts/members.html", context, status=status)


@needs(Role.OWNER)
@login_required
@require_POST
def change_member(request: PageRequest, member_id: str) -> HttpResponse:
    """Give a person another role."""
    found = _member(request, member_id)

    def change(role: str) -> HttpResponse:
        members.change_role(membership=found, role=role, by=request.user)
        return redirect("members")

    form = RoleForm(request.POST, member=found)
    return form.answer(change) or _page(request, MemberForm(), refused={found.user_id: form}, status=form.status)


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


@needs(Role.OWNER)
@login_required
@require_POST
def invite(request: PageRequest) -> HttpResponse:
    """Make an invitation and show its address once."""
    form = InvitationForm(request.POST)
    url = ""

    def make(email: str, role: str) -> HttpResponse:
        nonlocal url

        def made() -> Reply:
            nonlocal url
            url = links.invite(team=request.team, email=email, role=role, by=request.user)[1]
            return 200, None

        submitted_once(request, made)
        if not url:
            messages.info(request, _("This invitation has already been created and was shown once."))
            return redirect("members")
        return _page(request, MemberForm(), url=url)

    return form.answer(make) or _page(request, MemberForm(), invitation=form, status=form.status)


@needs(Role.OWNER)
@login_required
@require_POST
def revoke_invitation(request: PageRequest, link_id: str) -> HttpResponse:
    """Make an invitation lead nowhere."""
    link = links.revoke_invitation(team=request.team, link_id=link_id, by=request.user)
    messages.success(request, _("The invitation of %(email)s was revoked.") % {"email": link.email})
    return redirect("members")


def _member(request: PageRequest, member_id: str) -> Membership:
    return members.get_member(team=request.team, member_id=member_id)
