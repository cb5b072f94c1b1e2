"""A connection to the broker for the few things that live there: rate limits and heartbeats, all of them expendable."""

import contextlib
import functools
import threading
import time
from urllib.parse import parse_qs, urlsplit

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

UNREACHABLE = (redis.RedisError, OSError)


_connecting = threading.Lock()


def client() -> redis.Redis:
    """Return the process's client of BROKER_URL, with short time-outs.

    Of two made at once by two threads one would be dropped, and its connections closed, while it is in use.
    """
    with _connecting:
        return _client()


@functools.cache
def _client() -> redis.Redis:
    url = settings.BROKER_URL
    parts = urlsplit(url)
    if parts.scheme == "redis+socket":
        number = int(parse_qs(parts.query).get("virtual_host", ["0"])[0].strip("/") or 0)
        return redis.Redis(unix_socket_path=parts.path, db=number, socket_timeout=1, retry=_at_once())
    return redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1, retry=_at_once())


def _at_once() -> Retry:
    """Try once more, by a new connection: of itself the library waits for seconds in between, with the request."""
    return Retry(NoBackoff(), 1)


def is_over_limit(name: str, *, limit: int, seconds: int) -> bool:
    """Count one more attempt at `name` and say whether it is beyond `limit` in the running window of `seconds`."""
    return count_attempt(name, seconds=seconds) > limit


def count_attempt(name: str, *, seconds: int) -> int:
    """Count one more attempt at `name` and return how many there were in the running window of `seconds`.

    While the broker is away this process keeps its own count: guessing is not free then, and no one is locked out.
    """
    try:
        pipe = client().pipeline()
        pipe.incr(f"luthier:limit:{name}")
        pipe.expire(f"luthier:limit:{name}", seconds, nx=True)
        count, _ = pipe.execute()
    except UNREACHABLE:
        count = _count_here(name, seconds)
    return int(count)


def forget_attempts(name: str) -> None:
    """Restart the count of `name`."""
    _counts.pop(name, None)
    with contextlib.suppress(*UNREACHABLE):
        client().delete(f"luthier:limit:{name}")


_counts: dict[str, tuple[int, float]] = {}
"""Of each name counted while the broker was away: attempts, and when its window ends by the monotonic clock."""
_MOST_COUNTS = 10_000
_counting = threading.Lock()


def _count_here(name: str, seconds: int) -> int:
    now = time.monotonic()
    with _counting:
        if len(_counts) >= _MOST_COUNTS:
            for old in [key for key, (_, until) in _counts.items() if until < now] or list(_counts)[
                : _MOST_COUNTS // 2
            ]:
                del _counts[old]
        count, until = _counts.get(name, (0, 0.0))
        _counts[name] = (count + 1, until) if until > now else (1, now + seconds)
        return _counts[name][0]
