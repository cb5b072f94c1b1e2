"""The people of a team over HTTP: seen by everybody in it, changed by its owners."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import members
from accounts.api_requests import body_of, require_no_body, team_of, user_of
from accounts.models import Membership
from accounts.roles import Role


class NewMember(serializers.Serializer[Any]):
    email = serializers.CharField(max_length=254)
    role = serializers.ChoiceField(choices=Role.choices, default=Role.MEMBER)


class ChangedMember(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=Role.choices)


class MembersView(APIView):
    """GET, POST /api/v1/members {"email", "role"}"""

    roles = {"POST": Role.OWNER}

    def get(self, request: Request) -> Response:
        found = members.members_of(team_of(request))
        return Response({"object": "list", "data": [as_json(one) for one in found], "has_more": False})

    def post(self, request: Request) -> Response:
        asked = body_of(NewMember, request)
        made = members.add_member(team=team_of(request), by=user_of(request), **asked)
        return Response(as_json(made), status=201)


class MemberView(APIView):
    """GET, PATCH, DELETE /api/v1/members/{id} {"role"}"""

    roles = {"PATCH": Role.OWNER, "DELETE": Role.OWNER}

    def get(self, request: Request, member_id: str) -> Response:
        return Response(as_json(_member(request, member_id)))

    def patch(self, request: Request, member_id: str) -> Response:
        asked = body_of(ChangedMember, request)
        changed = members.change_role(membership=_member(request, member_id), role=asked["role"], by=user_of(request))
        return Response(as_json(changed))

    def delete(self, request: Request, member_id: str) -> Response:
        require_no_body(request)
        members.remove_member(membership=_member(request, member_id), by=user_of(request))
        return Response({"id": member_id, "object": "member", "deleted": True})


def as_json(membership: Membership) -> dict[str, Any]:
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
