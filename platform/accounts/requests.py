"""Requests as our middleware leaves them, for the type checker."""

from django.http import HttpRequest

from accounts.models import Team, User


class PageRequest(HttpRequest):
    """A request of a signed-in person, with the team they work in."""

    id: str
    csp_nonce: str
    user: User
    team: Team
