"""Requests in flight: while there are any on a replica, the database hears of it, so that nobody takes it for idle.

A time that is renewed, not a counter: a web process that is killed leaves nothing behind that someone must put right.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError, close_old_connections

from accounts.models import ApiKey
from deployments.replicas import mark_requested

logger = logging.getLogger(__name__)
T = TypeVar("T")

THREADS = ThreadPoolExecutor(8, thread_name_prefix="gateway")
"""Bounds the database connections of all requests together: each is held for one query, never while a stream runs."""


async def in_database(function: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """Call `function` in a thread that lets go of its database connection at once."""

    def call() -> T:
        close_old_connections()
        try:
            return function(*arguments, **named)
        finally:
            close_old_connections()

    return await sync_to_async(call, thread_sensitive=False, executor=THREADS)()


@dataclass(eq=False)
class Ticket:
    """One request on its way; `leave` may be called more than once."""

    flights: "InFlight"
    replica_id: str
    api_key_id: str | None
    is_revoked: bool = False
    """Its key was revoked while it was answered."""
    _has_left: bool = field(default=False, init=False)

    def leave(self) -> None:
        if not self._has_left:
            self._has_left = True
            self.flights.forget(self)


class InFlight:
    """The requests of one event loop."""

    def __init__(self) -> None:
        self._tickets: set[Ticket] = set()
        self._untold: set[str] = set()
        """Replicas whose requests began since the database last heard of them."""
        self._beat: asyncio.Task[None] | None = None

    def enter(self, *, replica_id: str, api_key_id: str | None) -> Ticket:
        ticket = Ticket(self, replica_id, api_key_id)
        self._tickets.add(ticket)
        self._untold.add(replica_id)
        if self._beat is None:
            self._beat = asyncio.get_running_loop().create_task(self._tell())
        return ticket

    def forget(self, ticket: Ticket) -> None:
        self._tickets.discard(ticket)
        self._untold.add(ticket.replica_id)

    def counts(self) -> Counter[str]:
        """Requests by replica."""
        return Counter(ticket.replica_id for ticket in self._tickets)

    async def _tell(self) -> None:
        """Renew until the last request's end has been told."""
        interval = settings.TIMES.reconcile_seconds / 3
        while self._tickets or self._untold:
            replicas, self._untold = self._untold | set(self.counts()), set()
            try:
                await in_database(mark_requested, replicas)
                await self._look_for_revoked_keys()
            except DatabaseError as error:
                logger.warning("The database did not hear of the requests in flight: %s", error)
            await asyncio.sleep(interval)
        self._beat = None

    async def _look_for_revoked_keys(self) -> None:
        keys = {ticket.api_key_id for ticket in self._tickets if ticket.api_key_id}
        if not keys:
            return
        revoked = await in_database(_revoked, keys)
        for ticket in self._tickets:
            ticket.is_revoked = ticket.api_key_id in revoked


def _revoked(keys: Iterable[str]) -> set[str]:
    wanted = set(keys)
    return wanted - set(ApiKey.objects.filter(pk__in=wanted, revoked_at=None).values_list("pk", flat=True))
