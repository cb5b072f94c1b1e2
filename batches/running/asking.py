"""Asks the requests of one batch through the gateway, some at once, and stores each answer as it comes."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import IO, Any

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone

from accounts.models import Team
from accounts.rate_limits import share_of_tokens
from batches.messages import message
from batches.models import Batch, BatchAnswer
from batches.running.lines import Line, raw_lines, read_line
from batches.running.writing import Lost
from common.errors import UserError, answer_to
from common.ids import new_id
from deployments.gateway.admission import Caller, Question
from deployments.gateway.gateway import gateway
from deployments.gateway.in_flight import in_database
from deployments.names import Target, find_target

MOST_TRIES = 3
"""At one request, where the replica stops each time."""
SHARE_OF_LIMIT = 0.5
"""Of a team's tokens of a minute or a day, beyond which a batch leaves the rest to whoever waits."""
LOST = "replica_lost"


class Asking:
    """The requests of one batch that are under way."""

    def __init__(
        self, batch: Batch, stream: IO[bytes], *, at_once: asyncio.Semaphore, stops: Callable[[], bool]
    ) -> None:
        self._batch = batch
        self._team = batch.team
        self._stream = stream
        self._at_once = at_once
        self._stops = stops
        self._tries: dict[int, int] = {}
        self._lines: Iterator[Line] = iter(())

    async def run(self) -> bool:
        """Ask what has no answer; True once all have one, or the time is over or somebody has cancelled the batch.

        False where the worker is to stop. Lost where another worker has taken the batch over.
        """
        self._lines = await in_database(self._unanswered)
        askers = [asyncio.create_task(self._ask_on()) for _ in range(settings.BATCH_REQUESTS)]
        try:
            await asyncio.gather(*askers)
        finally:
            for asker in askers:
                asker.cancel()
            await asyncio.gather(*askers, return_exceptions=True)
        return await in_database(self._is_whole) or await self._is_over_by_now()

    def _unanswered(self) -> Iterator[Line]:
        """Return the requests without an answer, read as they are needed."""
        answered = set(self._batch.answers.values_list("number", flat=True))
        self._stream.seek(0)
        return (
            read_line(number, content, endpoint=self._batch.endpoint)
            for number, content in raw_lines(self._stream)
            if number not in answered
        )

    def _is_whole(self) -> bool:
        return self._batch.answers.count() >= self._batch.num_requests

    async def _ask_on(self) -> None:
        while not self._stops() and not await self._is_over_by_now():
            line = next(self._lines, None)
            if line is None:
                return
            await self._ask(line)

    async def _ask(self, line: Line) -> None:
        """Ask one request until it is answered; nothing is stored where the batch ends meanwhile."""
        while not self._stops() and not await self._is_over_by_now():
            if await self._has_to_wait():
                await asyncio.sleep(settings.TIMES.reconcile_seconds)
                continue
            async with self._at_once:
                pause = await self._try(line)
            if pause is None:
                return
            await asyncio.sleep(min(pause, settings.TIMES.wake_hold_seconds))

    async def _try(self, line: Line) -> float | None:
        """Ask once; None where there is an answer, else the seconds after which to ask again."""
        request_id = new_id("req")
        try:
            target = await in_database(find_target, team=self._team, name=line.model)
            reply = await gateway().answer(self._question(line, target), is_chat=self._is_chat, request_id=request_id)
        except UserError as error:
            if error.status != 503 or self._is_hopeless(line, error):
                await self._store_refusal(line, error, request_id)
                return None
            await in_database(self._batch.note_wait, error.message)
            return float(getattr(error, "retry_after", None) or settings.TIMES.reconcile_seconds)
        assert isinstance(reply, HttpResponse)
        await self._store(line, reply, request_id)
        return None

    def _question(self, line: Line, target: Target) -> Question:
        caller = Caller(team=self._team, key_holder_id=self._batch.created_by_id)
        body = {name: value for name, value in line.body.items() if name != "stream"}
        return Question(caller=caller, target=target, body=body, is_background=True)

    @property
    def _is_chat(self) -> bool:
        return self._batch.endpoint == "/v1/chat/completions"

    def _is_hopeless(self, line: Line, error: UserError) -> bool:
        """Count a replica that has stopped at this request; say whether that was once too often."""
        if error.code == LOST:
            self._tries[line.number] = self._tries.get(line.number, 0) + 1
        return self._tries.get(line.number, 0) >= MOST_TRIES

    async def _store(self, line: Line, reply: HttpResponse, request_id: str) -> None:
        said = reply.content.decode()
        used = json.loads(said).get("usage") if reply.status_code == 200 else None
        counts = {name: int((used or {}).get(name) or 0) for name in ("prompt_tokens", "completion_tokens")}
        await self._record(line, request_id, reply.status_code, said, **counts)

    async def _store_refusal(self, line: Line, error: UserError, request_id: str) -> None:
        if error.code == LOST:
            lost = message("batch_replica_lost", times=MOST_TRIES)
            error = UserError(lost, code=LOST, status=503)
        answer = answer_to(error)
        await self._record(line, request_id, answer.status, json.dumps(answer.body, ensure_ascii=False))

    async def _record(self, line: Line, request_id: str, status: int, body: str, **counts: int) -> None:
        answer = BatchAnswer(
            number=line.number, custom_id=line.custom_id, status_code=status, request_id=request_id, body=body
        )
        if not await in_database(self._batch.record, answer, **counts):
            raise Lost
        await in_database(self._batch.note_wait, None)

    async def _has_to_wait(self) -> bool:
        """Say whether the team's limits leave nothing for a batch now, and note it."""
        self._team = await in_database(Team.objects.get, pk=self._team.pk)  # its limits may be others by now
        has_to = await asyncio.to_thread(share_of_tokens, self._team) >= SHARE_OF_LIMIT
        if has_to:
            await in_database(self._batch.note_wait, message("batch_waits_for_limit"))
        return has_to

    async def _is_over_by_now(self) -> bool:
        """Look whether the batch is cancelled, out of time, or another worker's."""
        return await in_database(self._is_over)

    def _is_over(self) -> bool:
        rows: Any = Batch.objects.filter(pk=self._batch.pk, claim=self._batch.claim)
        status = rows.values_list("status", flat=True).first()
        if status is None:
            raise Lost
        return status == Batch.Status.CANCELLING or self._batch.expires_at <= timezone.now()
