"""Every route of the API, as the URL conf and the shell list them."""

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from console.middleware import is_api
from datasets_app.web.receiving import ASGI_ROUTES

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def routes(resolver: URLResolver | None = None, before: str = "/") -> Iterator[tuple[str, str, Any]]:
    """Yield method, address and view of every route; a streamed one's address is a pattern."""
    for pattern in (resolver or get_resolver()).url_patterns:
        address = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, address) if address == "/" or is_api(address) else ()
        elif isinstance(pattern, URLPattern) and is_api(address):
            kind = getattr(pattern.callback, "cls", None)
            offered = ["POST"] if kind is None else [method for method in METHODS if hasattr(kind, method.lower())]
            yield from ((method, address, pattern.callback) for method in offered)
    if resolver is None:
        yield from ((method, pattern.pattern, view) for method, pattern, view in ASGI_ROUTES)
