"""A connection to the broker for the few things that live there: rate limits and heartbeats, all of them expendable."""

import functools
from urllib.parse import parse_qs, urlsplit

import redis
from django.conf import settings

UNREACHABLE = (redis.RedisError, OSError)


@functools.cache
def client() -> redis.Redis:
    """Return a client of BROKER_URL with short time-outs."""
    url = settings.BROKER_URL
    parts = urlsplit(url)
    if parts.scheme == "redis+socket":
        number = int(parse_qs(parts.query).get("virtual_host", ["0"])[0].strip("/") or 0)
        return redis.Redis(unix_socket_path=parts.path, db=number, socket_timeout=1)
    return redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)


def is_over_limit(name: str, *, limit: int, seconds: int) -> bool:
    """Count one more attempt at `name` and say whether it is beyond `limit` in the running window of `seconds`.

    A broker that is away limits nobody: a lost broker must not lock people out.
    """
    try:
        pipe = client().pipeline()
        pipe.incr(f"luthier:limit:{name}")
        pipe.expire(f"luthier:limit:{name}", seconds, nx=True)
        count, _ = pipe.execute()
    except UNREACHABLE:
        return False
    return int(count) > limit
