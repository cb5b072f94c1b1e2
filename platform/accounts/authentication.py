"""How the API knows its caller: a key, or the console's own session."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts import origins
from accounts.messages import message
from accounts.models import ApiKey, Membership, Team, User
from accounts.rate_limits import count_request
from accounts.requests import team_of, user_of
from accounts.roles import needed_role, require_role
from accounts.scopes import require_scope
from common.days import clock_of
from common.valkey import is_over_limit
from common.wording import in_words
from wording import Message

HEADER = "Authorization: Bearer sk-luthier-…"
GUESSES = 60
GUESS_WINDOW_SECONDS = 60


def key_of(header: str) -> str | None:
    """Return the secret of an `Authorization: Bearer …` header, or None when there is none."""
    scheme, _, secret = header.partition(" ")
    return secret.strip() or None if scheme.lower() == "bearer" else None


def is_guessing(address: str) -> bool:
    """Count one more wrong key from `address` and say whether that is more than anyone mistypes."""
    return is_over_limit(f"key:{address}", limit=GUESSES, seconds=GUESS_WINDOW_SECONDS)


def why_refused(secret: str | None) -> Message:
    """Return why a key is not a live one, as far as whoever has its secret may know."""
    expired = ApiKey.expiry_of(secret) if secret else None
    if expired is not None:
        return message("api_key_expired", when=clock_of(expired), header=HEADER)
    return message("api_key_refused", header=HEADER)


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer sk-luthier-…`; sets request.team to the key's team."""

    def __init__(self, *, counts: bool = True) -> None:
        self.counts = counts
        """False where a request is checked once more, which is not another request."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        header = request.headers.get("Authorization", "")
        if not header:
            return None
        secret = key_of(header)
        key = ApiKey.find(secret) if secret else None
        if key is None:
            if is_guessing(request.META.get("REMOTE_ADDR", "")):
                raise Throttled(wait=GUESS_WINDOW_SECONDS, detail=in_words(message("too_many_guesses")))
            raise AuthenticationFailed(in_words(why_refused(secret)), code="invalid_api_key")
        if self.counts:
            count_request(key)
        require_scope(key.scopes, request.parser_context["view"], request.method)
        key.mark_used()
        origins.by_key(key.id)
        set_team(request, key.team)
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="luthier"'


class ConsoleAuthentication(SessionAuthentication):
    """The console's session, with its CSRF check; the team is the one chosen in the console."""

    def authenticate(self, request: Request) -> Any:
        found = super().authenticate(request)
        if found is not None:
            set_team(request, request._request.team)  # type: ignore[attr-defined]
        return found


class HasRole(BasePermission):
    """Allows those who have the role that the view requires, in the team that the request acts for."""

    def has_permission(self, request: Request, view: Any) -> bool:
        role = needed_role(view, request.method)
        if role != Membership.Role.VIEWER:
            require_role(role, user=user_of(request), team=team_of(request))
        return True


class IsPlatformAdmin(BasePermission):
    """Only administrators of the platform."""

    message = _("Only an administrator of the platform may do this.")

    def has_permission(self, request: Request, view: Any) -> bool:
        return is_platform_admin(request)


def is_platform_admin(request: Request) -> bool:
    """Return whether the caller acts as an administrator: in the console, or by a key that was made for it."""
    is_key_for_it = request.auth.is_admin if isinstance(request.auth, ApiKey) else True
    return bool(request.user and request.user.is_staff and is_key_for_it)


def require_member(request: Request) -> None:
    """Refuse who is in no team, and no administrator: nodes and pools are shown to members only."""
    if not is_platform_admin(request):
        team_of(request)


def set_team(request: Request, team: Team) -> None:
    request.team = team  # type: ignore[attr-defined]
    request._request.team = team  # type: ignore[attr-defined]
