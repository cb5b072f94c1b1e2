"""Which routes there are, and the whole description."""

import functools
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import translation
from drf_spectacular.generators import EndpointEnumerator, SchemaGenerator
from rest_framework.views import APIView

from common.answers import declared
from common.reads import reads_of
from console.middleware import is_api
from console.schema.describing import Describing, in_areas
from datasets_app.web.receiving import ASGI_ROUTES

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
TITLE = "Luthier"
ABOUT = (
    "Fine-tune language models, compare them and ask them. Addresses below /v1 are OpenAI's: point its SDK at this "
    "server. Those below /api/v1 are Luthier's own. Send an API key as `Authorization: Bearer sk-luthier-…`."
)
_MAKING = threading.Lock()
"""Two threads at once would make two serializers of one name."""
Endpoint = tuple[str, str, str, Callable[..., Any]]


class Routes(EndpointEnumerator):
    """Every route below /v1 and /api/v1, those that pass outside of DRF or Django included."""

    def get_api_endpoints(self, patterns: Any = None, prefix: str = "") -> list[Endpoint]:  # type: ignore[override]
        return [(path, path, method, _as_view(view, method)) for path, method, view in sorted(_routes(), key=str)]


class Generator(SchemaGenerator):
    """Describes each route by `Describing`, whatever stands under it."""

    endpoint_inspector_cls = Routes

    def create_view(self, callback: Any, method: str, request: Any = None) -> Any:
        view = super().create_view(callback, method, request)
        view.schema = Describing()
        return view


@functools.cache
def schema() -> dict[str, Any]:
    """Return the description as JSON has it; made once in a process, of code alone, so in nobody's language."""
    with _MAKING, translation.override("en"):
        made: dict[str, Any] = Generator().get_schema(request=None, public=True)
    made["info"] = {"title": TITLE, "version": settings.VERSION, "description": ABOUT}
    made["servers"] = [{"url": settings.PUBLIC_URL}]
    made["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    made["tags"] = in_areas(made)
    return made


def _routes(resolver: URLResolver | None = None, before: str = "/") -> Iterator[tuple[str, str, Any]]:
    """Yield address, method and view of every route that declares what it answers."""
    for pattern in (resolver or get_resolver()).url_patterns:
        address = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern, address) if address == "/" or is_api(address) else ()
        elif isinstance(pattern, URLPattern) and is_api(address):
            yield from _methods(re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", address), pattern.callback)
    if resolver is None:
        for method, regex, view in ASGI_ROUTES:
            # A route of a streamed body is a pattern, whose only variable is the id of what stands before it.
            yield re.sub(r"/(file|upload)s/\[\^/\]\+", r"/\1s/{\1_id}", regex.pattern).removesuffix("/?"), method, view


def _methods(address: str, view: Any) -> Iterator[tuple[str, str, Any]]:
    for method in METHODS:
        is_there = hasattr(view.cls, method.lower()) if hasattr(view, "cls") else method == "POST"
        if is_there and declared(view, method) is not None:
            yield address, method, view


def _as_view(view: Any, method: str) -> Callable[..., Any]:
    """Return a view as DRF has them: of a function, one whose method is described as that is."""
    if hasattr(view, "cls"):
        return view  # type: ignore[no-any-return]

    def described(self: APIView) -> None: ...

    described.__doc__ = view.__doc__
    described.answers = declared(view, method)  # type: ignore[attr-defined]
    described.reads = reads_of(view, method)  # type: ignore[attr-defined]
    made = type("View", (APIView,), {method.lower(): described, "__module__": view.__module__, "__doc__": view.__doc__})
    return made.as_view()  # type: ignore[attr-defined, no-any-return]
