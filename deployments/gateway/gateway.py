"""The gateway: from a question to the replica that answers it, and the answer back, byte by byte.

One Gateway an event loop. Nothing here holds a database connection while it waits or streams.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote
from weakref import WeakKeyDictionary

import httpx
from django.conf import settings
from django.http import HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.utils.translation import get_language, override

from common.answers import ErrorObject
from common.errors import UserError, error_body
from common.unsent import unsent_bytes
from common.wording import in_words
from deployments.gateway.admission import Question
from deployments.gateway.in_flight import InFlight, Ticket
from deployments.gateway.metering import Meter
from deployments.gateway.streams import as_event, passed_on
from deployments.gateway.waits import RETRY_AFTER_SECONDS, Unanswerable, Waits
from deployments.gateway.waking import Refusal, Route
from deployments.messages import message
from serving.spec import BACKGROUND_HEADER, NAME_HEADER
from wording import Message, received

logger = logging.getLogger(__name__)
Say = Callable[[Message | str], str]

ANSWER_SECONDS = 600
"""The longest silence of a replica; OpenAI's SDK gives up after as long."""
RETRY_SECONDS = 0.2
BROKEN_ANSWER = "generation_failed"
"""What a replica says about an answer that it had started."""


class ReplicaGone(Exception):
    """The replica did not answer; `had_request` when it may have begun to work on it."""

    def __init__(self, *, had_request: bool) -> None:
        super().__init__("The replica did not answer.")
        self.had_request = had_request


class Gateway:
    """One event loop's connections to replicas, requests in flight and waits."""

    def __init__(self) -> None:
        self.flights = InFlight()
        self.waits = Waits()
        self.background: set[asyncio.Task[Any]] = set()
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=5),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=32, keepalive_expiry=10),
            trust_env=False,
        )

    async def answer(self, question: Question, *, is_chat: bool, request_id: str) -> HttpResponseBase:
        """Return the replica's answer under the model's public name; Unanswerable when none can be had in time.

        A request that found no replica is sent again as long as the caller is held; one that a replica may have begun
        to answer is sent again once, while nothing of the answer has gone out.
        """
        deadline = time.monotonic() + settings.TIMES.wake_hold_seconds
        meter = Meter(question)
        was_retried = False
        while True:
            route = await self.waits.route_to(question.target, deadline=deadline)
            try:
                return await self._ask(question, route, meter, is_chat=is_chat, request_id=request_id)
            except ReplicaGone as gone:
                if (gone.had_request and was_retried) or time.monotonic() > deadline:
                    raise Unanswerable(_gone(question)) from gone
                was_retried = was_retried or gone.had_request
                await asyncio.sleep(RETRY_SECONDS)

    def later(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run `work` when the answer has gone out."""
        task = asyncio.get_running_loop().create_task(work)
        self.background.add(task)
        task.add_done_callback(self.background.discard)

    async def close(self) -> None:
        """Let go of all connections, once what was left for later is done; no request may be under way."""
        while self.background:
            await asyncio.gather(*self.background, return_exceptions=True)
        await self.flights.close()
        await self._client.aclose()

    async def _ask(
        self, question: Question, route: Route, meter: Meter, *, is_chat: bool, request_id: str
    ) -> HttpResponseBase:
        ticket = self.flights.enter(replica_id=route.replica_id, caller=question.caller)
        try:
            reply = await self._send(question, route, is_chat=is_chat, request_id=request_id)
            if question.body.get("stream") is True and reply.status_code == httpx.codes.OK:
                return await self._streamed(question, reply, meter, ticket)
            return await self._whole(reply, meter, ticket)
        except BaseException:
            ticket.leave()
            raise

    async def _send(self, question: Question, route: Route, *, is_chat: bool, request_id: str) -> httpx.Response:
        path = "/v1/chat/completions" if is_chat else "/v1/completions"
        headers = {
            "authorization": f"Bearer {route.token}",
            "x-request-id": request_id,
            NAME_HEADER: quote(question.target.name),
        }
        if question.is_background:
            headers[BACKGROUND_HEADER] = "1"
        body = {**question.body, "model": route.model}
        request = self._client.build_request("POST", route.url + path, json=body, headers=headers)
        try:
            return await self._client.send(request, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise ReplicaGone(had_request=False) from error
        except httpx.ReadTimeout as error:
            raise Unanswerable(_gone(question)) from error
        except httpx.TransportError as error:
            raise ReplicaGone(had_request=True) from error

    async def _whole(self, reply: httpx.Response, meter: Meter, ticket: Ticket) -> HttpResponse:
        try:
            await reply.aread()
        except httpx.TransportError as error:
            raise ReplicaGone(had_request=True) from error
        except asyncio.CancelledError:
            self.later(meter.store())
            raise
        finally:
            await reply.aclose()
        value = _json(reply)
        if reply.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            # A request that breaks every answer it touches must not come again and again.
            raise ReplicaGone(had_request=_code(value) == BROKEN_ANSWER)
        if reply.status_code == httpx.codes.NOT_FOUND:  # it has let go of the model since: the next look asks for it
            raise ReplicaGone(had_request=False)
        ticket.leave()
        if ticket.has_ended:
            self.later(meter.store())
            raise _ended(ticket)
        if reply.status_code != httpx.codes.OK:
            return JsonResponse(_public_error(value), status=reply.status_code)
        meter.tally.take(value.get("usage"))
        meter.tally.is_complete = True
        meter.note_first_token()
        self.later(meter.store())
        return HttpResponse(reply.content, content_type="application/json")

    async def _streamed(
        self, question: Question, reply: httpx.Response, meter: Meter, ticket: Ticket
    ) -> StreamingHttpResponse:
        options = question.body.get("stream_options")
        wants_usage = isinstance(options, dict) and options.get("include_usage") is True
        say = _in_this_language()
        events = passed_on(
            reply.aiter_bytes(),
            wants_usage=wants_usage,
            tally=meter.tally,
            public_error=lambda value: _public_error(value, say),
        )
        try:
            first = await anext(events)
        except (httpx.TransportError, StopAsyncIteration) as error:
            await reply.aclose()
            raise ReplicaGone(had_request=True) from error
        except BaseException:
            await reply.aclose()
            raise
        relay = Relay(self, first, events, reply, meter, ticket, say)
        headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
        return StreamingHttpResponse(relay, content_type="text/event-stream; charset=utf-8", headers=headers)


class Relay:
    """The rest of a stream. Whatever happens to the caller, it is closed once: at its end, or when nothing holds it."""

    def __init__(
        self,
        gateway: Gateway,
        first: bytes,
        events: AsyncIterator[bytes],
        reply: httpx.Response,
        meter: Meter,
        ticket: Ticket,
        say: Say,
    ) -> None:
        self._gateway = gateway
        self._say = say
        self._first = first
        self._events = events
        self._reply = reply
        self._meter = meter
        self._ticket = ticket
        self._loop = asyncio.get_running_loop()
        self._is_closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            with self._watched(self._first):
                yield self._first
            while (event := await self._next()) is not None:
                self._meter.note_first_token()
                with self._watched(event):
                    yield event
            if self._ticket.has_ended and not self._meter.tally.is_complete:
                yield self._error_event(_ended(self._ticket))
            elif not self._meter.tally.is_complete:
                self._meter.has_failed = True
        except (httpx.TransportError, ValueError):
            self._meter.has_failed = True
            yield self._error_event(UserError(message("answer_lost"), status=503, code="replica_lost"))
        finally:
            self._close()

    def _error_event(self, error: UserError) -> bytes:
        return as_event(error_body(message=self._say(error.message), status=error.status, code=error.code))

    async def _next(self) -> bytes | None:
        """Return the next event; None at the end, or where the caller has no right to more."""
        if self._ticket.has_ended:
            return None
        reader = self._ticket.reader = asyncio.current_task()
        try:
            return await anext(self._events, None)
        except asyncio.CancelledError:
            if not self._ticket.has_ended or reader is None or reader.uncancel():
                raise  # the caller has left, or the server stops
            return None
        finally:
            self._ticket.reader = None

    @contextmanager
    def _watched(self, piece: bytes) -> Iterator[None]:
        """End the stream if `piece`, handed over within, waits while the reader takes nothing for too long."""
        self._watch(asyncio.current_task(), unsent_bytes() + len(piece))
        try:
            yield
        finally:
            self._timer.cancel()

    def _watch(self, sender: asyncio.Task[Any] | None, left: int) -> None:
        seconds = settings.TIMES.stream_stall_seconds
        self._timer = self._loop.call_later(seconds, self._look, sender, left)

    def _look(self, sender: asyncio.Task[Any] | None, left: int) -> None:
        """Keep watching a reader who is slow, of whose answer less than `left` bytes are left; cut off another."""
        now = unsent_bytes()
        if now < left:
            self._watch(sender, now)
            return
        logger.info("A reader took nothing of its answer for too long, so the answer ends.")
        self._close()
        if sender is not None:
            sender.cancel()  # it waits for room in the connection, which is closed with it

    def close(self) -> None:
        """Django calls this from a thread, at the latest when it drops the response."""
        if not self._is_closed and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._close)

    __del__ = close

    def _close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._ticket.leave()
            self._gateway.later(self._reply.aclose())
            self._gateway.later(self._meter.store())


_gateways: WeakKeyDictionary[asyncio.AbstractEventLoop, Gateway] = WeakKeyDictionary()


def gateway() -> Gateway:
    """Return the running event loop's gateway."""
    loop = asyncio.get_running_loop()
    if loop not in _gateways:
        _gateways[loop] = Gateway()
    return _gateways[loop]


def _in_this_language() -> Say:
    """Return what says a message in the language of this request, when it is not active any more."""
    language = get_language()

    def say(said: Message | str) -> str:
        with override(language):
            return in_words(said)

    return say


def _json(reply: httpx.Response) -> dict[str, Any]:
    try:
        value = reply.json()
    except ValueError:
        value = None
    if isinstance(value, dict):
        return value
    logger.error("A replica answered %s without a JSON object.", reply.status_code)
    raise ReplicaGone(had_request=True)


def _code(value: dict[str, Any]) -> Any:
    error = value.get("error")
    return error.get("code") if isinstance(error, dict) else None


def _public_error(value: dict[str, Any], say: Say = in_words) -> ErrorObject:
    """Return the replica's error, said in the reader's language."""
    error = value.get("error")
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return error_body(message=say(message("refused_by_replica")), status=400, code="refused_by_replica")
    said = received(error.get("translatable"), english=error["message"])
    shown: dict[str, Any] = {name: error.get(name) for name in ("type", "param", "code")}
    return {"error": {"message": say(said), "type": shown["type"], "param": shown["param"], "code": shown["code"]}}


def _ended(ticket: Ticket) -> UserError:
    if ticket.caller.user_id is not None:
        return UserError(message("access_ended"), status=403, code="access_ended")
    return UserError(message("answer_key_revoked"), status=401, code="invalid_api_key")


def _gone(question: Question) -> Refusal:
    return Refusal(
        reason=message("replica_lost", model=question.target.name),
        code="replica_lost",
        status=503,
        retry_after=RETRY_AFTER_SECONDS,
    )
