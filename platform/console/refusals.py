"""Pages and answers for what did not work: in the console's clothes for people, in OpenAI's shape for programs."""

import re
import sys
from typing import Any

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.middleware.csrf import REASON_BAD_ORIGIN, REASON_BAD_REFERER
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common.errors import DATABASE_AWAY, INTERNAL, RETRY_SECONDS, error_body, is_database_away
from common.messages import message as common_message
from common.wording import in_words
from console.middleware import is_api


def answer(request: HttpRequest, *, status: int, code: str, message: Any) -> HttpResponse:
    """Return the refusal as a page or as JSON, by the path that was asked. Nothing here asks the database."""
    with translation.override(translation.get_language_from_request(request)):
        if is_api(request.path):
            return JsonResponse(error_body(message=message, status=status, code=code), status=status)
        theme = request.COOKIES.get("luthier_theme", "")
        nonce = getattr(request, "csp_nonce", "")
        return HttpResponse(page(status, message, theme=theme, nonce=nonce), status=status)


def page(status: int, message: Any, *, theme: str = "", nonce: str = "") -> str:
    """Return the page of a refusal, in the language that is active."""
    error = {"message": in_words(message)}
    theme = theme if theme in ("light", "dark") else ""
    return render_to_string(
        "console/error.html", {"error": error, "status": status, "theme": theme, "csp_nonce": nonce}
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer what Django calls suspicious; a name that is not ours names the setting."""
    if isinstance(exception, DisallowedHost):
        unknown = gettext_lazy(
            "The platform does not recognise the host name in this address. Add it to LUTHIER_ALLOWED_HOSTS."
        )
        return answer(request, status=400, code="unknown_host", message=unknown)
    return answer(
        request,
        status=400,
        code="bad_request",
        message=gettext_lazy("The request cannot be understood. Go back and try again."),
    )


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    return answer(request, status=403, code="forbidden", message=str(exception) or common_message("forbidden"))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if is_api(request.path):
        message = f"There is no {request.method} {request.path[:200]}. Check the address and the method."
        return answer(request, status=404, code="unknown_url", message=message)
    return answer(request, status=404, code="not_found", message=gettext_lazy("There is no page at this address."))


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Answer for what nobody foresaw; a database that is away for a moment is a 503 that says when to come back."""
    error = sys.exc_info()[1]
    if error is not None and is_database_away(error):
        response = answer(request, status=503, code="database_unavailable", message=DATABASE_AWAY)
        response["Retry-After"] = str(RETRY_SECONDS)
        return response
    return answer(request, status=500, code=INTERNAL.code, message=INTERNAL)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """Say why a form was not taken: from a foreign address, behind a proxy, or too old."""
    known = [re.escape(text).replace("%s", ".*") for text in (REASON_BAD_ORIGIN, REASON_BAD_REFERER)]
    if any(re.fullmatch(text, reason) for text in known):
        seen = request.headers.get("origin") or request.headers.get("referer", "")
        with translation.override(translation.get_language_from_request(request)):
            message = _(
                "The form was sent from %(seen)s, which the platform does not recognise as its own address. "
                "Behind a proxy, set LUTHIER_PUBLIC_URL to the address that people use, and "
                "LUTHIER_BEHIND_PROXY to 1."
            ) % {"seen": seen[:100]}
        return answer(request, status=403, code="csrf_failed", message=message)
    old = gettext_lazy(
        "The form has expired, or the browser blocks cookies. Reload the page and submit the form again."
    )
    return answer(request, status=403, code="csrf_failed", message=old)
