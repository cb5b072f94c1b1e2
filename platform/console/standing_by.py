"""The embedded database for a command: the one that runs, or one started for as long as it is needed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from console import environment
from console.embedded import PostgreSQL
from console.serve import AlreadyServing, hold


@contextmanager
def database(*, alone: bool = False) -> Iterator[None]:
    """Have the database answer; `alone`: with nobody serving this home, else AlreadyServing."""
    home = settings.EMBEDDED
    home.create()
    try:
        lock = hold(home.root)
    except AlreadyServing:
        if alone:
            raise
        yield  # its server is up
        return
    server = None if environment.text("DATABASE_URL") else PostgreSQL(home)
    try:
        if server is not None:
            server.start()
        yield
    finally:
        if server is not None:
            server.stop()
        os.close(lock)
