"""Pages and answers for what did not work: in the console's clothes for people, in OpenAI's shape for programs."""

import re
import sys

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.middleware.csrf import REASON_BAD_ORIGIN, REASON_BAD_REFERER
from django.template.loader import render_to_string
from django.utils import translation

from common.errors import DATABASE_AWAY, FORBIDDEN, INTERNAL, RETRY_SECONDS, error_body, is_database_away
from common.wording import in_words
from console.elsewhere import openai_route
from console.messages import message
from console.middleware import is_api
from wording import Message

CSRF_FAILED = "csrf_failed"


def answer(request: HttpRequest, said: Message | str, *, status: int, code: str = "") -> HttpResponse:
    """Return the refusal as a page or as JSON, by the path that was asked. Nothing here asks the database."""
    with translation.override(translation.get_language_from_request(request)):
        if is_api(request.path):
            code = code or (said.code if isinstance(said, Message) else "")
            return JsonResponse(error_body(message=said, status=status, code=code), status=status)
        theme = request.COOKIES.get("luthier_theme", "")
        nonce = getattr(request, "csp_nonce", "")
        return HttpResponse(page(status, said, theme=theme, nonce=nonce), status=status)


def page(status: int, said: Message | str, *, theme: str = "", nonce: str = "") -> str:
    """Return the page of a refusal, in the language that is active."""
    error = {"message": in_words(said)}
    theme = theme if theme in ("light", "dark") else ""
    return render_to_string(
        "console/error.html", {"error": error, "status": status, "theme": theme, "csp_nonce": nonce}
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer what Django calls suspicious; a name that is not ours names the setting."""
    if isinstance(exception, DisallowedHost):
        return answer(request, message("unknown_host"), status=400)
    return answer(request, message("bad_request"), status=400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    return answer(request, str(exception) or FORBIDDEN, status=403, code=FORBIDDEN.code)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if is_api(request.path):
        method = request.method or ""
        said = openai_route(method, request.path) or message("unknown_url", method=method, path=request.path[:200])
        return answer(request, said, status=404)
    return answer(request, message("no_page"), status=404)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Answer for unforeseen errors; a database that is away for a moment is a 503 that says when to come back."""
    error = sys.exc_info()[1]
    if error is not None and is_database_away(error):
        response = answer(request, DATABASE_AWAY, status=503)
        response["Retry-After"] = str(RETRY_SECONDS)
        return response
    return answer(request, INTERNAL, status=500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """Say why a form was not taken: from a foreign address, behind a proxy, or too old."""
    known = [re.escape(text).replace("%s", ".*") for text in (REASON_BAD_ORIGIN, REASON_BAD_REFERER)]
    if any(re.fullmatch(text, reason) for text in known):
        seen = request.headers.get("origin") or request.headers.get("referer", "")
        return answer(request, message("form_from_elsewhere", seen=seen[:100]), status=403, code=CSRF_FAILED)
    return answer(request, message("form_too_old"), status=403, code=CSRF_FAILED)
