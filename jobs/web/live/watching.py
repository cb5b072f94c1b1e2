"""Who follows which job in this process: one look at a job for all of its readers, however many they are.

Nothing here holds a database connection for a reader. Looks share one connection, in a thread of their own; what
belongs to one reader (whether it may, what it lacks at the start) is asked in a few other threads.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import Error, close_old_connections, connection

from accounts.models import Membership
from common.errors import UserError
from common.unsent import unsent_bytes
from jobs.messages import message
from jobs.models import FineTuningJob
from jobs.web.live.frames import Batch, frame
from jobs.web.live.looking import Look
from jobs.web.live.positions import Position
from jobs.web.logs import LogLines

logger = logging.getLogger(__name__)
T = TypeVar("T")

LOOK_SECONDS, QUIET_SECONDS = 0.25, 1.0
"""Between two looks at a job; of one that has said nothing for a while."""
QUIET_AFTER_SECONDS = 15.0
BEAT_SECONDS = 10.0
"""So often a reader hears something, so that it knows that the line holds."""
RETRY_MILLISECONDS = 1000
LONGEST_SECONDS = 900.0
"""Then the browser comes back, and shows anew who it is."""
MOST_READERS, MOST_OF_ONE = 1000, 20
"""In one process, and of one person; whoever comes beyond asks every few seconds instead."""
MOST_BATCHES = 64
"""That a reader may be behind: beyond, its stream ends, and it comes back with the position that it has reached."""

ASKING = ThreadPoolExecutor(1, thread_name_prefix="looks")
READING = ThreadPoolExecutor(2, thread_name_prefix="logs")
BESIDE = ThreadPoolExecutor(4, thread_name_prefix="live")
"""For one reader each: so that a hundred who come back at once keep no look waiting."""
START = b"retry: %d\n\n" % RETRY_MILLISECONDS
BEAT = frame("beat").body


async def in_database(function: Callable[..., T], *arguments: Any) -> T:
    """Call `function` in a thread that gives its database connection back at once."""

    def call() -> T:
        close_old_connections()
        try:
            return function(*arguments)
        finally:
            close_old_connections()

    return await sync_to_async(call, thread_sensitive=False, executor=BESIDE)()


class Reader:
    """One stream."""

    def __init__(self, *, user_id: int, language: str, position: Position) -> None:
        self.user_id = user_id
        self.language = language
        self.position = position
        self.has_ended = False
        self._batches: asyncio.Queue[Batch | None] = asyncio.Queue(MOST_BATCHES)
        self._task: asyncio.Task[Any] | None = None

    def offer(self, batch: Batch) -> None:
        try:
            self._batches.put_nowait(batch)
        except asyncio.QueueFull:
            self.end()

    def end(self) -> None:
        """Have the stream end, also where it waits for a reader who takes nothing."""
        if not self.has_ended:
            self.has_ended = True
            if self._task is not None:
                self._task.cancel()

    def take(self, batch: Batch) -> bytes:
        said, self.position = batch.said_to(self.position, self.language)
        return said

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield what is offered, and a beat where nothing is."""
        self._task = asyncio.current_task()
        began = held_since = time.monotonic()
        held = 0
        while not self.has_ended and time.monotonic() - began < LONGEST_SECONDS:
            try:
                batch = await asyncio.wait_for(self._batches.get(), BEAT_SECONDS)
            except TimeoutError:
                yield BEAT
                batch = None
            if batch is not None and (said := self.take(batch)):
                yield said
            if batch is not None and batch.is_last:
                return
            if not (now := unsent_bytes()) or now < held:
                held_since = time.monotonic()
            elif time.monotonic() - held_since > settings.TIMES.stream_stall_seconds:
                return
            held = now


class Watch:
    """The looks at one job, as long as anybody follows it."""

    def __init__(self, job_id: str, team_id: int) -> None:
        self.readers: set[Reader] = set()
        self.has_begun = asyncio.Event()
        """Set once everything from now on is offered: what a reader lacks it must look up after that."""
        self._job_id, self._team_id = job_id, team_id
        self._look = Look(job_id)
        self._position = Position()
        self._checked_at = self._heard_at = time.monotonic()
        self.task = asyncio.get_running_loop().create_task(self._follow())

    async def _follow(self) -> None:
        try:
            while self.readers and not await self._look_once():
                is_quiet = time.monotonic() - self._heard_at > QUIET_AFTER_SECONDS
                await asyncio.sleep(QUIET_SECONDS if is_quiet else LOOK_SECONDS)
        except Exception:
            logger.exception("A job that people follow can be followed no further.")
            for reader in tuple(self.readers):
                reader.end()  # it comes back, to another watch
        finally:
            self.has_begun.set()

    async def _look_once(self) -> bool:
        """Offer what is new to all readers; return whether it was the last of it."""
        try:
            if not self.has_begun.is_set():
                self._position = await asyncio.get_running_loop().run_in_executor(ASKING, self._look.now)
                self.has_begun.set()
            batch = await self._batch()
            await self._end_what_lost_its_right()
        except Error as error:  # the connection may be gone: the next look has another
            logger.warning("A job that people follow could not be looked at: %s", error)
            await asyncio.get_running_loop().run_in_executor(ASKING, give_back)
            self._look = Look(self._job_id)  # one that does not take for said what was lost on its way
            return False
        if batch.after != self._position:
            self._position, self._heard_at = batch.after, time.monotonic()
        if any(batch.frames.values()):
            for reader in tuple(self.readers):
                reader.offer(batch)
        return batch.is_last

    async def _batch(self) -> Batch:
        """Look once; log and database apart, since a log in object storage may be slow to come."""
        loop, look, before = asyncio.get_running_loop(), self._look, self._position
        job, events = await loop.run_in_executor(ASKING, look.ask, before)
        lines = await loop.run_in_executor(READING, look.read, before)
        languages = {reader.language for reader in self.readers}
        return await loop.run_in_executor(ASKING, look.batch, job, events, lines, before, languages)

    async def _end_what_lost_its_right(self) -> None:
        if time.monotonic() - self._checked_at < settings.TIMES.reconcile_seconds:
            return
        self._checked_at = time.monotonic()
        people = {reader.user_id for reader in self.readers}
        members = await asyncio.get_running_loop().run_in_executor(ASKING, _members, self._team_id, people)
        for reader in tuple(self.readers):
            if reader.user_id not in members:
                reader.end()


class Watches:
    """Those of one event loop."""

    def __init__(self) -> None:
        self._watches: dict[str, Watch] = {}

    def require_room(self, user_id: int) -> None:
        readers = [reader for watch in self._watches.values() for reader in watch.readers]
        if len(readers) >= MOST_READERS or Counter(one.user_id for one in readers)[user_id] >= MOST_OF_ONE:
            raise UserError(message("too_many_streams"), status=503, code="too_many_streams")

    async def follow(self, job: FineTuningJob, reader: Reader) -> AsyncIterator[bytes]:
        """Yield what `reader` lacks, then what comes, each thing once; until the job or its right to it ends."""
        watch = self._watches.get(job.pk)
        if watch is None or watch.task.done():
            watch = self._watches[job.pk] = Watch(job.pk, job.team_id)
        watch.readers.add(reader)
        try:
            yield START
            await watch.has_begun.wait()
            batch = await in_database(_missed, job.pk, reader.position, reader.language)
            yield reader.take(batch)
            if batch.is_last:
                return
            async for piece in reader.pieces():
                yield piece
        except asyncio.CancelledError:
            if not reader.has_ended or ((task := asyncio.current_task()) is not None and task.uncancel()):
                raise  # the reader has left, or the server stops
        finally:
            watch.readers.discard(reader)
            if not watch.readers and self._watches.get(job.pk) is watch:
                del self._watches[job.pk]
            if not self._watches:
                ASKING.submit(give_back)


def give_back() -> None:
    """Close the connection that the looks of this thread share."""
    connection.close()


def _missed(job_id: str, position: Position, language: str) -> Batch:
    look = Look(job_id)
    job, events = look.ask(position)
    lines: LogLines | None = look.read(position)
    return look.batch(job, events, lines, position, [language])


def _members(team_id: int, people: set[int]) -> set[int]:
    found = Membership.objects.filter(team=team_id, user__in=people, user__is_active=True)
    return set(found.values_list("user_id", flat=True))


_watches: WeakKeyDictionary[asyncio.AbstractEventLoop, Watches] = WeakKeyDictionary()


def watches() -> Watches:
    """Return the running event loop's watches."""
    return _watches.setdefault(asyncio.get_running_loop(), Watches())
