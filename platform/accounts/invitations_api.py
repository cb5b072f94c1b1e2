"""Invitations, new passwords and teams over HTTP."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import links, members, teams
from accounts.api import NewMember, TeamView
from accounts.authentication import IsPlatformAdmin, is_platform_admin
from accounts.models import ApiKey, Link, Team
from accounts.requests import team_of, user_of
from accounts.roles import Role
from common.answers import DeletedObject, ListObject, answers
from common.api import deleted, listed
from common.reads import Body, body_of, query_of, reads, require_no_body


class TeamBody(Body):
    """A team's name."""

    name = serializers.CharField(max_length=100)

    example = {"name": "Violins"}


class InvitationObject(TypedDict):
    """An invitation into a team."""

    id: str
    object: Literal["invitation"]
    email: str
    role: Annotated[str, Role]
    created_at: int
    expires_at: int
    invited_by: str | None
    url: NotRequired[str]
    """What the person opens; said once, when the invitation is made."""


class PasswordLinkObject(TypedDict):
    """A link by which somebody chooses a new password."""

    object: Literal["password_link"]
    email: str
    expires_at: int
    url: str


class NamedTeamObject(TypedDict):
    """A team; the id, by which addresses know it, stays when it gets another name."""

    id: str
    object: Literal["team"]
    name: str
    created_at: int


class InvitationsView(TeamView):
    """GET, POST /api/v1/teams/{team}/invitations {"email", "role"}"""

    roles = {"GET": Role.OWNER, "POST": Role.OWNER}

    @answers(ListObject[InvitationObject])
    @reads()
    def get(self, request: Request, team: str) -> Response:
        query_of(request)
        return listed([as_json(link) for link in links.open_invitations(team_of(request))])

    @answers(InvitationObject, status=201)
    @reads(NewMember)
    def post(self, request: Request, team: str) -> Response:
        asked = body_of(request)
        link, url = links.invite(team=team_of(request), by=user_of(request), **asked)
        return Response({**as_json(link), "url": url}, status=201)


class InvitationView(TeamView):
    """DELETE /api/v1/teams/{team}/invitations/{id}"""

    roles = {"DELETE": Role.OWNER}

    @answers(DeletedObject)
    @reads()
    def delete(self, request: Request, team: str, link_id: str) -> Response:
        require_no_body(request)
        links.revoke_invitation(team=team_of(request), link_id=link_id, by=user_of(request))
        return Response(deleted("invitation", link_id))


class PasswordLinkView(TeamView):
    """POST /api/v1/teams/{team}/members/{id}/password_link"""

    def get_permissions(self) -> Sequence[Any]:
        return [IsAuthenticated(), IsPlatformAdmin()]

    @answers(PasswordLinkObject, status=201)
    @reads()
    def post(self, request: Request, team: str, member_id: str) -> Response:
        require_no_body(request)
        member = members.get_member(team=team_of(request), member_id=member_id)
        link, url = links.make_password_link(user=member.user, by=user_of(request))
        made: PasswordLinkObject = {
            "object": "password_link",
            "email": link.email,
            "expires_at": int(link.expires_at.timestamp()),
            "url": url,
        }
        return Response(made, status=201)


class TeamsView(APIView):
    """GET, POST /api/v1/teams {"name"}: to administrators every team, else one's own; made by administrators."""

    def get_permissions(self) -> Sequence[Any]:
        is_admins = is_platform_admin(self.request)
        if self.request.method == "POST":
            return [IsAuthenticated(), IsPlatformAdmin()]
        return [IsAuthenticated()] if is_admins else super().get_permissions()

    @answers(ListObject[NamedTeamObject])
    @reads()
    def get(self, request: Request) -> Response:
        query_of(request)
        found = Team.objects.tenants().order_by("name")
        if not is_platform_admin(request):
            is_key = isinstance(request.auth, ApiKey)
            found = found.filter(pk=team_of(request).pk) if is_key else found.of(user_of(request))
        return listed([team_json(team) for team in found])

    @answers(NamedTeamObject, status=201)
    @reads(TeamBody)
    def post(self, request: Request) -> Response:
        made = teams.create_team(by=user_of(request), **body_of(request))
        return Response(team_json(made), status=201)


class OneTeamView(TeamView):
    """GET, PATCH /api/v1/teams/{team} {"name"}; named by administrators."""

    def get_permissions(self) -> Sequence[Any]:
        return [IsAuthenticated(), IsPlatformAdmin()] if self.request.method == "PATCH" else super().get_permissions()

    @answers(NamedTeamObject)
    def get(self, request: Request, team: str) -> Response:
        return Response(team_json(team_of(request)))

    @answers(NamedTeamObject)
    @reads(TeamBody)
    def patch(self, request: Request, team: str) -> Response:
        named = teams.rename_team(team=team_of(request), by=user_of(request), **body_of(request))
        return Response(team_json(named))


def as_json(link: Link) -> InvitationObject:
    return {
        "id": link.pk,
        "object": "invitation",
        "email": link.email,
        "role": link.role,
        "created_at": int(link.created_at.timestamp()),
        "expires_at": int(link.expires_at.timestamp()),
        "invited_by": link.created_by.email if link.created_by else None,
    }


def team_json(team: Team) -> NamedTeamObject:
    created_at = int(team.created_at.timestamp())
    return {"id": team.slug, "object": "team", "name": team.name, "created_at": created_at}
