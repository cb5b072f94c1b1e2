"""A histogram that several processes fill and one shows: it lives at the broker, and like all there may be lost."""

import contextlib

from common.valkey import UNREACHABLE, client

BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10)
SCHEDULER = "scheduler"
"""How long a look of the scheduler at the queue takes."""


def observe(name: str, seconds: float) -> None:
    """Count one more measurement of `name`; where the broker is away it is not counted."""
    bucket = next((str(limit) for limit in BUCKETS if seconds <= limit), "+Inf")
    with contextlib.suppress(*UNREACHABLE):
        pipe = client().pipeline()
        pipe.hincrby(_key(name), bucket, 1)
        pipe.hincrbyfloat(_key(name), "sum", seconds)
        pipe.execute()


def observed(name: str) -> tuple[list[tuple[str, float]], float]:
    """Return (upper limit, how many are up to it) of every bucket in their order, and the sum of all."""
    counts: dict[str, str] = {}
    with contextlib.suppress(*UNREACHABLE):
        counts = {_text(key): _text(value) for key, value in client().hgetall(_key(name)).items()}  # type: ignore[union-attr]
    buckets: list[tuple[str, float]] = []
    number = 0.0
    for limit in (*map(str, BUCKETS), "+Inf"):
        number += float(counts.get(limit, 0))
        buckets.append((limit, number))
    return buckets, float(counts.get("sum", 0))


def _key(name: str) -> str:
    return f"luthier:measure:{name}"


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
