"""Wake-ups: messages that are safe to lose, repeat or reorder, because the database holds the truth."""

import logging
from typing import Any

from celery import Task
from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)

EXPIRES_SECONDS = 30


def wake(task: Task, *args: Any, queue: str | None = None, countdown: float | None = None) -> None:
    """Send `task` when the current transaction has committed; a broker that is away is no error."""

    def send() -> None:
        try:
            task.apply_async(args=args, queue=queue, countdown=countdown, expires=EXPIRES_SECONDS, retry=False)
        except (OperationalError, OSError) as error:
            logger.warning("The broker did not take a wake-up for %s: %s. The reconciler will.", task.name, error)

    transaction.on_commit(send)
