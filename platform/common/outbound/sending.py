"""One call of an address that somebody named, within bounds."""

import asyncio
import functools
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from django.conf import settings

from common.messages import message
from common.outbound.addresses import OutboundError, Target, locate

CALL_SECONDS = 20.0
CONNECT_SECONDS = 5.0
"""For each address of a name: behind one that is dead another may live."""
MAX_ANSWER_BYTES = 1024 * 1024


class NoAnswer(OutboundError):
    """The address may be called, and has not answered: later it may."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What was answered, whatever the status: a redirect is an answer, and is not followed."""

    status: int
    headers: httpx.Headers
    content: bytes
    is_whole: bool
    """Whether `content` is all of it, and not its first bytes."""
    seconds: float

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Return the answer as JSON; raises NoAnswer where it is none, or was cut off."""
        if not self.is_whole:
            raise NoAnswer(message("outbound_answer_too_long"))
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            raise NoAnswer(message("outbound_no_json")) from None


def send(
    url: str,
    *,
    method: str = "POST",
    content: bytes = b"",
    headers: Mapping[str, str] | None = None,
    seconds: float = CALL_SECONDS,
    max_answer_bytes: int = MAX_ANSWER_BYTES,
) -> Reply:
    """Call `url` once and return what it answers; not for the thread of an event loop, which awaits `send_async`.

    `seconds` bound all of it, the look-up of the name included. Raises OutboundError: AddressRefused for an address
    that the platform does not call, others where there was no answer.
    """
    return asyncio.run(
        send_async(
            url, method=method, content=content, headers=headers, seconds=seconds, max_answer_bytes=max_answer_bytes
        )
    )


async def send_async(
    url: str,
    *,
    method: str = "POST",
    content: bytes = b"",
    headers: Mapping[str, str] | None = None,
    seconds: float = CALL_SECONDS,
    max_answer_bytes: int = MAX_ANSWER_BYTES,
) -> Reply:
    """Do what `send` does, from within an event loop."""
    started = time.monotonic()
    try:
        async with asyncio.timeout(seconds):
            target = await locate(url)
            return await _call(target, method, content, headers or {}, max_answer_bytes, started)
    except TimeoutError:
        raise NoAnswer(message("outbound_timeout", seconds=f"{seconds:g}")) from None


async def _call(
    target: Target, method: str, content: bytes, headers: Mapping[str, str], max_answer_bytes: int, started: float
) -> Reply:
    """Try the target's addresses one after another; only where no connection comes about another one is tried."""
    sent = httpx.Headers(headers)
    sent.update(
        {"host": target.host_header, "user-agent": f"Luthier/{settings.VERSION}", "accept-encoding": "identity"}
    )
    timeout = httpx.Timeout(None, connect=CONNECT_SECONDS)
    async with httpx.AsyncClient(verify=_certificates(), trust_env=False, timeout=timeout) as client:
        for address in target.addresses:
            request = client.build_request(
                method,
                target.pinned(address),
                content=content,
                headers=sent,
                extensions={"sni_hostname": target.url.raw_host.decode()},
            )
            try:
                reply = await client.send(request, stream=True, follow_redirects=False)
                return await _read(reply, max_answer_bytes, started)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if _is_about_certificates(error):
                    raise NoAnswer(message("outbound_tls", host=target.url.host)) from None
            except httpx.HTTPError:
                raise NoAnswer(message("outbound_broke_off", host=target.url.host)) from None
    raise NoAnswer(message("outbound_no_connection", host=target.url.host))


async def _read(reply: httpx.Response, max_answer_bytes: int, started: float) -> Reply:
    """Read up to `max_answer_bytes` as they come: what is packed stays packed, so that nothing swells."""
    content, is_whole = bytearray(), True
    try:
        async for block in reply.aiter_raw():
            content += block
            if len(content) > max_answer_bytes:
                is_whole = False
                break
    finally:
        await reply.aclose()
    return Reply(
        status=reply.status_code,
        headers=reply.headers,
        content=bytes(content[:max_answer_bytes]),
        is_whole=is_whole,
        seconds=time.monotonic() - started,
    )


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Return whom to trust: as httpx does, SSL_CERT_FILE and SSL_CERT_DIR included; read once."""
    return httpx.create_ssl_context()


def _is_about_certificates(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
