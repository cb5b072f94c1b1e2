"""Wake-ups: messages that are safe to lose, repeat or reorder, because the database holds the truth."""

import logging
from typing import Any

from celery import Task, current_app
from django.db import transaction
from kombu.exceptions import OperationalError

from common import tracing

logger = logging.getLogger(__name__)

EXPIRES_SECONDS = 30
"""Of a wake-up for the control workers, which may all be away while more and more are sent. One for a node has no end:
the node's clock, which may be wrong, would be the judge of it, and only nodes that are heard are woken."""


def wake(task: Task | str, *args: Any, queue: str | None = None) -> None:
    """Send `task` when the current transaction has committed; a broker that is away is not an error.

    By its name where what a task runs wakes others in turn.
    """
    named = current_app.signature(task) if isinstance(task, str) else task
    expires = EXPIRES_SECONDS if queue is None else None

    def send() -> None:
        try:
            named.apply_async(args=args, queue=queue, expires=expires, retry=False, **_headers())
        except (OperationalError, OSError) as error:
            logger.warning("The broker did not take a wake-up for %s: %s. The reconciler will.", named.name, error)

    transaction.on_commit(send)


def _headers() -> dict[str, Any]:
    """Return what lets the task go on in the trace that it is woken from; nothing where nobody traces."""
    parent = tracing.carried()
    return {"headers": {tracing.PARENT: parent}} if parent else {}
