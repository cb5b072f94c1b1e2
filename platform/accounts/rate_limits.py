"""How much a key and its team may ask in a minute and in a day: requests of all kinds, and tokens of models.

Counts live in the broker, in windows that begin at whole minutes and days (UTC); nothing is lost that matters when they
are. While the broker is away nothing is counted, and nothing refused.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from django.conf import settings

from accounts.messages import message
from accounts.models import ApiKey, Team
from common import answer_headers
from common.errors import UserError
from common.valkey import UNREACHABLE, client

logger = logging.getLogger(__name__)

Kind = Literal["requests", "tokens"]
WINDOWS = {"minute": 60, "day": 86_400}
NAMES = tuple(f"{kind}_per_{window}" for kind in ("requests", "tokens") for window in WINDOWS)
"""As settings, keys, teams and the API call the limits."""
PAUSE_SECONDS = 5
"""For which a broker that did not answer is not asked: each request would wait for it."""
_silent_until = 0.0


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """What is left of one limit."""

    kind: Kind
    limit: int
    used: int
    reset_seconds: int
    whose: Literal["key", "team"]

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)


class RateLimited(UserError):
    """More was asked than the key or its team may."""

    status = 429

    def __init__(self, over: Allowance) -> None:
        code = {"key": "rate_limit_of_key", "team": "rate_limit_of_team"}[over.whose]
        kind = message({"requests": "kind_requests", "tokens": "kind_tokens"}[over.kind])
        said = message(code, kind=kind, limit=f"{over.limit:,}", seconds=over.reset_seconds)
        super().__init__(said, code="rate_limit_exceeded")
        self.retry_after = over.reset_seconds


def limits_of(whose: ApiKey | Team) -> dict[str, int]:
    """Return the limits that hold: its own, else the platform's; 0 is none."""
    by_default: Mapping[str, int] = settings.RATE_LIMITS["key" if isinstance(whose, ApiKey) else "team"]
    return {**by_default, **{name: value for name, value in whose.limits.items() if value is not None}}


def count_request(key: ApiKey, *, asks_model: bool = False) -> None:
    """Count a request of `key`, and tell its answer what is left; RateLimited where that is nothing.

    Tokens are looked at for a question to a model alone; they are counted once it is answered.
    """
    found = _counted(_limited(key, key.team))
    for kind in ("requests", "tokens"):
        if of_kind := [one for one in found if one.kind == kind]:
            _tell(min(of_kind, key=lambda one: one.remaining))
    over = [one for one in found if _is_over(one, asks_model=asks_model)]
    if over:
        raise RateLimited(max(over, key=lambda one: one.reset_seconds))


def count_tokens(*, team: Team, key_id: str | None, tokens: int) -> None:
    """Count tokens that were read and written for an answer."""
    names = [f"team:{team.pk}", *([f"key:{key_id}"] if key_id else [])]

    def fill(pipeline: Any) -> None:
        for name in names:
            for seconds in WINDOWS.values():
                place = _place(name, "tokens", seconds)
                pipeline.incrby(place, tokens)
                pipeline.expire(place, 2 * seconds)

    if tokens:
        _asked(fill)


def share_of_tokens(team: Team) -> float:
    """Return how much of its tokens of this minute or of this day a team has used, whichever is more: 1 is all."""
    limits = {name: limits_of(team)[f"tokens_per_{name}"] for name in WINDOWS}
    limited = {name: seconds for name, seconds in WINDOWS.items() if limits[name]}

    def fill(pipeline: Any) -> None:
        for seconds in limited.values():
            pipeline.get(_place(f"team:{team.pk}", "tokens", seconds))

    used = _asked(fill)
    return max((int(number or 0) / limits[name] for name, number in zip(limited, used, strict=False)), default=0.0)


@dataclass(frozen=True)
class _Limit:
    whose: Literal["key", "team"]
    name: str
    kind: Kind
    seconds: int
    limit: int

    def allowance(self, used: int, now: int) -> Allowance:
        reset = self.seconds - now % self.seconds
        return Allowance(kind=self.kind, limit=self.limit, used=used, reset_seconds=reset, whose=self.whose)


def _is_over(one: Allowance, *, asks_model: bool) -> bool:
    return one.used > one.limit if one.kind == "requests" else asks_model and one.used >= one.limit


def _limited(key: ApiKey, team: Team) -> list[_Limit]:
    found = []
    holders: tuple[tuple[Literal["key", "team"], str, ApiKey | Team], ...] = (
        ("key", f"key:{key.pk}", key), ("team", f"team:{team.pk}", team),
    )  # fmt: skip
    kinds: tuple[Kind, Kind] = ("requests", "tokens")
    for whose, name, holder in holders:
        limits = limits_of(holder)
        for kind in kinds:
            for window, seconds in WINDOWS.items():
                if limit := limits[f"{kind}_per_{window}"]:
                    found.append(_Limit(whose, name, kind, seconds, limit))
    return found


def _counted(limits: list[_Limit]) -> list[Allowance]:
    """Count one request in each limit of requests and return how things stand; [] while the broker is away."""

    def fill(pipeline: Any) -> None:
        for one in limits:
            place = _place(one.name, one.kind, one.seconds)
            pipeline.incrby(place, 1 if one.kind == "requests" else 0)
            pipeline.expire(place, 2 * one.seconds)

    used = _asked(fill)[::2]
    now = int(time.time())
    return [one.allowance(int(number), now) for one, number in zip(limits, used, strict=False)]


def _place(name: str, kind: Kind, seconds: int) -> str:
    return f"luthier:rate:{name}:{kind}:{seconds}:{int(time.time()) // seconds}"


def _tell(left: Allowance) -> None:
    answer_headers.add(f"x-ratelimit-limit-{left.kind}", str(left.limit))
    answer_headers.add(f"x-ratelimit-remaining-{left.kind}", str(left.remaining))
    answer_headers.add(f"x-ratelimit-reset-{left.kind}", _as_duration(left.reset_seconds))


def _as_duration(seconds: int) -> str:
    """Return a time as OpenAI writes it: 6m0s, 12s."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{rest}s"


def _asked(fill: Callable[[Any], None]) -> list[Any]:
    """Return the broker's answers to the commands that `fill` puts into a pipeline; [] while it is away."""
    global _silent_until
    if time.monotonic() < _silent_until:
        return []
    try:
        pipeline = client().pipeline(transaction=False)
        fill(pipeline)
        return list(pipeline.execute())
    except UNREACHABLE as error:
        _silent_until = time.monotonic() + PAUSE_SECONDS
        logger.warning("Requests are not counted while the broker does not answer: %s", error)
        return []
