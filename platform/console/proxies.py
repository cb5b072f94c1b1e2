"""Who really asks, behind reverse proxies: limits on guessing count people, not the proxy."""

import ipaddress
from typing import TYPE_CHECKING, Any, cast

from django.core.exceptions import ImproperlyConfigured
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

if TYPE_CHECKING:  # the settings import this module, before anything of Django REST framework may be
    from common.asgi import Application

NEAR = ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
"""Loopback and private networks: where a proxy usually is."""


def trusted_proxies(text: str) -> list[str]:
    """Return the networks whose X-Forwarded-For and X-Forwarded-Proto are believed; none for "" or "0", those NEAR for
    "1". ImproperlyConfigured for anything that is neither an address nor a network."""
    word = text.strip().lower()
    if word in ("", "0", "false", "no", "off"):
        return []
    if word in ("1", "true", "yes", "on"):
        return list(NEAR)
    try:
        return [str(ipaddress.ip_network(part.strip())) for part in text.split(",") if part.strip()]
    except ValueError:
        raise ImproperlyConfigured(
            f"LUTHIER_BEHIND_PROXY is {text!r}. It must be 0, 1 (a proxy in a private network), or the proxies' "
            "addresses or networks with commas between them."
        ) from None


def behind_proxies(application: "Application", proxies: list[str]) -> "Application":
    """Return `application` with the client's own address and scheme, where a trusted proxy states them."""
    if not proxies:
        return application
    # The last address that is no trusted proxy's counts: what stands before it anybody can write.
    return cast("Application", ProxyHeadersMiddleware(cast("Any", application), trusted_hosts=proxies))
