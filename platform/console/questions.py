"""Questions to models, which may wait a minute for an answer, and jobs' streams, past Django's synchronous middleware.

Through that chain each would hold a thread for as long as it waits. Here what the chain does for a page (session, team,
CSRF, role) is done in the gateway's small pool of threads, and nothing but the event loop waits.
"""

import re
from typing import Any, cast

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpResponse, HttpResponseBase
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.security import SecurityMiddleware
from django.urls import ResolverMatch, resolve
from django.utils import translation

from accounts.middleware import TeamMiddleware
from accounts.requests import PageRequest
from console.middleware import ContentSecurityPolicyMiddleware, MembershipMiddleware, is_api
from console.shell import Route
from deployments.gateway.in_flight import in_database


class Questions(ASGIHandler):
    """Django's handler with one asynchronous step in the place of its middleware."""

    def load_middleware(self, is_async: bool = False) -> None:
        self._middleware_chain = convert_exception_to_response(answer)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer outside of Django's ThreadSensitiveContext, which keeps a thread for each request."""
        await self.handle(scope, receive, send)


async def answer(request: Any) -> HttpResponseBase:
    """Let the view of this address answer."""
    request.id = request.headers.get("x-request-id", "")
    POLICY.process_request(request)
    request.get_host()  # a name that is not ours is refused
    language = translation.get_language_from_request(request)
    with translation.override(language):
        match = request.resolver_match = resolve(request.path_info)
        response = None if is_api(request.path) else await in_database(_refusal, request, match)
        if response is None:
            response = cast(HttpResponseBase, await match.func(request, *match.args, **match.kwargs))
    response.headers.setdefault("Content-Language", language)
    for guard in GUARDS:
        response = guard.process_response(request, response)
    return response


def _refusal(request: PageRequest, match: ResolverMatch) -> HttpResponseBase | None:
    """Do what middleware does for a page's request; return its refusal, if it refuses it."""
    SessionMiddleware(_unused).process_request(request)
    AuthenticationMiddleware(_unused).process_request(request)
    TeamMiddleware(_unused)(request)
    csrf = CsrfViewMiddleware(_unused)
    csrf.process_request(request)
    refused: HttpResponseBase | None = csrf.process_view(request, match.func, match.args, match.kwargs)
    return refused or MembershipMiddleware(_unused).process_view(request, match.func)


def _unused(request: object) -> HttpResponse:
    return HttpResponse()


POLICY = ContentSecurityPolicyMiddleware(_unused)
GUARDS: tuple[Any, ...] = (POLICY, XFrameOptionsMiddleware(_unused), SecurityMiddleware(_unused))
"""What sets the headers that every answer of the chain has."""
_ASKING = r"/v1/(chat/)?completions|/v1/fine_tuning/alpha/graders/run|/deployments/[^/]+/chat|/playground/(ask|answers)"
ASGI_ROUTES: list[Route] = [
    ("POST", re.compile(_ASKING), Questions()),
    ("GET", re.compile(r"/jobs/[^/]+/stream"), Questions()),
]
