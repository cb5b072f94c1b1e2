"""The test database at an earlier migration and back."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.db.migrations.executor import MigrationExecutor


def migrate(*targets: tuple[str, str]) -> Any:
    """Bring the database to `targets`, or to the newest migration of every app; return the state that it is in then."""
    with without_collector():
        executor = MigrationExecutor(connection)
        return executor.migrate(list(targets) or executor.loader.graph.leaf_nodes())


@contextmanager
def without_collector() -> Iterator[None]:
    """Look for no garbage: among models drawn up anew at each of hundreds of steps that took a third of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
