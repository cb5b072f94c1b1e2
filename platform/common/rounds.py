"""Periodic rounds that may take longer than their period: one at a time on a machine."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings


@contextmanager
def alone(name: str) -> Iterator[bool]:
    """Yield whether this round may be done here: False while an earlier one of this name is still at it.

    Else a storage that hangs would fill every thread of a worker with rounds that wait for it. The lock ends with its
    process.
    """
    folder = Path(settings.LUTHIER_HOME) / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"round-{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
