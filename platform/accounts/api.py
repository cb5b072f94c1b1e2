"""The people of a team over HTTP: seen by everybody in it, changed by its owners."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypedDict

from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import members
from accounts.authentication import is_platform_admin, set_team
from accounts.models import ApiKey, Membership
from accounts.requests import no_team, team_named, team_of, user_of
from accounts.roles import Role, role_of
from common.answers import DeletedObject, ListObject, answers
from common.api import deleted, listed
from common.reads import Body, body_of, query_of, reads, require_no_body


class NewMember(Body):
    """A person who joins a team."""

    email = serializers.CharField(max_length=254)
    role = serializers.ChoiceField(choices=Role.choices, default=Role.MEMBER)

    example = {"email": "new.member@example.com", "role": "member"}


class ChangedMember(Body):
    """What a person may do in a team."""

    role = serializers.ChoiceField(choices=Role.choices)

    example = {"role": "owner"}


class MemberObject(TypedDict):
    """A person in a team."""

    id: str
    object: Literal["member"]
    email: str
    name: str
    role: Annotated[str, Role]
    active: bool


class TeamView(APIView):
    """A view of the team in its address: one's own, that of the key, and for administrators any."""

    def perform_authentication(self, request: Request) -> None:
        super().perform_authentication(request)
        if request.user is None:  # nobody: what the permissions say
            return
        team = team_named(self.kwargs["team"])
        is_open = (
            request.auth.team_id == team.pk
            if isinstance(request.auth, ApiKey)
            else role_of(user=user_of(request), team=team) is not None
        )
        if not is_open and not is_platform_admin(request):
            raise no_team(self.kwargs["team"])
        set_team(request, team)

    def get_permissions(self) -> Sequence[Any]:
        return [IsAuthenticated()] if is_platform_admin(self.request) else super().get_permissions()


class MembersView(TeamView):
    """GET, POST /api/v1/teams/{team}/members {"email", "role"}"""

    roles = {"POST": Role.OWNER}

    @answers(ListObject[MemberObject])
    @reads()
    def get(self, request: Request, team: str) -> Response:
        query_of(request)
        found = members.members_of(team_of(request))
        return listed([as_json(one) for one in found])

    @answers(MemberObject, status=201)
    @reads(NewMember)
    def post(self, request: Request, team: str) -> Response:
        asked = body_of(request)
        made = members.add_member(team=team_of(request), by=user_of(request), **asked)
        return Response(as_json(made), status=201)


class MemberView(TeamView):
    """GET, PATCH, DELETE /api/v1/teams/{team}/members/{id} {"role"}"""

    roles = {"PATCH": Role.OWNER, "DELETE": Role.OWNER}

    @answers(MemberObject)
    def get(self, request: Request, team: str, member_id: str) -> Response:
        return Response(as_json(_member(request, member_id)))

    @answers(MemberObject)
    @reads(ChangedMember)
    def patch(self, request: Request, team: str, member_id: str) -> Response:
        asked = body_of(request)
        changed = members.change_role(membership=_member(request, member_id), role=asked["role"], by=user_of(request))
        return Response(as_json(changed))

    @answers(DeletedObject)
    @reads()
    def delete(self, request: Request, team: str, member_id: str) -> Response:
        require_no_body(request)
        members.remove_member(membership=_member(request, member_id), by=user_of(request))
        return Response(deleted("member", member_id))


def as_json(membership: Membership) -> MemberObject:
    """Return a person in a team as the API shows them; the id is the person's, in every team the same."""
    user = membership.user
    return {
        "id": str(user.pk),
        "object": "member",
        "email": user.email,
        "name": user.name,
        "role": membership.role,
        "active": user.is_active,
    }


def _member(request: Request, member_id: str) -> Membership:
    return members.get_member(team=team_of(request), member_id=member_id)
