"""The team that a signed-in person works in."""

from collections.abc import Callable

from django.http import HttpResponse
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
    if not request.user.is_authenticated:
        return None
    teams = Team.objects.of(request.user).order_by("memberships__id")
    chosen = request.session.get(SESSION_KEY) or 0
    return teams.filter(pk=chosen).first() or teams.first()
