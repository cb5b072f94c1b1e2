"""Several things done at once on a real database, in an order that the test decides."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection, connections, transaction
from django.db.models import Model

from tests.compute.supervision import wait_until


class Act(threading.Thread):
    """One thing done in a thread with connections of its own: what it returned, or the error that it raised."""

    def __init__(self, act: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._act = act
        self.database_id: int | None = None
        self.result: Any = None

    def run(self) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                self.database_id = cursor.fetchone()[0]
            self.result = self._act()
        except BaseException as error:
            self.result = error
        finally:
            connections.close_all()

    @property
    def is_waiting(self) -> bool:
        """Whether the database lets it wait for somebody else's lock."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT cardinality(pg_blocking_pids(%s))", [self.database_id])
            return bool(cursor.fetchone()[0])


def at_once(*acts: Callable[[], Any], behind: Model) -> Sequence[Any]:
    """Begin `acts`, each once the one before waits for the lock of the row `behind`, then free it; return the results.

    PostgreSQL serves those who wait in the order in which they came, so the first act is the first one to go on. An
    error that an act raises is its result. An act that waits for nothing has ended before the next one begins.
    """
    threads = [Act(act) for act in acts]
    with transaction.atomic():
        type(behind)._base_manager.select_for_update(of=("self",)).get(pk=behind.pk)
        for thread in threads:
            thread.start()
            wait_until(
                lambda thread=thread: not thread.is_alive() or (thread.database_id and thread.is_waiting),
                what="a thread to wait or to end",
            )
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive(), "an act has not ended"
    return [thread.result for thread in threads]
