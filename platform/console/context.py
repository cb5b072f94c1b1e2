"""What every page's template knows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def page(request: HttpRequest) -> dict[str, Any]:
    return {
        "csp_nonce": getattr(request, "csp_nonce", ""),
        "team": getattr(request, "team", None),
        "public_url": settings.PUBLIC_URL,
        "languages": settings.LANGUAGES,
        "theme": request.COOKIES.get("luthier_theme", ""),
    }
