"""The team that a signed-in person works in."""

from collections.abc import Callable

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from accounts.models import Team
from accounts.requests import PageRequest

SESSION_KEY = "team"


class TeamMiddleware:
    """Set request.team to the team chosen in the session, or the person's first; None for strangers."""

    def __init__(self, get_response: Callable[[PageRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: PageRequest) -> HttpResponse:
        # Only looked up where a view asks for it.
        request.team = SimpleLazyObject(lambda: current_team(request))  # type: ignore[assignment]
        return self.get_response(request)


def current_team(request: PageRequest) -> Team | None:
    """Return the chosen team if the person still belongs to it, else the first one."""
    teams = teams_of(request)
    chosen = request.session.get(SESSION_KEY) or 0
    return teams.filter(pk=chosen).first() or teams.first()


def teams_of(request: HttpRequest) -> QuerySet[Team]:
    """Return the teams of whoever is signed in, the one they joined first in front."""
    if not request.user.is_authenticated:
        return Team.objects.none()
    return Team.objects.of(request.user).order_by("memberships__id")
