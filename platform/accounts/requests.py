"""Whom a request acts for: the team and the user."""

from typing import cast

from django.http import HttpRequest
from rest_framework.request import Request

from accounts.messages import message
from accounts.models import Team, User
from common.errors import NotFound, UserError


class PageRequest(HttpRequest):
    """A request of a signed-in person, with the team they work in."""

    id: str
    csp_nonce: str
    user: User
    team: Team


def team_of(request: Request) -> Team:
    """Return the team that the request acts for; UserError for a user without one."""
    team = getattr(request, "team", None)
    if not team:
        raise UserError(message("no_team"), status=403)
    return cast(Team, team)


def team_named(name: str) -> Team:
    """Return the team of this slug or name."""
    known = Team.objects.none() if "\0" in name else Team.objects.tenants()
    team = known.filter(slug=name).first() or known.filter(name=name).first()
    if team is None:
        raise no_team(name)
    return team


def no_team(name: str) -> NotFound:
    return NotFound(message("team_not_found", team=name))


def user_of(request: Request) -> User:
    return cast(User, request.user)
