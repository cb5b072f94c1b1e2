"""What every page and reply gets: a request id, a language, a content security policy, plain errors."""

import secrets
from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import translation

from accounts import origins
from accounts.messages import message as accounts_message
from accounts.requests import PageRequest
from accounts.roles import needed_role, require_role
from common import answer_headers, request_ids
from common.errors import UserError, answer_to
from console.messages import message

ROUTE = "luthier.route"
"""The key of a request's scope that names its route."""
REFERENCE = "/api/docs"
GetResponse = Callable[[PageRequest], HttpResponse]


def is_api(path: str) -> bool:
    """True for programs' paths, which answer in JSON; their reference is a page."""
    return path.startswith(("/v1/", "/api/")) and path != REFERENCE


class RequestIdMiddleware:
    """Give each reply the x-request-id that its log lines carry, and note where the request comes from."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: PageRequest) -> HttpResponse:
        request.id = request_ids.begin(request.headers.get("x-request-id", ""))
        origins.begin(request.META.get("REMOTE_ADDR", ""))
        noted = {} if hasattr(request, "scope") else answer_headers.begin()  # the shell puts them on its answers
        response = self.get_response(request)
        if request.resolver_match is not None and hasattr(request, "scope"):
            request.scope[ROUTE] = f"/{request.resolver_match.route}"  # which the shell counts by
        response["x-request-id"] = request.id
        for name, value in noted.items():
            response[name] = value
        return response


class LanguageMiddleware:
    """The person's choice by cookie, else what the request asks for; a program that asks for none gets English."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: PageRequest) -> HttpResponse:
        language = translation.get_language_from_request(request)
        request.LANGUAGE_CODE = language
        with translation.override(language):
            response = self.get_response(request)
            response.headers.setdefault("Content-Language", language)
        return response


class ContentSecurityPolicyMiddleware:
    """Pages run only our own scripts, by nonce; the admin site needs a looser policy for its own widgets."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: PageRequest) -> HttpResponse:
        self.process_request(request)
        return self.process_response(request, self.get_response(request))

    def process_request(self, request: PageRequest) -> None:
        request.csp_nonce = secrets.token_urlsafe(16)

    def process_response(self, request: PageRequest, response: HttpResponse) -> HttpResponse:
        if request.path.startswith("/admin/"):
            policy = (
                "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
            )
        else:
            nonce = f"'nonce-{request.csp_nonce}'"
            policy = (
                f"default-src 'none'; script-src {nonce}; style-src 'self' {nonce}; img-src 'self' data:; "
                "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
                "manifest-src 'self'"
            )
        response.headers.setdefault("Content-Security-Policy", policy)
        return response


class PlainTextMiddleware:
    """Refuse forms with NUL in a field: no text has it, and the database takes none that does."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: PageRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: PageRequest, *view: object) -> HttpResponse | None:
        is_form = request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data")
        if is_api(request.path) or request.method != "POST" or not is_form:
            return None
        for name, values in request.POST.lists():
            if any("\0" in text for text in (name, *values)):
                return error_page(request, UserError(message("form_holds_nul"), code="invalid_text"))
        return None


def error_page(request: PageRequest, error: UserError) -> HttpResponse:
    """Return a page that says what did not work."""
    return render(request, "console/error.html", {"error": error, "status": error.status}, status=error.status)


class MembershipMiddleware:
    """Show a team's pages to its members alone, and allow there what their role allows."""

    OPEN = frozenset(
        {"sign_out", "preferences", "choose_team", "more", "sign_in", "password", "invitation", "new_password"}
    ) | {"api_docs", "llms_txt"}
    """Names of addresses that need no team."""
    ADMINISTRATORS = frozenset(
        {
            "catalogue",
            "download_model",
            "announce_shutdown",
            "map_model_name",
            "map_proposed_names",
            "unmap_model_name",
            "pool",
            "set_quota",
            "node_action",
            "queue_action",
            "preempt",
            "create_pool",
            "change_pool",
            "delete_pool",
            "move_node",
            "move_node_effect",
            "maintenance",
            "maintenance_effect",
            "cancel_maintenance",
            "quota_effect",
            "audit",
            "teams",
            "rename_team",
            "team_limits",
            "password_link",
        }
    )
    """Those that an administrator needs no team for, nor a role."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: PageRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: PageRequest, view: object, *arguments: object) -> HttpResponse | None:
        found = request.resolver_match
        is_open = found is None or not found.url_name or found.url_name in self.OPEN or found.app_names
        if found is None or is_open or is_api(request.path) or not request.user.is_authenticated:
            return None
        is_administrators = found.url_name in self.ADMINISTRATORS
        if is_administrators and (request.user.is_staff or request.team):
            return None  # the view refuses whoever is none
        if not request.team:
            return error_page(request, UserError(accounts_message("no_team"), status=403))
        try:
            require_role(needed_role(view, request.method), user=request.user, team=request.team)
        except UserError as error:
            return error_page(request, error)
        return None


class UserErrorMiddleware:
    """A UserError that a view did not catch becomes a plain page or OpenAI's error object, never a traceback."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: PageRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code != HTTPStatus.METHOD_NOT_ALLOWED or is_api(request.path):
            return response
        # Django's has no word for whoever opens the address of a button.
        said = message("no_page_for_a_look")
        page = error_page(request, UserError(said, code="method_not_allowed", status=response.status_code))
        page["Allow"] = response["Allow"]
        return page

    def process_exception(self, request: PageRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, UserError):
            return None
        if is_api(request.path):
            return JsonResponse(answer_to(error).body, status=error.status)
        return error_page(request, error)
