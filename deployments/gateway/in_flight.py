"""Requests in flight: while there are any on a replica, the database is updated, so that it is not taken for idle.

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
from django.db import Error, close_old_connections

from accounts.models import ApiKey, Membership
from deployments.gateway.admission import Caller
from deployments.replicas import mark_requested

logger = logging.getLogger(__name__)
T = TypeVar("T")

THREADS = ThreadPoolExecutor(8, thread_name_prefix="gateway")
"""Bounds the database connections of all requests together: each is held for one query, never while a stream runs."""


async def in_database(function: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """Call `function` in a thread that gives its database connection back at once."""

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
    caller: Caller
    has_ended: bool = field(default=False, init=False)
    """The caller's key was revoked while it was answered, or the person left the team or was deactivated."""
    reader: asyncio.Task[Any] | None = field(default=None, init=False)
    """What waits for the replica's next word, if anything does: the replica may be silent for long."""
    _has_left: bool = field(default=False, init=False)

    def end(self) -> None:
        """Have the answer end; the task that waits for more of it is cancelled, once."""
        if not self.has_ended:
            self.has_ended = True
            if self.reader is not None:
                self.reader.cancel()

    def leave(self) -> None:
        if not self._has_left:
            self._has_left = True
            self.flights.forget(self)


class InFlight:
    """The requests of one event loop."""

    def __init__(self) -> None:
        self._tickets: set[Ticket] = set()
        self._untold: set[str] = set()
        """Replicas whose requests started since the database was last updated."""
        self._beat: asyncio.Task[None] | None = None

    def enter(self, *, replica_id: str, caller: Caller) -> Ticket:
        ticket = Ticket(self, replica_id, caller)
        self._tickets.add(ticket)
        self._untold.add(replica_id)
        if self._beat is None:
            self._beat = asyncio.get_running_loop().create_task(self._tell())
        return ticket

    def forget(self, ticket: Ticket) -> None:
        self._tickets.discard(ticket)
        self._untold.add(ticket.replica_id)

    async def close(self) -> None:
        """Tell of nothing any more."""
        if self._beat is not None:
            self._beat.cancel()
            await asyncio.wait([self._beat])

    def counts(self) -> Counter[str]:
        """Requests by replica."""
        return Counter(ticket.replica_id for ticket in self._tickets)

    async def _tell(self) -> None:
        """Renew until the last request's end has been recorded."""
        interval = settings.TIMES.reconcile_seconds / 3
        while self._tickets or self._untold:
            replicas, self._untold = self._untold | set(self.counts()), set()
            try:
                await in_database(mark_requested, replicas)
                await self._end_what_lost_its_right()
            except Error as error:  # an InterfaceError too: a connection that is gone is no DatabaseError
                logger.warning("The database did not hear of the requests in flight: %s", error)
            await asyncio.sleep(interval)
        self._beat = None

    async def _end_what_lost_its_right(self) -> None:
        callers = {ticket.caller for ticket in self._tickets}
        if not callers:
            return
        ended = await in_database(_without_right, callers)
        for ticket in list(self._tickets):
            if ticket.caller in ended:
                ticket.end()


def _without_right(callers: Iterable[Caller]) -> set[Caller]:
    """Return those whose key is dead, and people who are not in the team any more or were deactivated."""
    by_key = {caller.api_key_id: caller for caller in callers if caller.api_key_id is not None}
    by_person = {(caller.user_id, caller.team.pk): caller for caller in callers if caller.user_id is not None}
    keys: set[str] = set()
    people: set[tuple[int, int]] = set()
    if by_key:
        keys.update(ApiKey.objects.live().filter(pk__in=by_key).values_list("pk", flat=True))
    if by_person:
        wanted = {user_id for user_id, _team in by_person}
        members = Membership.objects.filter(user__in=wanted, user__is_active=True)
        people.update(members.values_list("user_id", "team_id"))
    dead_keys = {caller for key, caller in by_key.items() if key not in keys}
    return dead_keys | {caller for person, caller in by_person.items() if person not in people}
