"""What one request used, stored when its answer has gone out."""

import asyncio
import logging
import time
from dataclasses import dataclass, field

from django.db import DatabaseError, IntegrityError

from accounts.rate_limits import count_tokens
from common.measures import (
    GATEWAY_FIRST_TOKEN,
    GATEWAY_REQUESTS,
    GATEWAY_SECONDS,
    GATEWAY_TOKENS,
)
from deployments.gateway.admission import Question
from deployments.gateway.in_flight import in_database
from deployments.gateway.streams import Tally
from deployments.models import Usage

logger = logging.getLogger(__name__)


@dataclass
class Meter:
    """Counts and times of one request."""

    question: Question
    tally: Tally = field(default_factory=Tally)
    has_failed: bool = False
    _began: float = field(default_factory=time.monotonic)
    _first_token: float | None = None

    def note_first_token(self) -> None:
        """Note the time of the answer's beginning, once."""
        if self._first_token is None:
            self._first_token = time.monotonic()

    async def store(self) -> None:
        """Write the usage row; a database that is away loses the row, never the answer."""
        ended = time.monotonic()
        self._measure(ended)
        try:
            await in_database(self._store, ended)
            await asyncio.to_thread(self._count)
        except IntegrityError:
            logger.info("The team or key of an answered request was deleted meanwhile; its usage is not kept.")
        except DatabaseError as error:
            logger.error("The usage of one request was not stored: %s", error)

    def _measure(self, ended: float) -> None:
        GATEWAY_REQUESTS.labels(self._outcome()).inc()
        GATEWAY_TOKENS.labels("prompt").inc(self.tally.prompt_tokens or 0)
        GATEWAY_TOKENS.labels("completion").inc(self.tally.completion_tokens or 0)
        GATEWAY_SECONDS.observe(ended - self._began)
        if self._first_token is not None:
            GATEWAY_FIRST_TOKEN.observe(self._first_token - self._began)

    def _store(self, ended: float) -> None:
        target, caller = self.question.target, self.question.caller
        Usage.objects.create(
            team=caller.team,
            api_key_id=caller.api_key_id,
            user_id=caller.user_id or caller.key_holder_id,
            deployment=target.deployment,
            model=target.name,
            outcome=self._outcome(),
            prompt_tokens=self.tally.prompt_tokens,
            completion_tokens=self.tally.completion_tokens,
            milliseconds=self._since_start(ended),
            first_token_milliseconds=None if self._first_token is None else self._since_start(self._first_token),
        )

    def _count(self) -> None:
        tokens = (self.tally.prompt_tokens or 0) + (self.tally.completion_tokens or 0)
        count_tokens(team=self.question.caller.team, key_id=self.question.caller.api_key_id, tokens=tokens)

    def _outcome(self) -> str:
        if self.has_failed:
            return Usage.Outcome.FAILED
        return Usage.Outcome.ANSWERED if self.tally.is_complete else Usage.Outcome.CANCELLED

    def _since_start(self, moment: float) -> int:
        return round((moment - self._began) * 1000)
