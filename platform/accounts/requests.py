"""Requests as our middleware and authentication leave them, for the type checker."""

from django.http import HttpRequest
from rest_framework.request import Request

from accounts.models import Team, User


class PageRequest(HttpRequest):
    """A request of a signed-in person, with the team they work in."""

    id: str
    csp_nonce: str
    user: User
    team: Team


class ApiRequest(Request):
    """A request that passed a key's or the console's authentication."""

    user: User
    team: Team
