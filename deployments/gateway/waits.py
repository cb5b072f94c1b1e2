"""Requests that wait for a model: all who wait for the same one look together."""

import asyncio
import time

from django.conf import settings

from common.errors import UserError
from deployments.gateway.in_flight import in_database
from deployments.gateway.waking import Refusal, Route, Waiting, route_or_wake
from deployments.messages import message
from deployments.names import Target
from wording import Message

LOOK_SECONDS = 0.15
RETRY_AFTER_SECONDS = 5


class Unanswerable(UserError):
    """The model does not answer now; `retry_after` (seconds) says when it may."""

    def __init__(self, refusal: Refusal) -> None:
        param = "model" if refusal.status == 404 else None
        super().__init__(refusal.reason, code=refusal.code, status=refusal.status, param=param)
        self.retry_after = refusal.retry_after


class Waits:
    """The waits of one event loop."""

    def __init__(self) -> None:
        self._waits: dict[str, _Wait] = {}

    async def route_to(self, target: Target, *, deadline: float) -> Route:
        """Return the way to `target`, waiting until `deadline` (monotonic) for it; Unanswerable otherwise."""
        reason: Message | None = None
        while (left := deadline - time.monotonic()) > 0:
            wait = self._join(target)
            try:
                found = await asyncio.wait_for(asyncio.shield(wait.task), left)
            except TimeoutError:
                reason = wait.reason
                break
            if isinstance(found, Route):
                return found
            if isinstance(found, Refusal):
                raise Unanswerable(found)
            reason = found.reason
        raise Unanswerable(_not_in_time(target, reason))

    def _join(self, target: Target) -> "_Wait":
        wait = self._waits.get(target.key)
        if wait is None:
            wait = self._waits[target.key] = _Wait(target)
            wait.task.add_done_callback(lambda _: self._waits.pop(target.key, None))
        return wait


class _Wait:
    """Looks again and again until there is a route, a refusal, or nobody left waiting."""

    def __init__(self, target: Target) -> None:
        self.reason: Message | None = None
        self._deadline = time.monotonic() + settings.TIMES.wake_hold_seconds
        self.task = asyncio.get_running_loop().create_task(self._look(target))

    async def _look(self, target: Target) -> Route | Waiting | Refusal:
        while True:
            found = await in_database(route_or_wake, target)
            if not isinstance(found, Waiting) or time.monotonic() > self._deadline:
                return found
            self.reason = found.reason
            await asyncio.sleep(LOOK_SECONDS)


def _not_in_time(target: Target, reason: Message | None) -> Refusal:
    return Refusal(
        reason=message("model_not_ready", model=target.name).followed_by(reason),
        code="model_not_ready",
        status=503,
        retry_after=RETRY_AFTER_SECONDS,
    )
