"""Which addresses may be called at all, and where they lie."""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
from django.conf import settings

from common.errors import UserError
from common.messages import message

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_URL_CHARACTERS = 2048
PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""Where a network without IPv4 shows the whole of IPv4 (RFC 6052)."""
_RESOLVER = ThreadPoolExecutor(8, thread_name_prefix="outbound-names")
"""Not the event loop's own, which waits for a resolver that hangs before it ends."""


class OutboundError(UserError):
    """A call of an address that somebody named has not come to an answer; the message says why."""


class AddressRefused(OutboundError):
    """The platform does not call this address, now or later: its form, or where it lies."""


class NameUnknown(OutboundError):
    """The name has no address at the moment."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """An address that may be called, looked up once."""

    url: httpx.URL
    addresses: tuple[Address, ...]

    @property
    def host_header(self) -> str:
        return self.url.netloc.decode()

    def pinned(self, address: Address) -> httpx.URL:
        """Return the URL with `address` in place of the name."""
        return self.url.copy_with(host=str(address))


def require_form(text: str) -> httpx.URL:
    """Return `text` as a URL; raises AddressRefused for one that could never be called."""
    if not text or len(text) > MAX_URL_CHARACTERS or not text.isprintable() or " " in text:
        raise AddressRefused(message("outbound_no_url", characters=MAX_URL_CHARACTERS))
    try:
        url = httpx.URL(text).copy_with(fragment=None)
        host = url.host  # read, too: a name that cannot be Unicode's raises only here
    except (httpx.InvalidURL, UnicodeError):
        raise AddressRefused(message("outbound_no_url", characters=MAX_URL_CHARACTERS)) from None
    if url.scheme not in PORTS:
        raise AddressRefused(message("outbound_scheme"))
    if url.userinfo:
        raise AddressRefused(message("outbound_credentials"))
    if not host or (url.port is not None and not 0 < url.port < 65536):
        raise AddressRefused(message("outbound_no_url", characters=MAX_URL_CHARACTERS))
    return url


def require_address(text: str, *, seconds: float = 5) -> None:
    """Raise OutboundError where `text` is no address that the platform calls: for forms, before it is stored.

    It is looked up again for each call: a name may lead elsewhere by then.
    """
    asyncio.run(_located_in_time(text, seconds))


async def locate(text: str) -> Target:
    """Return where `text` lies; raises OutboundError unless each address of its name may be called."""
    url = require_form(text)
    addresses = await _looked_up(url)
    if any(not is_allowed(address) for address in addresses):
        raise AddressRefused(message("outbound_private", host=url.host))
    return Target(url=url, addresses=tuple(addresses))


def is_allowed(address: Address) -> bool:
    """Return whether `address` is a public one, or in a network that an administrator allows."""
    address = _meant(address)
    if any(address in network for network in settings.OUTBOUND_ALLOW):
        return True
    is_other_site = isinstance(address, ipaddress.IPv6Address) and (
        address.is_site_local or address.sixtofour is not None or address.teredo is not None
    )
    return address.is_global and not (address.is_multicast or address.is_reserved or is_other_site)


async def _located_in_time(text: str, seconds: float) -> Target:
    try:
        async with asyncio.timeout(seconds):
            return await locate(text)
    except TimeoutError:
        raise NameUnknown(message("outbound_name_unknown", host=httpx.URL(text).host)) from None


async def _looked_up(url: httpx.URL) -> Sequence[Address]:
    port = url.port or PORTS[url.scheme]
    loop = asyncio.get_running_loop()
    try:
        found = await loop.run_in_executor(_RESOLVER, look_up, url.raw_host.decode().strip("[]"), port)
    except (OSError, UnicodeError):
        raise NameUnknown(message("outbound_name_unknown", host=url.host)) from None
    return found


def look_up(host: str, port: int) -> list[Address]:
    """Return the addresses of `host` in the resolver's order, each once; raises OSError where there is none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))


def _meant(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address only wraps."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address
