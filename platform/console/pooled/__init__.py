"""The web process's connections to the database, kept from one request to the next.

Each request has a thread of its own, and a thread a connection: making one costs both sides milliseconds of a
processor, most of them for the password. A request that comes by none in time is answered 503, as when the database
is away.
"""

from typing import Any

LEAST, MOST = 2, 40
WAIT_SECONDS, IDLE_SECONDS = 3, 60


def keep_connections(database: dict[str, Any]) -> None:
    """Have the connections of an entry of DATABASES kept; called before the first one is made."""
    database |= {"ENGINE": "console.pooled", "CONN_HEALTH_CHECKS": False}  # the engine's own check is instead of them
    pool = {"min_size": LEAST, "max_size": MOST, "timeout": WAIT_SECONDS, "max_idle": IDLE_SECONDS}
    database["OPTIONS"] |= {"application_name": "luthier-web", "pool": pool}
