"""What every page's template knows."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.middleware import teams_of
from accounts.roles import Powers
from notifications.services import num_unread


def page(request: HttpRequest) -> dict[str, object]:
    return {
        "csp_nonce": getattr(request, "csp_nonce", ""),
        "team": getattr(request, "team", None),
        "teams": SimpleLazyObject(lambda: list(teams_of(request))),
        "may": Powers(request),
        "num_unread": SimpleLazyObject(lambda: num_unread(request.user) if request.user.is_authenticated else 0),
        "public_url": settings.PUBLIC_URL,
        "languages": [code for code, _name in settings.LANGUAGES],
        "theme": request.COOKIES.get("luthier_theme", ""),
    }
